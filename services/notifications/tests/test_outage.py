"""No provider works for an hour: stale and superseded notices are not sent, and no notice is sent twice.

NOTICES=5000 pytest …: the number of notices that wait.
"""

import os
from collections import Counter
from datetime import timedelta

from notifications_fixtures import OpenNotificationsEnv
from wanderamt.contracts import CitizenUnreached, NoticeDropped

NOTICES = int(os.environ.get("NOTICES", "400"))
GATE_PER_S, SMSC_PER_S = 60, 90
DOWN = {"down": True}
UP = {"down": False}


async def test_an_hour_without_providers(open_notifications_env: OpenNotificationsEnv) -> None:
    limits = {
        "gate": {"rate_per_s": GATE_PER_S, "max_concurrent_calls": 20},
        "smsc": {"rate_per_s": SMSC_PER_S, "max_concurrent_calls": 20},
    }
    async with open_notifications_env("gate", "smsc", limits=limits) as env:
        for simulator in (env.gate, env.smsc):
            simulator.faults = simulator.faults.model_copy(update=DOWN)
        env.smsc.disconnect()
        superseded = [env.case_opened(phone=f"+43660{number:07}") for number in range(NOTICES // 4)]
        soon = [
            env.appointment_booked(phone=f"+43664{number:07}", in_=timedelta(minutes=40))
            for number in range(NOTICES // 4)
        ]
        waiting = [env.document_issued(phone=f"+43676{number:07}") for number in range(NOTICES // 2)]
        for first in range(0, NOTICES, 100):
            await env.deliver_events(*[*superseded, *soon, *waiting][first : first + 100])
        for step in range(6):
            await env.advance_clock(timedelta(minutes=10))
            if step == 2:  # after half an hour these cases have a newer notice
                newer = [
                    env.document_issued(event.case_id, phone=f"+43660{number:07}")
                    for number, event in enumerate(superseded)
                ]
                for first in range(0, len(newer), 100):
                    await env.deliver_events(*newer[first : first + 100])
        assert not env.received_sms()
        for simulator in (env.gate, env.smsc):
            simulator.faults = simulator.faults.model_copy(update=UP)
            simulator.call_log.at.clear()
        await env.advance_clock(timedelta(minutes=3))  # the breakers let a probe through
        await env.wait_until_idle(timeout_s=60 + NOTICES / 20)

        texts = env.received_sms()
        assert max(Counter(texts).values()) == 1, "sent twice"
        assert not [text for _, text in texts if "Ihr Termin:" in text], "stale"
        assert not [text for _, text in texts if "aufgenommen" in text], "superseded"
        assert len(texts) == len(waiting) + len(superseded)
        reasons = Counter(notice["reason"] for notice in await env.notices() if notice["state"] == "dropped")
        assert reasons == {"superseded": len(superseded), "stale": len(soon)}
        dropped = await env.published(NoticeDropped)
        assert Counter(event["reason"] for event in dropped) == reasons
        assert len(await env.published(CitizenUnreached)) == len(soon)  # staff calls them
        assert (await env.states())["sent"] == len(texts)
        assert env.gate.call_log.max_per_second() <= GATE_PER_S + 1
        assert env.smsc.call_log.max_per_second() <= SMSC_PER_S + 1
        assert env.gate.call_log.max_concurrent <= 20
        assert not await env.rows("SELECT 1 FROM job WHERE status <> 'succeeded'")


async def test_a_channel_goes_on_after_a_probe_whose_process_was_killed(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env:
        await env.deliver_events(env.document_issued())
        await env.wait_until_idle()
        breaker = {"phase": "half_open", "until": env.clock().isoformat(), "times_opened": 1}
        await env.rows(
            "UPDATE provider SET state = jsonb_set(state::jsonb, '{breaker}', $1::jsonb) RETURNING name",
            breaker,
        )
        await env.deliver_events(env.document_issued())
        await env.advance_clock(timedelta(minutes=10))
        await env.wait_until_idle()
        assert await env.states() == {"sent": 2}

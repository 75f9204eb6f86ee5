"""All providers are away for an hour: what is stale by then is not sent, what was overtaken neither, nothing twice.

NOTICES=5000 pytest …: how many wait; the suite takes fewer.
"""

import os
from collections import Counter
from datetime import timedelta
from typing import Any

from wanderamt.contracts import CitizenUnreached, NoticeDropped

NOTICES = int(os.environ.get("NOTICES", "400"))
GATE_PER_S, SMSC_PER_S = 60, 90
AWAY = {"down": True}
BACK = {"down": False}


async def test_an_hour_without_providers(open_city: Any) -> None:
    limits = {
        "gate": {"rate_per_s": GATE_PER_S, "concurrency": 20},
        "smsc": {"rate_per_s": SMSC_PER_S, "concurrency": 20},
    }
    async with open_city("gate", "smsc", limits=limits) as city:
        for one in (city.gate, city.smsc):
            one.knobs = one.knobs.model_copy(update=AWAY)
        city.smsc.hang_up()
        overtaken = [city.opened(phone=f"+43660{number:07}") for number in range(NOTICES // 4)]
        soon = [city.booked(phone=f"+43664{number:07}", in_=timedelta(minutes=40)) for number in range(NOTICES // 4)]
        waiting = [city.issued(phone=f"+43676{number:07}") for number in range(NOTICES // 2)]
        for first in range(0, NOTICES, 100):
            await city.hear(*[*overtaken, *soon, *waiting][first : first + 100])
        for step in range(6):
            await city.jump(timedelta(minutes=10))
            if step == 2:  # half an hour in, these cases have moved on
                newer = [city.issued(one.case_id, phone=f"+43660{n:07}") for n, one in enumerate(overtaken)]
                for first in range(0, len(newer), 100):
                    await city.hear(*newer[first : first + 100])
        assert not city.texts()
        for one in (city.gate, city.smsc):
            one.knobs = one.knobs.model_copy(update=BACK)
            one.seen.at.clear()
        await city.jump(timedelta(minutes=3))  # the breakers' pause is over
        await city.settled(timeout_s=60 + NOTICES / 20)

        texts = city.texts()
        assert max(Counter(texts).values()) == 1, "doubled"
        assert not [text for _, text in texts if "Ihr Termin:" in text], "stale"
        assert not [text for _, text in texts if "aufgenommen" in text], "overtaken"
        assert len(texts) == len(waiting) + len(overtaken)
        reasons = Counter(one["reason"] for one in await city.notices() if one["state"] == "dropped")
        assert reasons == {"superseded": len(overtaken), "stale": len(soon)}
        told = await city.told(NoticeDropped)
        assert Counter(one["reason"] for one in told) == reasons
        assert len(await city.told(CitizenUnreached)) == len(soon)  # staff rings them up
        assert (await city.states())["sent"] == len(texts)
        assert city.gate.seen.most_in_a_second() <= GATE_PER_S + 1
        assert city.smsc.seen.most_in_a_second() <= SMSC_PER_S + 1
        assert city.gate.seen.most_together <= 20
        assert not await city.rows("SELECT 1 FROM job")

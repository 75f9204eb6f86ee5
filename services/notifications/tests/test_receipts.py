"""Delivery receipts in any order and number: the final states are correct, and no receipt is lost."""

import asyncio
import os
import random
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from connector_kit.transports.smpp.pdu import STATES, MessageState, deliver_body, receipt_text
from notifications.handlers.receipts import store_receipts
from notifications_fixtures import NotificationsEnv, OpenNotificationsEnv
from pydantic_core import to_json
from uuid_utils.compat import uuid7
from wanderamt.backbone.scheduler import PeriodicTask
from wanderamt.contracts import CitizenUnreached, NoticeDelivered, NoticeFailed, NoticeSent, NoticeUnknown
from wanderamt.security.roles import Role
from wanderamt_testing.service_env import component
from wanderamt_testing.waiting import wait_until

KEY = "receipt-key"


def receipt(notice: dict[str, Any], status: str, **other: Any) -> dict[str, Any]:
    fields = {"id": notice["provider_ref"] or "T?", "reference": str(notice["notice_id"]), "status": status}
    return fields | other


async def store(env: NotificationsEnv, *bodies: object, provider: str = "gate") -> None:
    raw = [body if isinstance(body, bytes) else to_json(body) for body in bodies]
    await store_receipts(provider, raw, context=env.context)


async def test_a_posted_receipt_is_stored_before_the_response_and_applied_later(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", components=("providers", "jobs")) as env:
        await env.deliver_events(env.document_issued())
        await env.wait_until_idle()
        [notice] = await env.notices()
        body = to_json({"receipts": [receipt(notice, "delivered")]})
        async with env.http_client() as http:
            unsigned = await http.post("/receipts/gate", content=body)
            assert (unsigned.status_code, unsigned.json()["code"]) == (401, "receipt.not_signed")
            wrong = await http.post("/receipts/gate", content=body, headers={"x-signature": "0" * 64})
            assert wrong.status_code == 401
            assert (await http.post("/receipts/nobody", content=body)).status_code == 404
            assert (await http.post("/receipts/gate", content=body, headers=env.signed(body))).status_code == 200
        [row] = await env.rows("SELECT state, raw FROM receipt")
        assert row["state"] == "stored"
        assert b"delivered" not in row["raw"]
        await component(env.service.components, "receipts", PeriodicTask).run_once()
        assert await env.states() == {"delivered": 1}
        assert len(await env.published(NoticeDelivered)) == 1


async def test_a_receipt_that_comes_before_its_message_is_recorded_waits(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("smsc", components=("providers", "receipts")) as env:
        await env.deliver_events(env.document_issued(phone="+436605550001"))
        [notice] = await env.notices()
        extras = {0x001E: b"0000000001\0", 0x0427: bytes((STATES.index(MessageState.DELIVERED) + 1,))}
        text = receipt_text("0000000001", MessageState.DELIVERED)
        early = deliver_body("436605550001", "city", text, is_receipt=True, extras=extras)
        await store(env, early, provider="smsc")
        await wait_until(lambda: env.has_receipts({"waiting": 1}))
        await env.service.components["jobs"].start()
        await wait_until(lambda: env.has_states({"sent": 1}))
        env.clock.ahead += timedelta(seconds=20)
        await wait_until(lambda: env.has_states({"delivered": 1}))
        assert await env.has_receipts({"applied": 1})
        await env.service.components["jobs"].stop()
        assert notice["provider"] == ""


async def test_an_unknown_message_is_reconciled_by_number_and_short_reference(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("smsc") as env:
        env.smsc.faults = env.smsc.faults.model_copy(
            update={"receipts": True, "receipt_after_s": 0.2, "cut_share": 1.0}
        )
        for number in range(
            1, 6
        ):  # one after the other: a message on a connection that is cut just then reaches nobody
            await env.deliver_events(env.document_issued())
            await wait_until(partial(_has_taken, env, number))
        await wait_until(lambda: env.has_states({"delivered": 5}), timeout_s=40)
        assert len(await env.published(NoticeUnknown)) == 5
        assert len(await env.published(NoticeDelivered)) == 5
        assert len(env.smsc.messages) == 5


def _has_taken(env: NotificationsEnv, number: int) -> bool:
    return len(env.smsc.messages) == number


async def test_a_final_failure_goes_to_another_channel_and_then_to_staff(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", "post") as env:
        await env.deliver_events(
            env.document_issued(phone="+436605550001"),
            env.document_issued(phone="+436605550002", email="z@mail.example"),
        )
        await wait_until(lambda: env.has_states({"sent": 2}))
        notices = await env.notices()
        await store(env, {"receipts": [receipt(notice, "failed", code="absent") for notice in notices]})
        await wait_until(lambda: env.has_states({"failed": 2, "sent": 1}))
        assert env.post.call_log.effects.total() == 1
        assert [event["reason"] for event in await env.published(CitizenUnreached)] == ["absent"]
        async with env.http_client(Role.CLERK) as http:
            assert [task["reason"] for task in (await http.get("/tasks")).json()] == ["absent"]


async def test_a_late_delivered_beats_failed_and_nothing_beats_delivered(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env:
        await env.deliver_events(env.document_issued())
        await wait_until(lambda: env.has_states({"sent": 1}))
        [notice] = await env.notices()
        for status, state in (
            ("failed", "failed"),
            ("delivered", "delivered"),
            ("failed", "delivered"),
            ("accepted", "delivered"),
        ):
            await store(env, {"receipts": [receipt(notice, status)]})
            await wait_until(lambda: env.has_receipts_only("applied"))
            assert await env.states() == {state: 1}
        assert (len(await env.published(NoticeFailed)), len(await env.published(NoticeDelivered))) == (1, 1)


async def test_without_a_receipt_in_time_the_notice_ends_as_no_receipt(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", "post") as env:
        await env.deliver_events(
            env.document_issued(phone="+436605550001"), env.document_issued(email="zoe@mail.example")
        )
        await wait_until(lambda: env.has_states({"sent": 2}))
        receipt_timeouts = component(env.service.components, "receipt_timeouts", PeriodicTask)
        env.clock.ahead = timedelta(hours=71)
        await receipt_timeouts.run_once()
        assert await env.states() == {"sent": 2}
        env.clock.ahead = timedelta(hours=73)
        await receipt_timeouts.run_once()
        assert await env.states() == {"sent": 1, "no_receipt": 1}  # the mail server sends no receipts
        [notice] = [candidate for candidate in await env.notices() if candidate["state"] == "no_receipt"]
        await store(env, {"receipts": [receipt(notice, "delivered")]})
        await wait_until(lambda: env.has_states({"sent": 1, "delivered": 1}))


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b'{"receipts": [{"id": 1}]}', b"<html></html>", b"[]"])
async def test_an_unreadable_receipt_is_stored_and_counted(
    open_notifications_env: OpenNotificationsEnv, raw: bytes
) -> None:
    async with open_notifications_env("gate", "smsc", "courier") as env:
        for provider in ("gate", "smsc", "courier"):
            await store(env, raw, provider=provider)
        await wait_until(lambda: env.has_receipts({"unreadable": 3}))
        kept = await env.rows("SELECT raw FROM receipt WHERE raw IS NOT NULL")
        assert len(kept) == 3


@pytest.mark.parametrize("raw", [b"status=DELIVRD", b"text=stop"])
async def test_a_receipt_without_a_message_delays_no_other(
    open_notifications_env: OpenNotificationsEnv, raw: bytes
) -> None:
    async with open_notifications_env("courier") as env:
        await env.deliver_events(env.document_issued())
        await wait_until(lambda: env.has_states({"sent": 1}))
        [notice] = await env.notices()
        await store(env, raw, provider="courier")
        await store(env, f"status=DELIVRD&ref={notice['notice_id']}".encode(), provider="courier")
        await wait_until(lambda: env.has_receipts({"unreadable": 1, "applied": 1}))
        await wait_until(lambda: env.has_states({"delivered": 1}))


async def test_a_receipt_of_an_unknown_message_waits_and_ends_as_unmatched(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env:
        await store(env, {"receipts": [{"id": "T9", "reference": str(uuid7()), "status": "delivered"}]})
        await wait_until(lambda: env.has_receipts({"waiting": 1}))
        env.clock.ahead = timedelta(hours=80)
        await wait_until(lambda: env.has_receipts({"unmatched": 1}))


async def test_the_word_stop_ends_messages_to_that_number_and_anything_else_does_not(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", "smsc") as env:
        await env.deliver_events(env.document_issued(phone="+436605550001"), env.document_issued(phone="+436605550002"))
        await wait_until(lambda: env.has_states({"sent": 2}))
        await store(env, {"inbound": [{"from": "0660 5550001", "text": "Danke!"}]})
        env.smsc.write("436605550002", "Stop.")
        await wait_until(lambda: env.has_receipts({"applied": 2}))
        await env.deliver_events(
            env.case_opened(phone="+436605550001"), env.case_opened(phone="+436605550002", consent=None)
        )
        await env.wait_until_idle()
        assert await env.states() == {"sent": 3, "dropped": 1}
        [row] = await env.rows("SELECT withdrawn_by FROM consent WHERE withdrawn_at IS NOT NULL")
        assert row["withdrawn_by"] == "sms"


STATUSES = ("accepted", "delivered", "failed")


@pytest.mark.parametrize("seed", range(int(os.environ.get("SEEDS", "2"))))
async def test_receipts_in_any_order_and_number_end_in_the_right_state(
    open_notifications_env: OpenNotificationsEnv, seed: int
) -> None:
    """Each message gets a few random receipts at random moments; their rank decides its final state."""
    rng = random.Random(seed)  # noqa: S311 -- seeded, not secret
    async with open_notifications_env("gate", components=("providers", "receipts"), day_budget=10_000) as env:
        events = [env.document_issued() for _ in range(40)]
        await env.deliver_events(*events)
        notices = await env.notices()
        script: list[tuple[float, dict[str, Any]]] = []
        expected: dict[UUID, str] = {}
        for notice in notices:
            statuses = [rng.choice(STATUSES) for _ in range(rng.randrange(0, 5))]
            for status in statuses:
                body = {"receipts": [receipt(notice, status)]}
                moment = rng.random()
                script += [(moment, body)] * rng.choice((1, 1, 2))
            final = "delivered" if "delivered" in statuses else "failed" if "failed" in statuses else "sent"
            expected[notice["notice_id"]] = final
        strangers = [{"id": "T?", "reference": str(uuid7()), "status": rng.choice(STATUSES)} for _ in range(10)]
        script += [(rng.random(), {"receipts": [posted]}) for posted in strangers]
        script.sort(key=lambda entry: entry[0])
        started = False
        for moment, body in script:
            if moment > 0.4 and not started:  # until now every receipt is earlier than its message
                started = True
                await env.service.components["jobs"].start()
            await store(env, body)
            if rng.random() < 0.2:
                await asyncio.sleep(0.02)
        await env.wait_until_idle()

        # a receipt that came before its message is tried again later: only those of no message of ours go on waiting
        async def only_strangers_wait() -> bool:
            env.clock.ahead += timedelta(minutes=20)
            return await env.has_receipts({"applied": len(script) - len(strangers), "waiting": len(strangers)})

        await wait_until(only_strangers_wait, interval_s=1.2)
        states = {
            notice["notice_id"]: notice["state"] for notice in await env.notices() if not notice["tried_channels"]
        }
        assert states == expected
        assert len(await env.published(NoticeDelivered)) == list(expected.values()).count("delivered")
        assert len(await env.published(NoticeSent)) <= 40
        await env.service.components["jobs"].stop()

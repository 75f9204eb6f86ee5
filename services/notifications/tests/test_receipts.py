"""What providers say later, in whatever order and however often: final states right, none lost."""

import asyncio
import os
import random
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from connector_kit.smpp.pdu import STATES, MessageState, deliver_body, receipt_text
from notifications.handlers.receipts import keep_receipts
from pydantic_core import to_json
from uuid_utils.compat import uuid7
from wanderamt.contracts import CitizenUnreached, NoticeDelivered, NoticeFailed, NoticeSent, NoticeUnknown
from wanderamt.security.roles import Role

KEY = "receipt-key"


def told(notice: dict[str, Any], status: str, **other: Any) -> dict[str, Any]:
    one = {"id": notice["provider_ref"] or "T?", "reference": str(notice["notice_id"]), "status": status}
    return one | other


async def keep(city: Any, *bodies: Any, provider: str = "gate") -> None:
    raw = [one if isinstance(one, bytes) else to_json(one) for one in bodies]
    async with city.database.work() as work:
        await keep_receipts(provider, raw, work, ground=city.service.notices)


async def test_a_receipt_by_web_hook_is_kept_before_it_is_answered_and_then_applied(open_city: Any) -> None:
    async with open_city("gate", parts=("providers", "jobs")) as city:
        await city.hear(city.issued())
        await city.settled()
        [notice] = await city.notices()
        body = to_json({"receipts": [told(notice, "delivered")]})
        async with city.door() as http:
            unsigned = await http.post("/receipts/gate", content=body)
            assert (unsigned.status_code, unsigned.json()["code"]) == (401, "receipt.not_signed")
            wrong = await http.post("/receipts/gate", content=body, headers={"x-signature": "0" * 64})
            assert wrong.status_code == 401
            assert (await http.post("/receipts/nobody", content=body)).status_code == 404
            assert (await http.post("/receipts/gate", content=body, headers=city.signed(body))).status_code == 200
        [row] = await city.rows("SELECT state, raw FROM receipt")
        assert row["state"] == "kept"
        assert b"delivered" not in row["raw"]
        await city.service.parts["receipts"].look()
        assert await city.states() == {"delivered": 1}
        assert len(await city.told(NoticeDelivered)) == 1


async def test_one_that_comes_before_its_message_was_written_down_waits_for_it(open_city: Any) -> None:
    async with open_city("smsc", parts=("providers", "receipts")) as city:
        await city.hear(city.issued(phone="+436605550001"))
        [notice] = await city.notices()
        extras = {0x001E: b"0000000001\0", 0x0427: bytes((STATES.index(MessageState.DELIVERED) + 1,))}
        text = receipt_text("0000000001", MessageState.DELIVERED)
        early = deliver_body("436605550001", "city", text, is_receipt=True, extras=extras)
        await keep(city, early, provider="smsc")
        await city.until(lambda: city.receipts_are({"waiting": 1}))
        await city.service.parts["jobs"].start()
        await city.until(lambda: city.states_are({"sent": 1}))
        city.ahead += timedelta(seconds=20)
        await city.until(lambda: city.states_are({"delivered": 1}))
        assert await city.receipts_are({"applied": 1})
        await city.service.parts["jobs"].stop()
        assert notice["provider"] == ""


async def test_an_unknown_message_is_reconciled_by_number_and_short_reference(open_city: Any) -> None:
    async with open_city("smsc") as city:
        city.smsc.knobs = city.smsc.knobs.model_copy(
            update={"receipts": True, "receipt_after_s": 0.2, "cut_share": 1.0}
        )
        for number in range(1, 6):  # one by one: what is written to a line that is cut just then was taken by nobody
            await city.hear(city.issued())
            await city.until(partial(_has_taken, city, number))
        await city.until(lambda: city.states_are({"delivered": 5}), timeout_s=40)
        assert len(await city.told(NoticeUnknown)) == 5
        assert len(await city.told(NoticeDelivered)) == 5
        assert len(city.smsc.messages) == 5


def _has_taken(city: Any, number: int) -> bool:
    return len(city.smsc.messages) == number


async def test_a_final_failure_goes_to_another_channel_and_then_to_staff(open_city: Any) -> None:
    async with open_city("gate", "post") as city:
        await city.hear(city.issued(phone="+436605550001"), city.issued(phone="+436605550002", email="z@mail.example"))
        await city.until(lambda: city.states_are({"sent": 2}))
        found = await city.notices()
        await keep(city, {"receipts": [told(one, "failed", code="absent") for one in found]})
        await city.until(lambda: city.states_are({"failed": 2, "sent": 1}))
        assert city.post.seen.effects.total() == 1
        assert [one["reason"] for one in await city.told(CitizenUnreached)] == ["absent"]
        async with city.door(Role.CLERK) as http:
            assert [one["reason"] for one in (await http.get("/tasks")).json()] == ["absent"]


async def test_late_news_that_it_arrived_beats_a_failure_and_nothing_beats_that(open_city: Any) -> None:
    async with open_city("gate") as city:
        await city.hear(city.issued())
        await city.until(lambda: city.states_are({"sent": 1}))
        [notice] = await city.notices()
        for status, state in (
            ("failed", "failed"),
            ("delivered", "delivered"),
            ("failed", "delivered"),
            ("accepted", "delivered"),
        ):
            await keep(city, {"receipts": [told(notice, status)]})
            await city.until(lambda: city.receipts_are_all("applied"))
            assert await city.states() == {state: 1}
        assert (len(await city.told(NoticeFailed)), len(await city.told(NoticeDelivered))) == (1, 1)


async def test_without_a_receipt_in_time_staff_is_told_that_nobody_knows(open_city: Any) -> None:
    async with open_city("gate", "post") as city:
        await city.hear(city.issued(phone="+436605550001"), city.issued(email="zoe@mail.example"))
        await city.until(lambda: city.states_are({"sent": 2}))
        unconfirmed = city.service.parts["unconfirmed"]
        city.ahead = timedelta(hours=71)
        await unconfirmed.look()
        assert await city.states() == {"sent": 2}
        city.ahead = timedelta(hours=73)
        await unconfirmed.look()
        assert await city.states() == {"sent": 1, "unconfirmed": 1}  # the mail server tells no such things
        [notice] = [one for one in await city.notices() if one["state"] == "unconfirmed"]
        await keep(city, {"receipts": [told(notice, "delivered")]})
        await city.until(lambda: city.states_are({"sent": 1, "delivered": 1}))


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b'{"receipts": [{"id": 1}]}', b"<html></html>", b"[]"])
async def test_one_that_nobody_can_read_is_kept_and_counted(open_city: Any, raw: bytes) -> None:
    async with open_city("gate", "smsc", "courier") as city:
        for provider in ("gate", "smsc", "courier"):
            await keep(city, raw, provider=provider)
        await city.until(lambda: city.receipts_are({"unreadable": 3}))
        kept = await city.rows("SELECT raw FROM receipt WHERE raw IS NOT NULL")
        assert len(kept) == 3


@pytest.mark.parametrize("raw", [b"status=DELIVRD", b"text=stop"])
async def test_one_that_names_no_message_and_nobody_holds_up_no_other(open_city: Any, raw: bytes) -> None:
    async with open_city("courier") as city:
        await city.hear(city.issued())
        await city.until(lambda: city.states_are({"sent": 1}))
        [notice] = await city.notices()
        await keep(city, raw, provider="courier")
        await keep(city, f"status=DELIVRD&ref={notice['notice_id']}".encode(), provider="courier")
        await city.until(lambda: city.receipts_are({"unreadable": 1, "applied": 1}))
        await city.until(lambda: city.states_are({"delivered": 1}))


async def test_one_of_a_message_nobody_knows_is_looked_for_and_then_kept_as_unmatched(open_city: Any) -> None:
    async with open_city("gate") as city:
        await keep(city, {"receipts": [{"id": "T9", "reference": str(uuid7()), "status": "delivered"}]})
        await city.until(lambda: city.receipts_are({"waiting": 1}))
        city.ahead = timedelta(hours=80)
        await city.until(lambda: city.receipts_are({"unmatched": 1}))


async def test_the_word_stop_ends_messages_to_that_number_and_anything_else_does_not(open_city: Any) -> None:
    async with open_city("gate", "smsc") as city:
        await city.hear(city.issued(phone="+436605550001"), city.issued(phone="+436605550002"))
        await city.until(lambda: city.states_are({"sent": 2}))
        await keep(city, {"inbound": [{"from": "0660 5550001", "text": "Danke!"}]})
        city.smsc.write("436605550002", "Stop.")
        await city.until(lambda: city.receipts_are({"applied": 2}))
        await city.hear(city.opened(phone="+436605550001"), city.opened(phone="+436605550002", consent=None))
        await city.settled()
        assert await city.states() == {"sent": 3, "dropped": 1}
        [row] = await city.rows("SELECT withdrawn_by FROM consent WHERE withdrawn_at IS NOT NULL")
        assert row["withdrawn_by"] == "sms"


WORDS = ("accepted", "delivered", "failed")


@pytest.mark.parametrize("seed", range(int(os.environ.get("SEEDS", "2"))))
async def test_early_late_twice_unknown_and_out_of_order_end_in_the_right_state(open_city: Any, seed: int) -> None:
    """Each message gets a random handful of receipts at random moments; by rank it must end in one state."""
    rng = random.Random(seed)  # noqa: S311 -- seeded, not secret
    async with open_city("gate", parts=("providers", "receipts"), day_budget=10_000) as city:
        events = [city.issued() for _ in range(40)]
        await city.hear(*events)
        found = await city.notices()
        script: list[tuple[float, dict[str, Any]]] = []
        wanted: dict[Any, str] = {}
        for notice in found:
            words = [rng.choice(WORDS) for _ in range(rng.randrange(0, 5))]
            for word in words:
                body = {"receipts": [told(notice, word)]}
                moment = rng.random()
                script += [(moment, body)] * rng.choice((1, 1, 2))
            final = "delivered" if "delivered" in words else "failed" if "failed" in words else "sent"
            wanted[notice["notice_id"]] = final
        strangers = [{"id": "T?", "reference": str(uuid7()), "status": rng.choice(WORDS)} for _ in range(10)]
        script += [(rng.random(), {"receipts": [one]}) for one in strangers]
        script.sort(key=lambda one: one[0])
        begun = False
        for moment, body in script:
            if moment > 0.4 and not begun:  # until here every receipt is earlier than its message
                begun = True
                await city.service.parts["jobs"].start()
            await keep(city, body)
            if rng.random() < 0.2:
                await asyncio.sleep(0.02)
        await city.settled()
        for _ in range(3):
            city.ahead += timedelta(minutes=30)
            await asyncio.sleep(1.2)
        await city.until(lambda: city.receipts_are_all("applied", but={"waiting"}))
        states = {one["notice_id"]: one["state"] for one in await city.notices() if not one["tried"]}
        assert states == wanted
        counted = await city.rows("SELECT state, count(*) AS n FROM receipt GROUP BY state")
        assert sum(row["n"] for row in counted) == len(script)
        assert {row["state"]: row["n"] for row in counted}.get("waiting") == 10
        assert len(await city.told(NoticeDelivered)) == list(wanted.values()).count("delivered")
        assert len(await city.told(NoticeSent)) <= 40
        await city.service.parts["jobs"].stop()

"""SMPP 3.4 on real sockets: our client against our operator, and an independent client against our operator."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar
from uuid import UUID

import pytest
import pytest_asyncio
import smpplib.client
import smpplib.consts
import smpplib.gsm
from connector_kit.adapter import Stamp
from connector_kit.manifest import Manifest
from connector_kit.smpp.bridge import SmppBridge
from connector_kit.smpp.link import Address
from connector_kit.smpp.pdu import (
    BadPdu,
    Coding,
    Frames,
    MessageState,
    Submit,
    coding_of,
    frame,
    read_deliver,
    read_receipt,
    read_submit,
    submit_body,
)
from connector_kit.smpp.simulator import Operator, OperatorKnobs
from connector_kit.verdict import AuthFailed, Done, Rejected, RetryLater, Throttled, Unknown, Verdict
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

STAMP = Stamp(UUID(int=1), "clerk", "notice")


class Text(BaseModel):
    to: str
    text: str


class Taken(BaseModel):
    message_id: str


class Plain:
    SENDER: ClassVar[str] = "Linz"

    def encode(self, operation: str, question: BaseModel, stamp: Stamp) -> Submit:
        assert isinstance(question, Text)
        return Submit(self.SENDER, question.to, question.text, reference=7)

    def taken(self, operation: str, message_id: str) -> Verdict:
        return Done(Taken(message_id=message_id))


MANIFEST = Manifest.model_validate(
    {
        "version": 1,
        "id": "operator",
        "owner": "a test",
        "transport": "smpp",
        "connect_timeout_s": 1,
        "limits": {"rate_per_s": 1000, "concurrency": 100},
        "operations": {
            "send": {
                "kind": "command",
                "effect": "unsafe",
                "question": "Text",
                "answer": "Taken",
                "timeout_s": 0.5,
                "deadline_s": 60,
                "purposes": ["notice"],
            }
        },
    }
)


class Desk:
    def __init__(self, operator: Operator, port: int) -> None:
        self.operator, self.port, self.kept, self.deaf = operator, port, [], False
        self.bridge = self.bridge_with("secret")

    def bridge_with(self, password: str) -> SmppBridge:
        address = Address("127.0.0.1", self.port, "city", password)
        return SmppBridge(MANIFEST, Plain(), {"Text": Text, "Taken": Taken}, address, self.keep)

    async def keep(self, bodies: Sequence[bytes]) -> None:
        if self.deaf:
            raise OSError
        self.kept += bodies

    async def send(self, text: str = "Hallo", to: str = "+436605550001") -> Verdict:
        return await self.bridge.call("send", Text(to=to, text=text).model_dump_json().encode(), STAMP)


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    operator = Operator(system_id="city", password="secret", knobs=OperatorKnobs(receipt_after_s=0.01))
    async with operator.serve("127.0.0.1", 0) as port:
        desk = Desk(operator, port)
        yield desk
        await desk.bridge.close()


async def until(holds: Any) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_message_is_taken_and_its_receipt_is_kept_before_it_is_answered(desk: Desk) -> None:
    assert await desk.send() == Done(Taken(message_id="0000000001"))
    assert desk.operator.messages == [Submit("Linz", "436605550001", "Hallo", 7)]
    await until(lambda: desk.kept)
    told = read_receipt(read_deliver(desk.kept[0]))
    assert (told.message_id, told.state, told.reference) == ("0000000001", MessageState.DELIVERED, 7)


async def test_many_messages_go_over_one_connection_at_a_time(desk: Desk) -> None:
    verdicts = await asyncio.gather(*(desk.send(f"Nr {number}") for number in range(200)))
    assert all(isinstance(one, Done) for one in verdicts)
    assert len({one.text for one in desk.operator.messages}) == 200
    assert len(desk.operator._lines) == 1


@pytest.mark.parametrize(
    ("knobs", "verdict"),
    [
        ({"fail_next": 1}, RetryLater("smpp_0x8")),
        ({"apply_then_timeout_share": 1.0}, Unknown("no_answer")),
        ({"cut_share": 1.0}, Unknown("no_answer")),
        ({"refused_numbers": ["436605550001"]}, Rejected("smpp_0xb")),
        ({"not_let_in": True}, AuthFailed("smpp_0xe")),
        ({"down": True}, RetryLater("unreachable")),
    ],
)
async def test_what_goes_wrong_says_whether_it_may_have_happened(
    desk: Desk, knobs: dict[str, Any], verdict: Verdict
) -> None:
    desk.operator.knobs = desk.operator.knobs.model_copy(update=knobs)
    assert await desk.send() == verdict
    assert bool(desk.operator.messages) == isinstance(verdict, Unknown)


async def test_too_many_are_throttled(desk: Desk) -> None:
    desk.operator.knobs = desk.operator.knobs.model_copy(update={"per_s": 2})
    verdicts = [await desk.send(f"Nr {number}") for number in range(4)]
    assert [type(one) for one in verdicts] == [Done, Done, Throttled, Throttled]


async def test_nobody_there_is_told_as_surely_not_happened(desk: Desk) -> None:
    nobody = SmppBridge(MANIFEST, Plain(), {"Text": Text}, Address("127.0.0.1", 1, "city", "x"), desk.keep)
    question = Text(to="+43660", text="x").model_dump_json().encode()
    assert await nobody.call("send", question, STAMP) == RetryLater("unreachable")


async def test_after_a_connection_broke_the_next_message_makes_a_new_one(desk: Desk) -> None:
    await desk.send("one")
    desk.operator.hang_up()
    await asyncio.sleep(0.05)
    assert isinstance(await desk.send("two"), Done)


async def test_a_receipt_that_cannot_be_kept_is_not_answered(desk: Desk) -> None:
    desk.deaf = True
    await desk.send()
    await asyncio.sleep(0.1)
    assert not desk.kept


async def test_words_of_a_citizen_are_no_receipt(desk: Desk) -> None:
    await desk.bridge.connect()
    desk.operator.write("+436605550001", "STOP")
    await until(lambda: desk.kept)
    deliver = read_deliver(desk.kept[0])
    assert (deliver.is_receipt, deliver.text, deliver.source) == (False, "STOP", "436605550001")


@pytest.mark.parametrize(
    ("text", "coding"),
    [
        ("Grüß Gott €", Coding.GSM7),
        ("Belgeniz hazır", Coding.UCS2),
        ("Документ готовий", Coding.UCS2),
        ("ä" * 400, Coding.GSM7),
    ],
)
def test_texts_come_out_as_they_went_in(text: str, coding: Coding) -> None:
    assert coding_of(text)[0] is coding
    assert read_submit(submit_body(Submit("Linz", "436605550001", text))).text == text


@given(st.binary(max_size=200))
def test_whatever_bytes_come_in_end_in_a_value_or_in_bad_pdu(noise: bytes) -> None:
    for read in (
        read_submit,
        read_deliver,
        lambda body: read_receipt(read_deliver(body)),
        lambda b: list(Frames().feed(b)),
    ):
        with contextlib.suppress(BadPdu):
            read(noise)


def test_frames_come_whole_however_they_were_cut() -> None:
    stream = b"".join(frame(0x15, number, b"x" * number) for number in range(1, 20))
    frames, found = Frames(), []
    for byte in stream:
        found += frames.feed(bytes((byte,)))
    assert [(one.sequence, len(one.body)) for one in found] == [(number, number) for number in range(1, 20)]


async def test_an_independent_client_is_understood_by_our_operator(desk: Desk) -> None:
    """smpplib knows nothing of our code: what it binds, sends and reads is SMPP."""
    receipts: list[Any] = []

    def heard(pdu: Any) -> None:
        receipts.append(pdu)

    def talk() -> str:
        client = smpplib.client.Client("127.0.0.1", desk.port, timeout=5)
        told: list[Any] = []
        client.set_message_sent_handler(lambda pdu: told.append(pdu.message_id))
        client.set_message_received_handler(heard)
        client.connect()
        client.bind_transceiver(system_id="city", password="secret")
        parts, coding, esm_class = smpplib.gsm.make_parts("Grüß Gott")
        client.send_message(
            source_addr_ton=smpplib.consts.SMPP_TON_ALNUM,
            source_addr="Linz",
            dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
            destination_addr="436605550001",
            short_message=parts[0],
            data_coding=coding,
            esm_class=esm_class,
            registered_delivery=True,
        )
        client.read_once()
        client.read_once()
        client.unbind()
        client.disconnect()
        return str(told[0].decode())

    assert await asyncio.to_thread(talk) == "0000000001"
    assert [(one.destination, one.text) for one in desk.operator.messages] == [("436605550001", "Grüß Gott")]
    assert b"stat:DELIVRD" in receipts[0].short_message

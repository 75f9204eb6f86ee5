"""SMPP 3.4 on real sockets: our client and an independent client against our simulated operator."""

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
from connector_kit.adapter import CallContext
from connector_kit.call_outcome import (
    AuthFailed,
    CallOutcome,
    PossiblyExecuted,
    Rejected,
    Succeeded,
    TemporarilyUnavailable,
    Throttled,
)
from connector_kit.manifest.manifest import Manifest
from connector_kit.testing.smpp_simulator import SmppFaults, SmppSimulator
from connector_kit.transports.smpp.bridge import SmppBridge
from connector_kit.transports.smpp.connection import SmppTarget
from connector_kit.transports.smpp.pdu import (
    DataCoding,
    FrameDecoder,
    InvalidPduError,
    MessageState,
    Pdu,
    SubmitMessage,
    coding_of,
    frame,
    read_deliver,
    read_receipt,
    read_submit,
    submit_body,
)
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from wanderamt_testing.waiting import wait_until

CONTEXT = CallContext(UUID(int=1), "clerk", "notice")


class Text(BaseModel):
    to: str
    text: str


class SmppAccepted(BaseModel):
    message_id: str


class TextSmppAdapter:
    SENDER: ClassVar[str] = "Linz"

    def encode(self, operation: str, question: BaseModel, context: CallContext) -> SubmitMessage:
        assert isinstance(question, Text)
        return SubmitMessage(self.SENDER, question.to, question.text, reference=7)

    def accepted(self, operation: str, message_id: str) -> CallOutcome:
        return Succeeded(SmppAccepted(message_id=message_id))


MANIFEST = Manifest.model_validate(
    {
        "version": 1,
        "id": "operator",
        "owner": "a test",
        "transport": "smpp",
        "time_zone": "Europe/Vienna",
        "connect_timeout_s": 5,
        "limits": {"rate_per_s": 1000, "max_concurrent_calls": 100},
        "operations": {
            "send": {
                "kind": "command",
                "idempotency": "none",
                "question": "Text",
                "answer": "Taken",
                "timeout_s": 3,
                "deadline_s": 60,
                "purposes": ["notice"],
            }
        },
    }
)


class SmppClient:
    def __init__(self, operator: SmppSimulator, port: int) -> None:
        self.operator, self.port, self.storage_fails = operator, port, False
        self.stored: list[bytes] = []
        self.bridge = self.bridge_with("secret")

    def bridge_with(self, password: str) -> SmppBridge:
        target = SmppTarget("127.0.0.1", self.port, "city", password)
        return SmppBridge(MANIFEST, TextSmppAdapter(), {"Text": Text, "Taken": SmppAccepted}, target, self.store)

    async def store(self, bodies: Sequence[bytes]) -> None:
        if self.storage_fails:
            raise OSError
        self.stored += bodies

    async def send(self, text: str = "Hallo", to: str = "+436605550001") -> CallOutcome:
        return await self.bridge.call("send", Text(to=to, text=text).model_dump_json().encode(), CONTEXT)


@pytest_asyncio.fixture
async def client() -> AsyncIterator[SmppClient]:
    operator = SmppSimulator(system_id="city", password="secret", faults=SmppFaults(receipt_after_s=0.01))
    async with operator.serve("127.0.0.1", 0) as port:
        client = SmppClient(operator, port)
        yield client
        await client.bridge.close()


async def test_a_message_is_accepted_and_its_receipt_is_stored(client: SmppClient) -> None:
    assert await client.send() == Succeeded(SmppAccepted(message_id="0000000001"))
    assert client.operator.messages == [SubmitMessage("Linz", "436605550001", "Hallo", 7)]
    await wait_until(lambda: bool(client.stored), timeout_s=5)
    receipt = read_receipt(read_deliver(client.stored[0]))
    assert (receipt.message_id, receipt.state, receipt.reference) == ("0000000001", MessageState.DELIVERED, 7)


async def test_many_messages_share_one_connection(client: SmppClient) -> None:
    outcomes = await asyncio.gather(*(client.send(f"Nr {number}") for number in range(200)))
    assert all(isinstance(outcome, Succeeded) for outcome in outcomes)
    assert len({message.text for message in client.operator.messages}) == 200
    assert len(client.operator._sessions) == 1


@pytest.mark.parametrize(
    ("faults", "outcome"),
    [
        ({"fail_next": 1}, TemporarilyUnavailable("smpp_0x8")),
        ({"apply_then_timeout_share": 1.0}, PossiblyExecuted("no_answer")),
        ({"cut_share": 1.0}, PossiblyExecuted("no_answer")),
        ({"refused_numbers": ["436605550001"]}, Rejected("smpp_0xb")),
        ({"auth_fails": True}, AuthFailed("smpp_0xe")),
        ({"down": True}, TemporarilyUnavailable("unreachable")),
    ],
)
async def test_failures_say_whether_the_message_may_have_been_sent(
    client: SmppClient, faults: dict[str, Any], outcome: CallOutcome
) -> None:
    client.operator.faults = client.operator.faults.model_copy(update=faults)
    assert await client.send() == outcome
    assert bool(client.operator.messages) == isinstance(outcome, PossiblyExecuted)


async def test_too_many_messages_are_throttled(client: SmppClient) -> None:
    client.operator.faults = client.operator.faults.model_copy(update={"per_s": 2})
    outcomes = [await client.send(f"Nr {number}") for number in range(4)]
    assert [type(outcome) for outcome in outcomes] == [Succeeded, Succeeded, Throttled, Throttled]


async def test_an_unreachable_operator_means_not_sent(client: SmppClient) -> None:
    nobody = SmppBridge(
        MANIFEST, TextSmppAdapter(), {"Text": Text}, SmppTarget("127.0.0.1", 1, "city", "x"), client.store
    )
    question = Text(to="+43660", text="x").model_dump_json().encode()
    assert await nobody.call("send", question, CONTEXT) == TemporarilyUnavailable("unreachable")


async def test_after_a_broken_connection_the_next_message_reconnects(client: SmppClient) -> None:
    await client.send("one")
    client.operator.disconnect()
    await asyncio.sleep(0.05)
    assert isinstance(await client.send("two"), Succeeded)


async def test_a_receipt_that_cannot_be_stored_is_not_acknowledged(client: SmppClient) -> None:
    client.storage_fails = True
    await client.send()
    await asyncio.sleep(0.1)
    assert not client.stored


async def test_a_citizen_s_message_is_no_receipt(client: SmppClient) -> None:
    await client.bridge.connect()
    client.operator.write("+436605550001", "STOP")
    await wait_until(lambda: bool(client.stored), timeout_s=5)
    deliver = read_deliver(client.stored[0])
    assert (deliver.is_receipt, deliver.text, deliver.source) == (False, "STOP", "436605550001")


@pytest.mark.parametrize(
    ("text", "coding"),
    [
        ("Grüß Gott €", DataCoding.GSM7),
        ("Belgeniz hazır", DataCoding.UCS2),
        ("Документ готовий", DataCoding.UCS2),
        ("ä" * 400, DataCoding.GSM7),
    ],
)
def test_texts_survive_encoding(text: str, coding: DataCoding) -> None:
    assert coding_of(text)[0] is coding
    assert read_submit(submit_body(SubmitMessage("Linz", "436605550001", text))).text == text


@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_value_or_an_error(noise: bytes) -> None:
    for read in (
        read_submit,
        read_deliver,
        lambda body: read_receipt(read_deliver(body)),
        lambda b: list(FrameDecoder().feed(b)),
    ):
        with contextlib.suppress(InvalidPduError):
            read(noise)


def test_frames_do_not_depend_on_chunks() -> None:
    stream = b"".join(frame(0x15, number, b"x" * number) for number in range(1, 20))
    decoder = FrameDecoder()
    frames: list[Pdu] = []
    for byte in stream:
        frames += decoder.feed(bytes((byte,)))
    assert [(pdu.sequence, len(pdu.body)) for pdu in frames] == [(number, number) for number in range(1, 20)]


async def test_an_independent_client_works_with_our_simulator(client: SmppClient) -> None:
    """smpplib knows nothing of our code: it speaks standard SMPP."""
    receipts: list[bytes] = []

    def talk() -> str:
        smpp = smpplib.client.Client("127.0.0.1", client.port, timeout=5)
        message_ids: list[bytes] = []
        smpp.set_message_sent_handler(lambda pdu: message_ids.append(pdu.message_id))
        smpp.set_message_received_handler(lambda pdu: receipts.append(pdu.short_message))
        smpp.connect()
        smpp.bind_transceiver(system_id="city", password="secret")
        parts, coding, esm_class = smpplib.gsm.make_parts("Grüß Gott")
        smpp.send_message(
            source_addr_ton=smpplib.consts.SMPP_TON_ALNUM,
            source_addr="Linz",
            dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
            destination_addr="436605550001",
            short_message=parts[0],
            data_coding=coding,
            esm_class=esm_class,
            registered_delivery=True,
        )
        smpp.read_once()
        smpp.read_once()
        smpp.unbind()
        smpp.disconnect()
        return str(message_ids[0].decode())

    assert await asyncio.to_thread(talk) == "0000000001"
    assert [(message.destination, message.text) for message in client.operator.messages] == [
        ("436605550001", "Grüß Gott")
    ]
    assert b"stat:DELIVRD" in receipts[0]

"""An operator of SMPP to test against: binds, takes messages, delivers receipts, on a real socket.

Kept true: it counts what it took by number and text, so that a citizen who got the same twice is seen; it has no memory
of our reference, as operators have none: the same message twice is two messages.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, cast

from pydantic import Field

from connector_kit.simulator import Knobs, Latent
from connector_kit.smpp.pdu import (
    RECEIPTED_ID,
    RESPONSE,
    STATE,
    STATES,
    USER_REFERENCE,
    BadPdu,
    Command,
    Frames,
    MessageState,
    Pdu,
    Status,
    Submit,
    deliver_body,
    frame,
    read_bind,
    read_submit,
    receipt_text,
)

SHOWN: Final = 20_000


class OperatorKnobs(Knobs):
    """`apply_then_timeout_share`: takes the message and never says so. `cut_share`: takes it and hangs up."""

    latency_s: float = Field(0.0, ge=0)
    receipts: bool = True
    receipt_after_s: float = Field(0.05, ge=0)
    refused_numbers: list[str] = Field([], description="Numbers that are answered with 'invalid destination'.")
    unreachable_share: float = Field(0.0, ge=0, le=1, description="Receipts that say UNDELIV.")
    receipts_twice: bool = False


class Operator(Latent[OperatorKnobs]):
    """`messages`: what it took, in order, and when (Unix seconds)."""

    def __init__(self, *, system_id: str, password: str, knobs: OperatorKnobs | None = None, seed: int = 1) -> None:
        super().__init__(knobs=knobs or OperatorKnobs(), seed=seed)
        self.messages: list[Submit] = []
        self.taken_at: list[float] = []
        self._door = (system_id, password)
        self._lines: set[_Line] = set()
        self._undelivered: list[bytes] = []  # for whoever binds next

    def told(self) -> dict[str, Any]:
        last = zip(self.messages[-SHOWN:], self.taken_at[-SHOWN:], strict=True)
        taken = [{"to": f"+{one.destination}", "text": one.text, "at": at} for one, at in last]
        return {**super().told(), "messages": taken}

    @asynccontextmanager
    async def serve(self, host: str, port: int) -> AsyncIterator[int]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Line(self), host, port)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for line in list(self._lines):
                line.hang_up()
            with suppress(TimeoutError):
                await asyncio.wait_for(server.wait_closed(), 1)

    def lets_in(self, system_id: str, password: str) -> int:
        if self.knobs.not_let_in or (system_id, password) != self._door:
            return Status.INVALID_PASSWORD
        return Status.SYSTEM_ERROR if self.knobs.down else Status.OK

    def take(self, submit: Submit) -> str:
        """Its id. The effect."""
        self.messages.append(submit)
        self.taken_at.append(time.time())
        self.seen.effects[f"{submit.destination} {submit.text}"] += 1
        return f"{len(self.messages):010d}"

    def write(self, source: str, text: str) -> None:
        """A citizen sends a message to us."""
        for line in self._lines:
            line.deliver(deliver_body(source, "city", text, is_receipt=False, extras={}))
            return

    def deliver(self, body: bytes) -> None:
        """To whoever is bound, else to whoever binds next."""
        if line := next((one for one in self._lines if one._bound), None):
            line.deliver(body)
        else:
            self._undelivered.append(body)

    def hang_up(self) -> None:
        for line in list(self._lines):
            line.hang_up()


class _Line(asyncio.Protocol):
    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None
        self._bound = False
        self._sequence = 0
        self._unanswered: dict[int, bytes] = {}  # deliveries: without an answer they are made again
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # a stream
        self._operator._lines.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._operator._lines.discard(self)
        for task in self._tasks:
            task.cancel()
        for body in self._unanswered.values():
            self._operator.deliver(body)

    def hang_up(self) -> None:
        if self._transport:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            for pdu in self._frames.feed(data):
                self._take(pdu)
        except BadPdu:
            self.hang_up()

    def _take(self, pdu: Pdu) -> None:
        if pdu.command & RESPONSE:
            self._unanswered.pop(pdu.sequence, None)
            return
        match pdu.command:
            case Command.BIND_TRANSCEIVER:
                status = self._operator.lets_in(*read_bind(pdu.body))
                self._bound = not status
                self._answer(pdu, b"operator\0", status)
                if self._bound:
                    waiting, self._operator._undelivered = self._operator._undelivered, []
                    for body in waiting:
                        self.deliver(body)
            case Command.SUBMIT if not self._bound:
                self._answer(pdu, b"\0", Status.WRONG_BIND_STATE)
            case Command.SUBMIT:
                self._submitted(pdu)
            case Command.UNBIND:
                self._answer(pdu)
                if self._transport:
                    self._transport.close()
            case Command.ENQUIRE_LINK:
                self._answer(pdu)
            case _:
                self._answer(pdu, status=Status.INVALID_COMMAND, command=Command.NACK)

    def _submitted(self, pdu: Pdu) -> None:
        operator = self._operator
        submit = read_submit(pdu.body)
        latency_s = operator.latency_s()
        if latency_s:
            task = asyncio.get_running_loop().create_task(self._later(pdu, submit, latency_s))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        with operator.under_way(submit.destination):
            self._act(pdu, submit)

    async def _later(self, pdu: Pdu, submit: Submit, latency_s: float) -> None:
        with self._operator.under_way(submit.destination):
            await asyncio.sleep(latency_s)
            self._act(pdu, submit)

    def _act(self, pdu: Pdu, submit: Submit) -> None:
        operator = self._operator
        if status := self._refusal(submit):
            self._answer(pdu, b"\0", status)
            return
        message_id = operator.take(submit)
        if operator.chance(operator.knobs.cut_share):
            self.hang_up()
        elif not operator.chance(operator.knobs.apply_then_timeout_share):
            self._answer(pdu, message_id.encode() + b"\0")
        if operator.knobs.receipts and submit.wants_receipt:
            loop = asyncio.get_running_loop()
            loop.call_later(operator.knobs.receipt_after_s, self._tell, message_id, submit)

    def _refusal(self, submit: Submit) -> int:
        operator, knobs = self._operator, self._operator.knobs
        if knobs.fail_next:
            knobs.fail_next -= 1
            return Status.SYSTEM_ERROR
        if knobs.down or operator.chance(knobs.error_share):
            return Status.SYSTEM_ERROR
        if operator.too_many():
            return Status.THROTTLED
        return Status.INVALID_DESTINATION if submit.destination in knobs.refused_numbers else Status.OK

    def _tell(self, message_id: str, submit: Submit) -> None:
        """To whoever is bound by then: the line a message came by may be gone."""
        operator = self._operator
        state = MessageState.DELIVERED
        if operator.chance(operator.knobs.unreachable_share):
            state = MessageState.UNDELIVERABLE
        extras = {RECEIPTED_ID: message_id.encode() + b"\0", STATE: bytes((STATES.index(state) + 1,))}
        if submit.reference:
            extras[USER_REFERENCE] = submit.reference.to_bytes(2, "big")
        text = receipt_text(message_id, state)
        body = deliver_body(submit.destination, submit.sender, text, is_receipt=True, extras=extras)
        taker = self if self._transport else operator
        for _ in range(2 if operator.knobs.receipts_twice else 1):
            taker.deliver(body)

    def deliver(self, body: bytes) -> None:
        self._sequence += 1
        self._unanswered[self._sequence] = body
        if self._transport:
            self._transport.write(frame(Command.DELIVER, self._sequence, body))

    def _answer(self, pdu: Pdu, body: bytes = b"", status: int = 0, *, command: int | None = None) -> None:
        if self._transport:
            answer = command if command is not None else pdu.command | RESPONSE
            self._transport.write(frame(answer, pdu.sequence, body, status=status))

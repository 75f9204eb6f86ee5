"""A simulated SMPP operator on a real socket: binds, accepts messages, delivers receipts.

Invariants: it counts messages by number and text, so that duplicates are visible; it does not remember our reference,
because operators do not: the same message twice is two messages.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, cast

from pydantic import Field

from connector_kit.testing.simulator import FaultConfig, LatencySimulator
from connector_kit.transports.smpp.pdu import (
    RECEIPTED_ID,
    RESPONSE,
    STATE,
    STATES,
    USER_REFERENCE,
    FrameDecoder,
    InvalidPduError,
    MessageState,
    Pdu,
    SmppCommand,
    SmppStatus,
    SubmitMessage,
    deliver_body,
    frame,
    read_bind,
    read_submit,
    receipt_text,
)

MAX_REPORTED: Final = 20_000


class SmppFaults(FaultConfig):
    """`apply_then_timeout_share`: accepts the message and does not answer. `cut_share`: accepts it and disconnects."""

    latency_s: float = Field(0.0, ge=0)
    receipts: bool = True
    receipt_after_s: float = Field(0.05, ge=0)
    refused_numbers: list[str] = Field([], description="Numbers that get 'invalid destination'.")
    unreachable_share: float = Field(0.0, ge=0, le=1, description="Share of receipts with state UNDELIV.")
    duplicate_receipts: bool = False


class SmppSimulator(LatencySimulator[SmppFaults]):
    """`messages`: what it accepted, in order; `taken_at`: when (Unix seconds)."""

    def __init__(self, *, system_id: str, password: str, faults: SmppFaults | None = None, seed: int = 1) -> None:
        super().__init__(faults=faults or SmppFaults(), seed=seed)
        self.messages: list[SubmitMessage] = []
        self.taken_at: list[float] = []
        self._credentials = (system_id, password)
        self._sessions: set[_Session] = set()
        self._undelivered: list[bytes] = []  # for the next client that binds

    def report(self) -> dict[str, Any]:
        last = zip(self.messages[-MAX_REPORTED:], self.taken_at[-MAX_REPORTED:], strict=True)
        taken = [{"to": f"+{message.destination}", "text": message.text, "at": at} for message, at in last]
        return {**super().report(), "messages": taken}

    @asynccontextmanager
    async def serve(self, host: str, port: int) -> AsyncIterator[int]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Session(self), host, port)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for session in list(self._sessions):
                session.disconnect()
            with suppress(TimeoutError):
                await asyncio.wait_for(server.wait_closed(), 1)

    def authenticate(self, system_id: str, password: str) -> int:
        if self.faults.auth_fails or (system_id, password) != self._credentials:
            return SmppStatus.INVALID_PASSWORD
        return SmppStatus.SYSTEM_ERROR if self.faults.down else SmppStatus.OK

    def take(self, submit: SubmitMessage) -> str:
        """Accepts a message (the effect); returns its id."""
        self.messages.append(submit)
        self.taken_at.append(time.time())
        self.call_log.effects[f"{submit.destination} {submit.text}"] += 1
        return f"{len(self.messages):010d}"

    def write(self, source: str, text: str) -> None:
        """A citizen sends us a message."""
        for session in self._sessions:
            session.deliver(deliver_body(source, "city", text, is_receipt=False, extras={}))
            return

    def deliver(self, body: bytes) -> None:
        """To a bound client, or to the next one that binds."""
        if session := next((session for session in self._sessions if session._bound), None):
            session.deliver(body)
        else:
            self._undelivered.append(body)

    def disconnect(self) -> None:
        for session in list(self._sessions):
            session.disconnect()


class _Session(asyncio.Protocol):
    def __init__(self, operator: SmppSimulator) -> None:
        self._operator = operator
        self._frames = FrameDecoder()
        self._transport: asyncio.Transport | None = None
        self._bound = False
        self._sequence = 0
        self._unanswered: dict[int, bytes] = {}  # deliveries without an acknowledgement are repeated
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # a stream
        self._operator._sessions.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._operator._sessions.discard(self)
        for task in self._tasks:
            task.cancel()
        for body in self._unanswered.values():
            self._operator.deliver(body)

    def disconnect(self) -> None:
        if self._transport:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            for pdu in self._frames.feed(data):
                self._handle(pdu)
        except InvalidPduError:
            self.disconnect()

    def _handle(self, pdu: Pdu) -> None:
        if pdu.command & RESPONSE:
            self._unanswered.pop(pdu.sequence, None)
            return
        match pdu.command:
            case SmppCommand.BIND_TRANSCEIVER:
                status = self._operator.authenticate(*read_bind(pdu.body))
                self._bound = not status
                self._answer(pdu, b"operator\0", status)
                if self._bound:
                    waiting, self._operator._undelivered = self._operator._undelivered, []
                    for body in waiting:
                        self.deliver(body)
            case SmppCommand.SUBMIT if not self._bound:
                self._answer(pdu, b"\0", SmppStatus.WRONG_BIND_STATE)
            case SmppCommand.SUBMIT:
                self._on_submit(pdu)
            case SmppCommand.UNBIND:
                self._answer(pdu)
                if self._transport:
                    self._transport.close()
            case SmppCommand.ENQUIRE_LINK:
                self._answer(pdu)
            case _:
                self._answer(pdu, status=SmppStatus.INVALID_COMMAND, command=SmppCommand.NACK)

    def _on_submit(self, pdu: Pdu) -> None:
        operator = self._operator
        submit = read_submit(pdu.body)
        latency_s = operator.latency_s()
        if latency_s:
            task = asyncio.get_running_loop().create_task(self._later(pdu, submit, latency_s))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        with operator.counting(submit.destination):
            self._execute(pdu, submit)

    async def _later(self, pdu: Pdu, submit: SubmitMessage, latency_s: float) -> None:
        with self._operator.counting(submit.destination):
            await asyncio.sleep(latency_s)
            self._execute(pdu, submit)

    def _execute(self, pdu: Pdu, submit: SubmitMessage) -> None:
        operator = self._operator
        if status := self._refusal(submit):
            self._answer(pdu, b"\0", status)
            return
        message_id = operator.take(submit)
        if operator.chance(operator.faults.cut_share):
            self.disconnect()
        elif not operator.chance(operator.faults.apply_then_timeout_share):
            self._answer(pdu, message_id.encode() + b"\0")
        if operator.faults.receipts and submit.wants_receipt:
            loop = asyncio.get_running_loop()
            loop.call_later(operator.faults.receipt_after_s, self._deliver_receipt, message_id, submit)

    def _refusal(self, submit: SubmitMessage) -> int:
        operator, faults = self._operator, self._operator.faults
        if faults.fail_next:
            faults.fail_next -= 1
            return SmppStatus.SYSTEM_ERROR
        if faults.down or operator.chance(faults.error_share):
            return SmppStatus.SYSTEM_ERROR
        if operator.over_limit():
            return SmppStatus.THROTTLED
        return SmppStatus.INVALID_DESTINATION if submit.destination in faults.refused_numbers else SmppStatus.OK

    def _deliver_receipt(self, message_id: str, submit: SubmitMessage) -> None:
        """To any bound client: the session of the message may be closed by then."""
        operator = self._operator
        state = MessageState.DELIVERED
        if operator.chance(operator.faults.unreachable_share):
            state = MessageState.UNDELIVERABLE
        extras = {RECEIPTED_ID: message_id.encode() + b"\0", STATE: bytes((STATES.index(state) + 1,))}
        if submit.reference:
            extras[USER_REFERENCE] = submit.reference.to_bytes(2, "big")
        text = receipt_text(message_id, state)
        body = deliver_body(submit.destination, submit.sender, text, is_receipt=True, extras=extras)
        receiver = self if self._transport else operator
        for _ in range(2 if operator.faults.duplicate_receipts else 1):
            receiver.deliver(body)

    def deliver(self, body: bytes) -> None:
        self._sequence += 1
        self._unanswered[self._sequence] = body
        if self._transport:
            self._transport.write(frame(SmppCommand.DELIVER, self._sequence, body))

    def _answer(self, pdu: Pdu, body: bytes = b"", status: int = 0, *, command: int | None = None) -> None:
        if self._transport:
            answer = command if command is not None else pdu.command | RESPONSE
            self._transport.write(frame(answer, pdu.sequence, body, status=status))

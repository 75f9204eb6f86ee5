"""One bound connection to an SMPP operator. Many requests at a time, no retries.

Invariants: a request without an answer before the connection broke ends as "no answer", never as a refusal; a request
that was never written ends as unreachable; a delivery is acknowledged after it was stored, not before.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, cast

import structlog

from connector_kit.transports.smpp.pdu import (
    RESPONSE,
    FrameDecoder,
    InvalidPduError,
    Pdu,
    SmppCommand,
    SmppStatus,
    bind_body,
    frame,
)

ENQUIRE_INTERVAL_S: Final = 30.0
ENQUIRE_TIMEOUT_S: Final = 10.0
MAX_SEQUENCE: Final = 0x7FFFFFFF
MAX_UNSTORED: Final = 1_000  # deliveries read but not yet stored; beyond it, reading pauses

log = structlog.get_logger()

StoreDeliveries = Callable[[Sequence[bytes]], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class SmppTarget:
    host: str
    port: int
    system_id: str
    password: str


class NotBoundError(Exception):
    """There is no connection, or the operator rejected us: then `status` holds the reason."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class SmppConnection(asyncio.Protocol):
    """`store` gets the raw bodies of deliveries."""

    def __init__(self, store: StoreDeliveries) -> None:
        self._store = store
        self._frames = FrameDecoder()
        self._sequence = 0
        self._pending: dict[int, asyncio.Future[Pdu | None]] = {}
        self._unstored: list[tuple[int, bytes]] = []
        self._transport: asyncio.Transport | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._storing: asyncio.Task[None] | None = None

    @classmethod
    async def bind(cls, target: SmppTarget, store: StoreDeliveries, *, timeout_s: float) -> "SmppConnection":
        """Raises NotBoundError."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                _, connection = await loop.create_connection(lambda: cls(store), target.host, target.port)
                answer = await connection._request(
                    SmppCommand.BIND_TRANSCEIVER, bind_body(target.system_id, target.password)
                )
        except (OSError, TimeoutError) as error:
            raise NotBoundError(type(error).__name__) from error
        if answer is None or answer.status:
            connection.close()
            raise NotBoundError("refused", answer.status if answer else None)
        connection._start_task(connection._keep_alive())
        return connection

    @property
    def alive(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def submit(self, body: bytes) -> "asyncio.Future[Pdu | None]":
        """Sends submit_sm. The result is None if the connection broke before an answer. Raises NotBoundError."""
        if not self.alive:
            raise NotBoundError("closed")
        return self._request(SmppCommand.SUBMIT, body)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._transport:
            self._transport.close()

    async def unbind(self) -> None:
        if self.alive:
            try:
                async with asyncio.timeout(1):
                    await self._request(SmppCommand.UNBIND)
            except TimeoutError:
                pass
        self.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # a stream, by create_connection

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        pending, self._pending = self._pending, {}
        for answer in pending.values():
            if not answer.done():
                answer.set_result(None)
        for task in self._tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            for pdu in self._frames.feed(data):
                self._handle(pdu)
        except InvalidPduError as error:
            log.warning("smpp.invalid_pdu", reason=str(error))
            if self._transport:
                self._transport.abort()

    def _handle(self, pdu: Pdu) -> None:
        if pdu.command & RESPONSE:
            answer = self._pending.pop(pdu.sequence, None)
            if answer and not answer.done():
                answer.set_result(pdu)
            return
        match pdu.command:
            case SmppCommand.DELIVER:
                self._unstored.append((pdu.sequence, pdu.body))
                if len(self._unstored) >= MAX_UNSTORED and self._transport:
                    self._transport.pause_reading()
                if not self._storing or self._storing.done():
                    self._storing = self._start_task(self._store_all())
            case SmppCommand.ENQUIRE_LINK:
                self._write(frame(SmppCommand.ENQUIRE_LINK | RESPONSE, pdu.sequence))
            case SmppCommand.UNBIND:
                self._write(frame(SmppCommand.UNBIND | RESPONSE, pdu.sequence))
                self.close()
            case _:
                self._write(frame(SmppCommand.NACK, pdu.sequence, status=SmppStatus.INVALID_COMMAND))

    async def _store_all(self) -> None:
        while self._unstored:
            batch, self._unstored = self._unstored, []
            try:
                await self._store([body for _, body in batch])
            except Exception as error:  # the operator repeats deliveries that we do not acknowledge
                log.warning("smpp.delivery_not_stored", deliveries=len(batch), error=type(error).__name__)
            else:
                self._write(b"".join(frame(SmppCommand.DELIVER | RESPONSE, number, b"\0") for number, _ in batch))
            if self._transport and not self._transport.is_reading():
                self._transport.resume_reading()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(ENQUIRE_INTERVAL_S)
            try:
                async with asyncio.timeout(ENQUIRE_TIMEOUT_S):
                    await self._request(SmppCommand.ENQUIRE_LINK)
            except TimeoutError:
                log.warning("smpp.enquire_link_timeout", timeout_s=ENQUIRE_TIMEOUT_S)
                if self._transport:
                    self._transport.abort()

    def _request(self, command: SmppCommand, body: bytes = b"") -> "asyncio.Future[Pdu | None]":
        self._sequence = self._sequence % MAX_SEQUENCE + 1
        answer: asyncio.Future[Pdu | None] = asyncio.get_running_loop().create_future()
        self._pending[sequence := self._sequence] = answer
        answer.add_done_callback(lambda _: self._pending.pop(sequence, None))  # also when the caller gave up
        self._write(frame(command, self._sequence, body))
        return answer

    def _write(self, data: bytes) -> None:
        if self._transport:
            self._transport.write(data)

    def _start_task(self, coroutine: "asyncio._CoroutineLike[None]") -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

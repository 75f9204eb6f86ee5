"""One bound connection to an operator of SMPP. Asks many things at a time, retries nothing.

Kept true: what was written and got no answer before the connection broke ends as no answer, never as a refusal; what
was never written ends as unreachable; what an operator delivers is answered after it was kept, not before.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, cast

import structlog

from connector_kit.smpp.pdu import RESPONSE, BadPdu, Command, Frames, Pdu, Status, bind_body, frame

LINK_EVERY_S: Final = 30.0
LINK_TIMEOUT_S: Final = 10.0
MAX_SEQUENCE: Final = 0x7FFFFFFF
MAX_UNKEPT: Final = 1_000  # deliveries that were read and not yet kept; then reading waits

log = structlog.get_logger()

Keep = Callable[[Sequence[bytes]], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int
    system_id: str
    password: str


class NotBound(Exception):
    """There is no connection, or the operator does not let us in: then `status` says why."""

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.status = status


class Link(asyncio.Protocol):
    """`keep` gets the bodies of what the operator delivers, as they came."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._frames = Frames()
        self._sequence = 0
        self._asked: dict[int, asyncio.Future[Pdu | None]] = {}
        self._unkept: list[tuple[int, bytes]] = []
        self._transport: asyncio.Transport | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._keeping: asyncio.Task[None] | None = None

    @classmethod
    async def bind(cls, address: Address, keep: Keep, *, timeout_s: float) -> "Link":
        """Raises NotBound."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                _, link = await loop.create_connection(lambda: cls(keep), address.host, address.port)
                answer = await link._ask(Command.BIND_TRANSCEIVER, bind_body(address.system_id, address.password))
        except (OSError, TimeoutError) as error:
            raise NotBound(type(error).__name__) from error
        if answer is None or answer.status:
            link.close()
            raise NotBound("refused", answer.status if answer else None)
        link._begin(link._keep_alive())
        return link

    @property
    def alive(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def submit(self, body: bytes) -> "asyncio.Future[Pdu | None]":
        """Of submit_sm. The answer; None when the connection broke before there was one. Raises NotBound."""
        if not self.alive:
            raise NotBound("closed")
        return self._ask(Command.SUBMIT, body)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._transport:
            self._transport.close()

    async def unbind(self) -> None:
        if self.alive:
            try:
                async with asyncio.timeout(1):
                    await self._ask(Command.UNBIND)
            except TimeoutError:
                pass
        self.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # a stream, by create_connection

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        asked, self._asked = self._asked, {}
        for answer in asked.values():
            if not answer.done():
                answer.set_result(None)
        for task in self._tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            for pdu in self._frames.feed(data):
                self._take(pdu)
        except BadPdu as error:
            log.warning("smpp.bad_pdu", why=str(error))
            if self._transport:
                self._transport.abort()

    def _take(self, pdu: Pdu) -> None:
        if pdu.command & RESPONSE:
            answer = self._asked.pop(pdu.sequence, None)
            if answer and not answer.done():
                answer.set_result(pdu)
            return
        match pdu.command:
            case Command.DELIVER:
                self._unkept.append((pdu.sequence, pdu.body))
                if len(self._unkept) >= MAX_UNKEPT and self._transport:
                    self._transport.pause_reading()
                if not self._keeping or self._keeping.done():
                    self._keeping = self._begin(self._keep_all())
            case Command.ENQUIRE_LINK:
                self._write(frame(Command.ENQUIRE_LINK | RESPONSE, pdu.sequence))
            case Command.UNBIND:
                self._write(frame(Command.UNBIND | RESPONSE, pdu.sequence))
                self.close()
            case _:
                self._write(frame(Command.NACK, pdu.sequence, status=Status.INVALID_COMMAND))

    async def _keep_all(self) -> None:
        while self._unkept:
            kept, self._unkept = self._unkept, []
            try:
                await self._keep([body for _, body in kept])
            except Exception as error:  # the operator delivers again what it got no answer for
                log.warning("smpp.not_kept", deliveries=len(kept), error=type(error).__name__)
            else:
                self._write(b"".join(frame(Command.DELIVER | RESPONSE, number, b"\0") for number, _ in kept))
            if self._transport and not self._transport.is_reading():
                self._transport.resume_reading()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(LINK_EVERY_S)
            try:
                async with asyncio.timeout(LINK_TIMEOUT_S):
                    await self._ask(Command.ENQUIRE_LINK)
            except TimeoutError:
                log.warning("smpp.link_silent", timeout_s=LINK_TIMEOUT_S)
                if self._transport:
                    self._transport.abort()

    def _ask(self, command: Command, body: bytes = b"") -> "asyncio.Future[Pdu | None]":
        self._sequence = self._sequence % MAX_SEQUENCE + 1
        answer: asyncio.Future[Pdu | None] = asyncio.get_running_loop().create_future()
        self._asked[sequence := self._sequence] = answer
        answer.add_done_callback(lambda _: self._asked.pop(sequence, None))  # also when nobody waits any more
        self._write(frame(command, self._sequence, body))
        return answer

    def _write(self, data: bytes) -> None:
        if self._transport:
            self._transport.write(data)

    def _begin(self, work: "asyncio._CoroutineLike[None]") -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

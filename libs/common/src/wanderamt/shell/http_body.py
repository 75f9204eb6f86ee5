"""The body of a request: how large it may be and how slowly it may come.

Invariants: bytes are counted as they arrive, never by what the client announces alone. A body of up to
DEFAULT_MAX_BYTES is read before the route runs, so that a refused one has no effect; a larger one only goes to routes
that declare it with `max_body`, as a stream. A body stays packed until its end has arrived. One of more than
SMALL_BYTES, packed or unpacked, needs a place; smaller ones never wait for it, and no network has all places. A refused
body ends its connection.
"""

import asyncio
import zlib
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from fastapi import Request
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wanderamt.kernel.refusal import Refusal, RefusalKind
from wanderamt.shell.client_address import network_of
from wanderamt.shell.large_bodies import KIB, LargeBodies, declared_limits, too_large
from wanderamt.shell.problems import CUT_OFF, RefusalError, render_problem

DEFAULT_MAX_BYTES = 64 * KIB
SMALL_BYTES = 256 * KIB  # the app sends no more at one time; the bound of connections bounds all of these together
MAX_WAITING = 64  # bodies that wait for a place of one route
PLACE_CHECK_S = 0.1
SLICE_BYTES = 64 * KIB  # a route gets a large body in pieces of this size, and other requests have their turn between
INCOMING = "wanderamt.body"  # in the scope of a request with a large body
COMPLETE: Final = "wanderamt.body_complete"  # in the scope of a request whose end the server has received

BODY_NOT_GZIP = Refusal(
    "request.not_gzip", "The body is marked as gzip but is not valid gzip, or its end is missing. Send it again."
)
BODY_TOO_SLOW = Refusal(
    "request.too_slow",
    "The request came too slowly or stopped. Send it again, in smaller parts on a slow connection.",
    RefusalKind.TIMED_OUT,
)
BODIES_BUSY = Refusal(
    "request.busy", "Too many large requests are being read. Send the same request again in a moment.", RefusalKind.BUSY
)


@dataclass(frozen=True, slots=True)
class BodyTimes:
    """A body may take `pause_s`, and one second more per `min_rate` bytes that have come, `longest_s` at most.

    `stall_s`: one that comes more slowly than `min_rate` for this long gives its place to another that waits for one.
    `stop_s`: what is left for it when the service stops.
    """

    pause_s: float = 20
    min_rate: int = 1024
    longest_s: float = 600
    stall_s: float = 5
    stop_s: float = 3


class BodyReading:
    """What all bodies of a service share: the times, and the end of them all when it stops."""

    def __init__(self, times: BodyTimes) -> None:
        self.times = times
        self._stop_at: float | None = None
        self._waits: set[asyncio.Timeout] = set()

    def end_waits(self) -> None:
        """The service stops: bodies that do not come in a moment are refused."""
        self._stop_at = asyncio.get_running_loop().time() + self.times.stop_s
        for wait in self._waits:
            if not wait.expired():
                wait.reschedule(min(wait.when() or self._stop_at, self._stop_at))

    @property
    def is_stopping(self) -> bool:
        return self._stop_at is not None

    def latest(self, begun: float, received: int) -> float:
        """The time of the loop at which a body of which `received` bytes have come is refused."""
        times = self.times
        latest = begun + min(times.pause_s + received / times.min_rate, times.longest_s)
        return latest if self._stop_at is None else min(latest, self._stop_at)

    async def next_message(self, body: "IncomingBody", until: float) -> Message:
        """Raises TimeoutError."""
        async with asyncio.timeout_at(until) as wait:
            self._waits.add(wait)
            body.wait = wait
            try:
                return await body.source()
            finally:
                self._waits.discard(wait)
                body.wait = None


@dataclass(slots=True, eq=False)
class IncomingBody:
    """One body as it arrives. `refusal`: why it was not read to its end. `network`: of a body that needs a place.

    `wait`: for its next bytes.
    """

    scope: Scope
    source: Receive
    reading: BodyReading
    max_bytes: int
    large: LargeBodies | None = None
    refusal: Refusal | None = None
    cut_off: bool = False
    ended: bool = False
    network: str = ""
    wait: asyncio.Timeout | None = None
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _begun: float = 0
    _received: int = 0
    _has_place: bool = False
    _has_lost_place: bool = False
    _progress_at: float = 0
    _progress_bytes: int = 0
    _slices: deque[bytes] = field(default_factory=deque)
    _end_given: bool = False

    def __post_init__(self) -> None:
        self._begun = self._loop.time()

    @property
    def is_stalled(self) -> bool:
        """Whether it came too slowly of late. A complete one is not: it ends by itself."""
        return not self.ended and self._loop.time() - self._progress_at > self.reading.times.stall_s

    async def hold(self, size: int) -> Refusal | None:
        """Waits for a place, which a body of `size` bytes may need until the response."""
        if self._has_place or size <= SMALL_BYTES or not self.large:
            return None
        self.network = network_of(HTTPConnection(self.scope))
        until = self._loop.time() + 2 * self.reading.times.stall_s
        while not self.large.admit(self):
            if self._loop.time() > until or self.large.waiting >= MAX_WAITING or self.reading.is_stopping:
                return BODIES_BUSY
            self.large.waiting += 1
            try:
                await asyncio.sleep(PLACE_CHECK_S)
            finally:
                self.large.waiting -= 1
        self._has_place = True
        self._note_progress()
        return None

    def lose_place(self) -> None:
        """Ends the body, because it stalled while another one waits."""
        self._has_lost_place = True
        self.release()
        if self.wait and not self.wait.expired():
            self.wait.reschedule(self._loop.time())

    def release(self) -> None:
        if self.large:
            self.large.places.pop(self, None)

    def _note_progress(self) -> None:
        self._progress_at, self._progress_bytes = self._loop.time(), self._received

    async def _next_message(self) -> Message:
        """Raises TimeoutError. A message that is there needs no timer: most bodies arrive with their heads."""
        if self._has_lost_place:
            raise TimeoutError
        if COMPLETE in self.scope:
            return await self.source()
        return await self.reading.next_message(self, self.reading.latest(self._begun, self._received))

    async def next_piece(self) -> bytes:
        """Empty: the body has ended, or the client has gone, or `refusal` says why no more is read."""
        while not (self.ended or self.refusal or self.cut_off):
            try:
                message = await self._next_message()
            except TimeoutError:
                self.refusal = BODY_TOO_SLOW
                break
            if message["type"] != "http.request":
                self.cut_off = True
                break
            piece: bytes = message.get("body", b"")
            self.ended = not message.get("more_body", False)
            self._received += len(piece)
            if self._received > self.max_bytes:
                self.refusal = too_large(self.max_bytes)
            elif self._received > SMALL_BYTES:
                times = self.reading.times
                if self._received - self._progress_bytes >= times.stall_s * times.min_rate:
                    self._note_progress()
                self.refusal = await self.hold(self._received)
            if piece and not self.refusal:
                return piece
        return b""

    async def read(self) -> bytes:
        content = bytearray()
        while piece := await self.next_piece():
            content += piece
        return bytes(content)

    async def receive(self) -> Message:
        """For the route: the body in slices. It sees a refused body as a client that has gone."""
        if self._slices:
            await asyncio.sleep(0)
        else:
            piece = await self.next_piece()
            self._slices = deque(piece[start : start + SLICE_BYTES] for start in range(0, len(piece), SLICE_BYTES))
        if self._slices:
            piece = self._slices.popleft()
            self._end_given = self.ended and not self._slices
            return {"type": "http.request", "body": piece, "more_body": not self._end_given}
        if self.refusal or self.cut_off:
            return {"type": "http.disconnect"}
        if self._end_given:
            return await self.source()
        self._end_given = True
        return {"type": "http.request", "body": b"", "more_body": False}


class BodyLimitMiddleware:
    """Bounds the body of each request by the limit of its route, in bytes and in time; refuses with 413 or 408."""

    def __init__(self, app: ASGIApp, *, reading: BodyReading) -> None:
        self._app = app
        self._reading = reading
        self._declared: list[LargeBodies] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        announced = _announced_bytes(scope) if scope["type"] == "http" else 0
        if announced == 0:
            await self._app(scope, receive, send)
            return
        large = self._large(scope)
        max_bytes = large.max_bytes if large else DEFAULT_MAX_BYTES
        if announced is not None and announced > max_bytes:
            await _refuse(too_large(max_bytes), scope, receive, send)
            return
        body = IncomingBody(scope, receive, self._reading, max_bytes, large)
        if large:
            await self._stream(body, scope, send)
        else:
            await self._read_first(body, scope, send)

    def _large(self, scope: Scope) -> LargeBodies | None:
        if self._declared is None:
            self._declared = declared_limits(scope["app"])
        for limit in self._declared:
            if scope["method"] in limit.methods and limit.path.match(scope["path"]):
                return limit if _header(scope, b"content-type").startswith(limit.media_type) else None
        return None

    async def _read_first(self, body: IncomingBody, scope: Scope, send: Send) -> None:
        content = await body.read()
        if body.refusal or body.cut_off:
            await _refuse(body.refusal or CUT_OFF, scope, body.source, send)
            return
        unread = True

        async def replay() -> Message:
            nonlocal unread
            if not unread:
                return await body.source()
            unread = False
            return {"type": "http.request", "body": content, "more_body": False}

        await self._app(scope, replay, send)

    async def _stream(self, body: IncomingBody, scope: Scope, send: Send) -> None:
        """The response of the route counts only if its body was not refused meanwhile."""
        started = False

        async def send_unless_refused(message: Message) -> None:
            nonlocal started
            if body.refusal and not started:
                return
            started = True
            await send(message)

        scope[INCOMING] = body
        try:
            await self._app(scope, body.receive, send_unless_refused)
        except Exception:
            if not body.refusal or started:
                raise
        finally:
            body.release()
        if body.refusal and not started:
            await _refuse(body.refusal, scope, body.source, send)


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Ends the connection too: what the client still sends must not be taken for its next request."""
    response = render_problem(refusal)
    response.headers["Connection"] = "close"
    await response(scope, receive, send)


def _announced_bytes(scope: Scope) -> int | None:
    """0 without a body, None if the client announces no length."""
    if _header(scope, b"transfer-encoding"):
        return None
    length = _header(scope, b"content-length")
    return int(length) if length.isdigit() else None if length else 0


def _header(scope: Scope, name: bytes) -> bytes:
    return next((value.strip().lower() for key, value in scope["headers"] if key == name), b"")


async def read_body(request: Request) -> bytes:
    """The body, decompressed if it is gzip, within the limit of its route before and after.

    Raises RefusalError (413; 422 for bad gzip) and ClientDisconnect.
    """
    incoming: IncomingBody | None = request.scope.get(INCOMING)
    max_bytes = incoming.max_bytes if incoming else DEFAULT_MAX_BYTES
    packed = bytearray()  # not a list of pieces: a tiny piece takes many times its length
    async for piece in request.stream():
        packed += piece
    if request.headers.get("content-encoding", "").strip().lower() != "gzip":
        return bytes(packed)
    body = bytearray()
    async for piece in _unpacked(packed):
        body += piece
        if len(body) > max_bytes:
            raise RefusalError(too_large(max_bytes))
        if incoming and (refusal := await incoming.hold(len(body))):
            raise RefusalError(refusal)
    return bytes(body)


async def _unpacked(content: bytearray) -> AsyncIterator[bytes]:
    """In slices: a few bytes of gzip can hold megabytes. Packed bytes leave the memory as they are unpacked."""
    gzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        while content:
            packed = bytes(content[:SLICE_BYTES])
            del content[:SLICE_BYTES]
            while packed and not gzip.eof:
                yield gzip.decompress(packed, SLICE_BYTES)
                packed = gzip.unconsumed_tail
                if packed:
                    await asyncio.sleep(0)
        while not gzip.eof and (rest := gzip.decompress(b"", SLICE_BYTES)):
            yield rest
    except zlib.error as error:
        raise RefusalError(BODY_NOT_GZIP) from error
    if not gzip.eof:
        raise RefusalError(BODY_NOT_GZIP)

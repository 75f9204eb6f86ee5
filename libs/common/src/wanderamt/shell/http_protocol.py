"""One connection of the HTTP server: uvicorn's protocol with bounds that it lacks.

Invariants: the headers of a request are complete in time or the connection ends; there are never more connections than
allowed, of one network only a share of them, and one on which no complete request is being answered makes room for a
new one; a client that goes on sending after its answer is not read any further; received bytes are parsed in slices, so
that no client stops the others.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import h11
import structlog
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import CLOSE_HEADER, FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from wanderamt.kernel.refusal import Refusal, RefusalKind
from wanderamt.shell.http_body import COMPLETE
from wanderamt.shell.problems import render_problem
from wanderamt.shell.response_headers import completed

SLICE_BYTES = 4 * 1024
TURN_S = 0.005  # a client that sends thousands of tiny chunks gets no more of the loop at one time
MAX_HEADER_BYTES = 32 * 1024
DRAIN_BYTES = 16 * 1024 * 1024  # read after the last answer: many clients read it only when they have sent everything
REST_BYTES = 256 * 1024  # read to use the connection again
DRAIN_S = 0.5
RESERVE = 64  # connections above the bound, for health checks
HEALTH = "/health/"

TOO_MANY_CONNECTIONS = Refusal(
    "server.connections", "The service has too many connections. Try again in a moment.", RefusalKind.BUSY
)
NOT_HTTP = Refusal("request.malformed", "This is not a valid HTTP request. Correct it and send it again.")
HEADERS_TOO_SLOW = Refusal(
    "request.too_slow", "The head of the request came too slowly. Send it again.", RefusalKind.TIMED_OUT
)

log = structlog.get_logger()


@dataclass
class Connections:
    """The connections of a server. `waiting`: those without a complete request, the longest-waiting first.

    `max_per_network`: of those that `network_of_peer` gives one name; an empty name has no bound of its own.
    `header_timeout_s`: from the connection, or from the first byte of a later request, to the end of its headers.
    """

    max_connections: int
    max_per_network: int
    network_of_peer: Callable[[str], str]
    header_timeout_s: float
    waiting: dict["BoundedProtocol", None] = field(default_factory=dict)
    per_network: Counter[str] = field(default_factory=Counter)
    refused: int = 0

    def add(self, new: "BoundedProtocol") -> None:
        self.waiting[new] = None
        if new.network:
            self.per_network[new.network] += 1

    def remove(self, lost: "BoundedProtocol") -> None:
        self.waiting.pop(lost, None)
        if lost.network:
            self.per_network[lost.network] -= 1
            if not self.per_network[lost.network]:
                del self.per_network[lost.network]

    def make_room(self, new: "BoundedProtocol", count: int) -> bool:
        """Closes the longest-waiting connection, of the network that has too many. False: all answer requests."""
        is_network_full = self.per_network[new.network] > self.max_per_network if new.network else False
        if count <= self.max_connections and not is_network_full:
            return True
        candidates = [
            connection
            for connection in self.waiting
            if connection is not new and (not is_network_full or connection.network == new.network)
        ]
        if candidates:
            next((connection for connection in candidates if connection.is_half_open), candidates[0]).close_now()
            return True
        if not self.refused:
            log.warning("http.connections_exhausted", connections=count, of_one_network=is_network_full)
        self.refused += 1
        return False

    def is_far_above(self, new: "BoundedProtocol", count: int) -> bool:
        """Whether not even a health check of this network is answered."""
        return (
            count > self.max_connections + RESERVE
            or self.per_network.get(new.network, 0) > self.max_per_network + RESERVE
        )


async def refuse_connection(scope: Scope, receive: Receive, send: Send) -> None:
    response = render_problem(TOO_MANY_CONNECTIONS)
    response.raw_headers = [*completed(response.raw_headers), CLOSE_HEADER]
    await response(scope, receive, send)


class SlicedFlow(FlowControl):
    """Stops reading while the application has unread bytes, or while received bytes wait to be parsed."""

    def __init__(self, transport: asyncio.Transport, protocol: "BoundedProtocol") -> None:
        super().__init__(transport)
        self._protocol = protocol

    def resume_reading(self) -> None:
        if self.read_paused:
            self.read_paused = False
            self._protocol.parse_soon()


class LingeringTransport:
    """A transport that, if the client still sends, is closed after it: else the client would lose the answer."""

    def __init__(self, transport: asyncio.Transport, protocol: "BoundedProtocol") -> None:
        self._transport = transport
        self._protocol = protocol
        self._closing = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self._closing or self._transport.is_closing()

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        if self.is_closing():
            return
        self._closing = True
        if not self._protocol.is_receiving or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._transport.write_eof()
        self._transport.resume_reading()
        self._protocol.drain()


class BoundedProtocol(H11Protocol):
    """See the module. `registry` belongs to the server."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        registry: Connections,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._registry = registry
        self.network = ""
        self._awaited: object = None  # the cycle whose body is incomplete
        self._unparsed: deque[bytes] = deque()
        self._parsing: asyncio.Handle | None = None
        self._header_timer: asyncio.TimerHandle | None = None
        self._drain_timer: asyncio.TimerHandle | None = None
        self._drained = 0

    @property
    def is_receiving(self) -> bool:
        """Whether the client has not sent the whole request yet."""
        return self.conn.their_state is h11.SEND_BODY

    @property
    def _is_in_one_piece(self) -> bool:
        """Whether a body of announced length comes, which costs nothing to parse."""
        return self.is_receiving and all(name != b"transfer-encoding" for name, _ in self.headers)

    @property
    def is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def is_half_open(self) -> bool:
        return self._header_timer is not None or self.is_receiving

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(LingeringTransport(transport, self))  # type: ignore[arg-type]
        self.flow = SlicedFlow(self.transport, self)
        self.network = self._registry.network_of_peer(self.client[0]) if self.client else ""
        self._registry.add(self)
        self._start_header_timer()
        if self._registry.make_room(self, len(self.connections)):
            return
        if self._registry.is_far_above(self, len(self.connections)):
            self.close_now()
        else:
            self.app = self._health_only

    async def _health_only(self, scope: Any, receive: Any, send: Any) -> None:
        is_health = scope["path"].startswith(HEALTH)
        await (self.config.loaded_app if is_health else refuse_connection)(scope, receive, send)

    def connection_lost(self, exc: Exception | None) -> None:
        self._registry.remove(self)
        self._unparsed.clear()
        self._stop_header_timer()
        self._stop_draining()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._drain_timer:
            self._drained += len(data)
            if self._drained > (DRAIN_BYTES if self.transport.is_closing() else REST_BYTES):
                self._end_drain()
        if self.transport.is_closing():
            return
        if not self.is_answering and not self.is_receiving and not self._header_timer:
            self._start_header_timer()
        if not self._unparsed and (len(data) <= SLICE_BYTES or self._is_in_one_piece):
            self._parse(data)
            return
        self._unparsed.extend(data[start : start + SLICE_BYTES] for start in range(0, len(data), SLICE_BYTES))
        if not self._parsing and not self.flow.read_paused:
            self._parse_turn()
        if self._unparsed:
            self.transport.pause_reading()

    def parse_soon(self) -> None:
        """What was received, in the next turn of the loop; after it, reads on."""
        if self._parsing or self.transport.is_closing() or self.flow.read_paused:
            return
        if self._unparsed:
            self._parsing = self.loop.call_soon(self._parse_turn)
        else:
            self.transport.resume_reading()

    def _parse_turn(self) -> None:
        self._parsing = None
        pause_at = time.perf_counter() + TURN_S
        while self._unparsed and not self.transport.is_closing() and not self.flow.read_paused:
            self._parse(self._unparsed.popleft())
            if time.perf_counter() > pause_at:
                break
        self.parse_soon()

    def _parse(self, data: bytes) -> None:
        super().data_received(data)
        self._note_state()

    def _note_state(self) -> None:
        """Moves the connection between waiting and answering. One whose body still comes waits, since its head came."""
        if self.is_answering:
            self._stop_header_timer()
            self._stop_draining()
            if not self.is_receiving:
                self.cycle.scope[COMPLETE] = True  # type: ignore[typeddict-unknown-key]
                self._registry.waiting.pop(self, None)
            elif self._awaited is not self.cycle:
                self._awaited = self.cycle
                self._registry.waiting.pop(self, None)
                self._registry.waiting[self] = None
        elif not self.transport.is_closing():
            self._registry.waiting.setdefault(self)
            if not self.is_receiving:
                self._stop_draining()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.is_receiving and not self.is_answering and not self.transport.is_closing():
            self.drain()  # the rest of a short body, after which the client may use the connection again
        self._note_state()

    def send_400_response(self, msg: str) -> None:
        """Bytes that are no HTTP end the connection, with an answer unless one has begun."""
        self._end_with(NOT_HTTP)

    def drain(self) -> None:
        """Reads what the client still sends, within bounds, and discards it."""
        self._stop_draining()
        self._drained = 0
        self._drain_timer = self.loop.call_later(DRAIN_S, self._end_drain)

    def _end_drain(self) -> None:
        self._stop_draining()
        if self.transport.is_closing():
            self.close_now()
        else:
            self.transport.close()

    def _stop_draining(self) -> None:
        if self._drain_timer:
            self._drain_timer.cancel()
            self._drain_timer = None

    def close_now(self) -> None:
        self._registry.waiting.pop(self, None)
        self.transport.abort()

    def _start_header_timer(self) -> None:
        self._header_timer = self.loop.call_later(self._registry.header_timeout_s, self._on_header_timeout)

    def _stop_header_timer(self) -> None:
        if self._header_timer:
            self._header_timer.cancel()
            self._header_timer = None

    def _on_header_timeout(self) -> None:
        self._header_timer = None
        if self.is_answering or self.transport.is_closing():
            return
        if self.conn.trailing_data[0]:
            self._end_with(HEADERS_TOO_SLOW)
        else:
            self.transport.close()  # a browser connects before it has a request

    def _end_with(self, refusal: Refusal) -> None:
        if self.is_answering:  # what the application answers to the request before can no longer be sent
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            response = render_problem(refusal)
            headers = [*self.server_state.default_headers, *completed(response.raw_headers), CLOSE_HEADER]
            for event in (
                h11.Response(status_code=response.status_code, headers=headers),
                h11.Data(data=bytes(response.body)),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

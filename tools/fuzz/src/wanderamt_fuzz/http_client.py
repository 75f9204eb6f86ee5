"""A bare HTTP/1.1 client: it sends what well-behaved clients refuse to send.

Invariants: every wait ends after TIMEOUT_S; a connection after an oddly framed request is not used again.
"""

import asyncio
from dataclasses import dataclass, field
from itertools import count
from types import TracebackType
from typing import Self

TIMEOUT_S = 40.0
MAX_LINE = 256 * 1024
KEPT_BYTES = 2_000
BODILESS = frozenset({204, 304})
NO_ANSWER = 0
INTERIM = 100
REQUESTS_PER_ADDRESS = 8

_addresses = count(1)


def next_address() -> str:
    """An address of the loopback that no caller of this process had before (62,500 of them)."""
    number = next(_addresses)
    return f"127.2.{number // 250 % 250}.{number % 250 + 1}"


@dataclass(frozen=True, slots=True)
class HostileRequest:
    """`headers` are sent as they are, repeated ones too. `framed`: the client adds a right Content-Length.

    `cut`: the client hangs up after the body that it has, so that no answer is due.
    """

    method: bytes
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    framed: bool = True
    cut: bool = False

    def encode(self, host: bytes) -> bytes:
        lines = [b"%b %b HTTP/1.1" % (self.method, self.target), b"Host: " + host]
        lines += [b"%b: %b" % header for header in self.headers]
        if self.framed and (self.body or self.method not in {b"GET", b"HEAD"}):
            lines.append(b"Content-Length: %d" % len(self.body))
        return b"\r\n".join([*lines, b"", self.body])


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """`status` is NO_ANSWER when the server closed the connection. `body`: its first bytes."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class RawClient:
    """One connection to one server, opened again when it was closed or served long enough.

    Each comes from another address of the loopback: limits per address would keep all requests from the code.
    """

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._sent = 0
        self._host = f"{host}:{port}".encode()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self._close()

    async def send(self, request: HostileRequest) -> HttpAnswer:
        """Raises TimeoutError without an answer in time, OSError when the server does not accept connections."""
        self._sent += 1
        if self._sent % REQUESTS_PER_ADDRESS == 0:
            await self._close()
        fresh = self._streams is None
        response = await self._send(request)
        if response.status == NO_ANSWER and not fresh and not request.cut:
            response = await self._send(request)  # the server had closed the connection before it saw the request
        return response

    async def _send(self, request: HostileRequest) -> HttpAnswer:
        reader, writer = self._streams = self._streams or await self._connect()
        keep = False
        try:
            async with asyncio.timeout(TIMEOUT_S):
                writer.write(request.encode(self._host))
                if request.cut:
                    writer.write_eof()
                response = await _read_response(reader, head=request.method == b"HEAD")
            keep = request.framed and not request.cut and response.headers.get("connection") != "close"
        except TimeoutError:
            raise
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            response = HttpAnswer(NO_ANSWER)
        finally:
            if not keep:
                await self._close()
        return response

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*self._address, limit=MAX_LINE, local_addr=(next_address(), 0))

    async def _close(self) -> None:
        if self._streams:
            self._streams[1].close()
            self._streams = None


async def _read_response(reader: asyncio.StreamReader, *, head: bool) -> HttpAnswer:
    """Raises IncompleteReadError when the connection closes before the end."""
    status = INTERIM
    while status == INTERIM:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:]) if name}
    if head or status in BODILESS:
        return HttpAnswer(status, headers)
    if headers.get("transfer-encoding") == "chunked":
        return HttpAnswer(status, headers, await _read_chunks(reader))
    if "content-length" in headers:
        return HttpAnswer(status, headers, (await reader.readexactly(int(headers["content-length"])))[:KEPT_BYTES])
    return HttpAnswer(status, headers | {"connection": "close"}, (await reader.read())[:KEPT_BYTES])


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        chunk = await reader.readexactly(size + 2)
        body = (body + chunk[:-2])[:KEPT_BYTES]
    await reader.readuntil(b"\r\n")
    return body

"""An HTTP proxy that behaves like a bad mobile network: it loses, truncates and duplicates requests and answers.

Handles one request per connection, so that each request draws its own fault. The files of the app pass without faults
and may come from a folder, so that a test can replace one build with another.
"""

import asyncio
import contextlib
import mimetypes
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

APP_PATH = "/field/"
TIMEOUT_S = 30


@dataclass
class LossyProxy:
    """Shares are between 0 and 1; a request has at most one fault.

    `target`: host and port of intake.
    `loss`: share of requests without an answer; half of them reach intake.
    `truncate`: share whose request body or answer ends at a random byte.
    `duplicate`: share that intake receives twice, or whose answer the client receives twice.
    `down`: no network.
    `delays_s`: path → delay of its answers.
    `bytes_per_s`: bandwidth of the link; 0: unlimited. Like a gateway, the proxy forwards only complete requests.
    `without_compression`: removes Content-Encoding, as for an older intake that does not know it.
    `app_folder`: folder with the files of the app; None: the files that intake serves.
    `tamper`: (path, answer) → the changed answer.
    `app_bytes`: how many bytes of app files passed.
    `outcomes`: how many requests had which fault; "whole": none.
    """

    target: tuple[str, int]
    rng: random.Random
    loss: float = 0.0
    truncate: float = 0.0
    duplicate: float = 0.0
    down: bool = False
    delays_s: dict[str, float] = field(default_factory=dict)
    bytes_per_s: float = 0.0
    without_compression: bool = False
    app_folder: Path | None = None
    tamper: Callable[[str, bytes], bytes] | None = None
    port: int = 0
    app_bytes: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server:
            self._server.close()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError, ValueError):
            async with asyncio.timeout(TIMEOUT_S):
                await self._handle_request(reader, writer)
        with contextlib.suppress(OSError):
            writer.close()

    async def _handle_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.down:
            self.outcomes["refused"] += 1
            writer.transport.abort()
            return
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(_length(head))
        path = head.split(b" ", 2)[1].decode()
        if path.startswith(APP_PATH) and not path.startswith(
            (f"{APP_PATH}settings", f"{APP_PATH}enrol", f"{APP_PATH}sessions", f"{APP_PATH}reports")
        ):
            answer = self._file(path) if self.app_folder else await self._ask(head, body)
            self.app_bytes += len(answer)
        else:
            await self._delay_for(head + body)
            if reader.at_eof() or reader.exception():
                self._count("abandoned")
                return
            answer = await self._ask_with_faults(head, body)
            await asyncio.sleep(self.delays_s.get(path, 0))
            await self._delay_for(answer)
            answer = self.tamper(path, answer) if self.tamper else answer
        if not answer:
            writer.transport.abort()
            return
        writer.write(answer)
        await writer.drain()

    async def _ask_with_faults(self, head: bytes, body: bytes) -> bytes:
        """The answer as the client receives it; empty when it receives none."""
        draw = self.rng.random()
        if draw < self.loss:
            if draw < self.loss / 2:
                return self._count("request lost")
            await self._ask(head, body)
            return self._count("answer lost")
        draw -= self.loss
        if draw < self.truncate:
            if draw < self.truncate / 2 and body:
                await self._ask(head, body[: self.rng.randrange(len(body))])
                return self._count("request truncated")
            answer = await self._ask(head, body)
            begin = answer.find(b"\r\n\r\n") + 4
            self._count("answer truncated")
            return answer[: self.rng.randrange(begin, max(begin + 1, len(answer)))]
        draw -= self.truncate
        if draw < self.duplicate:
            if draw < self.duplicate / 2:
                await self._ask(head, body)
                self._count("request duplicated")
                return await self._ask(head, body)
            self._count("answer duplicated")
            return 2 * await self._ask(head, body)
        self._count("whole")
        return await self._ask(head, body)

    async def _delay_for(self, content: bytes) -> None:
        if self.bytes_per_s:
            await asyncio.sleep(len(content) / self.bytes_per_s)

    def _count(self, outcome: str) -> bytes:
        self.outcomes[outcome] += 1
        return b""

    async def _ask(self, head: bytes, body: bytes) -> bytes:
        """The answer of intake, which sees the end of the connection when the body is truncated."""
        try:
            reader, writer = await asyncio.open_connection(*self.target)
        except OSError:
            return b""
        removed = (b"connection:", b"content-encoding:") if self.without_compression else (b"connection:",)
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(removed)]
        lines.insert(1, b"Connection: close")
        try:
            writer.write(b"\r\n".join(lines) + body)
            await writer.drain()
            if len(body) < _length(head):
                return b""
            return await reader.read(-1)
        finally:
            writer.close()

    def _file(self, path: str) -> bytes:
        assert self.app_folder
        name = path.split("?", maxsplit=1)[0].removeprefix(APP_PATH) or "index.html"
        path_on_disk = self.app_folder / name
        if not path_on_disk.is_file():
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        content, kind = path_on_disk.read_bytes(), mimetypes.guess_type(name)[0] or "application/octet-stream"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n"
        return f"{head}Cache-Control: no-cache\r\nConnection: close\r\n\r\n".encode() + content


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0

"""A bad mobile network before the office's door: requests lost, bodies cut at any byte, answers doubled or gone.

Speaks HTTP/1.1, one request a connection, so that each fault hits one request and the next one is a new draw. The app's
own files pass unharmed, and may come from a folder, so that one build can be followed by another.
"""

import asyncio
import contextlib
import mimetypes
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

APP = "/field/"
TIMEOUT_S = 30


@dataclass
class Lossy:
    """`loss`: share of requests that get no answer, half of them after they were taken; `cut`: share whose body, or
    whose answer's, ends at a random byte; `double`: share that arrives twice, or is answered twice. `down`: no network.
    `app`: folder with the app's files; None: those that the office serves. `tamper`: what somebody on the way makes of
    an answer. `slow`: paths whose answers are so many seconds on their way. `bytes_per_s`: of the link, 0 for one that
    takes no time; like a gateway, the door hands on no request that was given up before it was whole. `old`: the
    office is one of before, which knows no Content-Encoding. `app_bytes`: how much of the app came.
    """

    target: tuple[str, int]
    rng: random.Random
    loss: float = 0.0
    cut: float = 0.0
    double: float = 0.0
    down: bool = False
    slow: dict[str, float] = field(default_factory=dict)
    bytes_per_s: float = 0.0
    old: bool = False
    app: Path | None = None
    tamper: Callable[[str, bytes], bytes] | None = None
    port: int = 0
    app_bytes: int = 0
    happened: Counter[str] = field(default_factory=Counter)
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
                await self._one(reader, writer)
        with contextlib.suppress(OSError):
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.down:
            self.happened["refused"] += 1
            writer.transport.abort()
            return
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(_length(head))
        path = head.split(b" ", 2)[1].decode()
        if path.startswith(APP) and not path.startswith(
            (f"{APP}settings", f"{APP}enrol", f"{APP}sessions", f"{APP}reports")
        ):
            answer = self._file(path) if self.app else await self._ask(head, body)
            self.app_bytes += len(answer)
        else:
            await self._crawl(head + body)
            if reader.at_eof() or reader.exception():
                self._note("given up")
                return
            answer = await self._harm(head, body)
            await asyncio.sleep(self.slow.get(path, 0))
            await self._crawl(answer)
            answer = self.tamper(path, answer) if self.tamper else answer
        if not answer:
            writer.transport.abort()
            return
        writer.write(answer)
        await writer.drain()

    async def _harm(self, head: bytes, body: bytes) -> bytes:
        """The answer as it arrives; empty when none does."""
        draw = self.rng.random()
        if draw < self.loss:
            if draw < self.loss / 2:
                return self._note("lost on the way there")
            await self._ask(head, body)
            return self._note("lost on the way back")
        draw -= self.loss
        if draw < self.cut:
            if draw < self.cut / 2 and body:
                await self._ask(head, body[: self.rng.randrange(len(body))])
                return self._note("request cut")
            answer = await self._ask(head, body)
            begin = answer.find(b"\r\n\r\n") + 4
            self._note("answer cut")
            return answer[: self.rng.randrange(begin, max(begin + 1, len(answer)))]
        draw -= self.cut
        if draw < self.double:
            if draw < self.double / 2:
                await self._ask(head, body)
                self._note("request doubled")
                return await self._ask(head, body)
            self._note("answer doubled")
            return 2 * await self._ask(head, body)
        self._note("whole")
        return await self._ask(head, body)

    async def _crawl(self, content: bytes) -> None:
        if self.bytes_per_s:
            await asyncio.sleep(len(content) / self.bytes_per_s)

    def _note(self, what: str) -> bytes:
        self.happened[what] += 1
        return b""

    async def _ask(self, head: bytes, body: bytes) -> bytes:
        """What the office answers. Of a cut body it sees the end of the connection."""
        try:
            reader, writer = await asyncio.open_connection(*self.target)
        except OSError:
            return b""
        unknown = (b"connection:", b"content-encoding:") if self.old else (b"connection:",)
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(unknown)]
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
        assert self.app
        name = path.split("?", maxsplit=1)[0].removeprefix(APP) or "index.html"
        found = self.app / name
        if not found.is_file():
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        content, kind = found.read_bytes(), mimetypes.guess_type(name)[0] or "application/octet-stream"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n"
        return f"{head}Cache-Control: no-cache\r\nConnection: close\r\n\r\n".encode() + content


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0

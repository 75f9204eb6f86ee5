"""A network that can be cut, delayed and silenced: one listener per route, bytes copied both ways."""

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field

CHUNK = 65_536


@dataclass
class Route:
    """From an own port to `target`. `delay_s` holds back each chunk; `silent` forwards nothing; `budget` bytes, then cut."""

    name: str
    target: tuple[str, int]
    port: int = 0
    delay_s: float = 0.0
    silent: bool = False
    budget: int | None = None
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        """Resets every connection, wherever it is."""
        for writer in list(self._open):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.wait_for(asyncio.open_connection(*self.target), 5)
        except (OSError, TimeoutError):
            _reset(writer)
            return
        both = (writer, there_writer)
        self._open.update(both)
        try:
            await asyncio.gather(self._copy(reader, there_writer), self._copy(there_reader, writer))
        finally:
            self._open.difference_update(both)
            for one in both:
                _reset(one)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            while chunk := await reader.read(CHUNK):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                while self.silent:
                    await asyncio.sleep(0.05)
                writer.write(self._within_budget(chunk))
                await writer.drain()
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()

    def _within_budget(self, chunk: bytes) -> bytes:
        """Whatever is left of the budget; the connection is cut at that byte."""
        if self.budget is None:
            return chunk
        sent, self.budget = chunk[: self.budget], max(0, self.budget - len(chunk))
        if self.budget == 0:
            self.budget = None
            asyncio.get_running_loop().call_later(0.01, self.cut)
        return sent


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, AttributeError, ValueError):  # it is closed already
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    writer.transport.abort()

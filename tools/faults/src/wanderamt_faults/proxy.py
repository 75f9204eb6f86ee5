"""A TCP proxy whose connections can be reset, delayed and silenced: one listener per route, bytes copied both ways."""

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field

CHUNK = 65_536


@dataclass
class ProxyRoute:
    """Forwards from its own port to `target`.

    `delay_s`: delay of each chunk. `silent`: forwards nothing. `byte_budget`: resets all connections after so many bytes.
    """

    name: str
    target: tuple[str, int]
    port: int = 0
    delay_s: float = 0.0
    silent: bool = False
    byte_budget: int | None = None
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
        """Resets all open connections."""
        for writer in list(self._open):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            target_reader, target_writer = await asyncio.wait_for(asyncio.open_connection(*self.target), 5)
        except (OSError, TimeoutError):
            _reset(writer)
            return
        both = (writer, target_writer)
        self._open.update(both)
        try:
            await asyncio.gather(self._copy(reader, target_writer), self._copy(target_reader, writer))
        finally:
            self._open.difference_update(both)
            for open_writer in both:
                _reset(open_writer)

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
        """The part of the chunk that the budget allows; resets the connections when the budget is used up."""
        if self.byte_budget is None:
            return chunk
        sent, self.byte_budget = chunk[: self.byte_budget], max(0, self.byte_budget - len(chunk))
        if self.byte_budget == 0:
            self.byte_budget = None
            asyncio.get_running_loop().call_later(0.01, self.cut)
        return sent


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, AttributeError, ValueError):  # already closed
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    writer.transport.abort()

"""The HTTP server of a service process (uvicorn)."""

from collections.abc import Iterator
from contextlib import contextmanager
from socket import socket

import structlog
import uvicorn
from fastapi import FastAPI

KEEP_ALIVE_S = 65  # longer than clients and proxies use, so that none sends on a connection that was just closed

log = structlog.get_logger()


class HttpServer(uvicorn.Server):
    """The service handles signals, because it stops other components, too."""

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.started:
            return
        for server in self.servers:
            for listening in server.sockets:
                host, port = listening.getsockname()[:2]
                log.info("http.listening", url=f"http://{host}:{port}")

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def create_server(app: FastAPI, *, host: str, port: int, drain_s: int) -> HttpServer:
    """`drain_s`: seconds that running requests have after a stop."""
    return HttpServer(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,  # its lines go to the handler of `start_logs`
            access_log=False,
            timeout_graceful_shutdown=drain_s,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
    )

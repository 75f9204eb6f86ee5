"""The HTTP server of a service process (uvicorn)."""

from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

KEEP_ALIVE_S = 65  # longer than clients and proxies use, so that none sends on a connection that was just closed


class HttpServer(uvicorn.Server):
    """The service handles signals, because it stops other components, too."""

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
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=drain_s,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
    )

"""The HTTP server of a service process (uvicorn)."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from socket import socket

import structlog
import uvicorn
from fastapi import FastAPI

from wanderamt.shell.client_address import trusted_proxies
from wanderamt.shell.http_protocol import MAX_HEADER_BYTES, BoundedProtocol, Connections

OTHER_FILES = 256  # database, Kafka, worker processes, files

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


@dataclass(frozen=True, slots=True)
class ServerBounds:
    """`keep_alive_s`: longer than clients and proxies wait, so that none sends on a connection that was just closed.

    `drain_s`: seconds that running requests have after a stop.
    `network_share`: part of the connections that one network may have.
    """

    connections: int
    header_timeout_s: float
    keep_alive_s: int
    drain_s: int
    network_share: float


def create_server(app: FastAPI, *, host: str, port: int, bounds: ServerBounds) -> HttpServer:
    connections = min(bounds.connections, _allow_files() - OTHER_FILES)
    registry = Connections(
        connections,
        max(1, int(connections * bounds.network_share)),
        lambda peer: trusted_proxies(app).network_of_peer(peer),
        bounds.header_timeout_s,
    )
    return HttpServer(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=partial(BoundedProtocol, registry=registry),  # type: ignore[arg-type] # it is only called
            ws="none",
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            log_config=None,  # its lines go to the handler of `start_logs`
            access_log=False,
            server_header=False,
            proxy_headers=False,  # uvicorn would believe everybody on the loopback; see `client_address`
            timeout_graceful_shutdown=bounds.drain_s,
            timeout_keep_alive=bounds.keep_alive_s,
        )
    )


def _allow_files() -> int:
    """Raises the bound of open files of this process to the highest that the system allows, and returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = max(soft, 65_536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard

"""The wire to a register: one client with its own bounds, timeouts and certificates. Retries nothing.

Kept true: whatever happens on the wire ends in a reply or in a trouble that says whether the register may have heard
us; no answer is read past its bound; no answer's text stands in a reason or a log.
"""

import asyncio
import ssl
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import httpx

from connector_kit.adapter import HttpCall, HttpReply
from connector_kit.manifest import Manifest
from connector_kit.window import Window

MAX_REPLY_BYTES: Final = 10 * 1024 * 1024


class Trouble(StrEnum):
    """unreachable: nothing was said. no_answer: it may have heard us. too_long: its answer had no end."""

    UNREACHABLE = "unreachable"
    NO_ANSWER = "no_answer"
    TOO_LONG = "too_long"


UNSAID = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


@dataclass(frozen=True, slots=True)
class Identity:
    """Our certificate for mutual TLS, and the authorities whose servers we trust; without: those of the machine."""

    certificate: Path
    key: Path
    authorities: Path | None = None

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.authorities) if self.authorities else None)
        context.load_cert_chain(self.certificate, self.key)
        return context


class HttpWire:
    """`url`: the register's address, without a slash at its end."""

    def __init__(
        self,
        url: str,
        manifest: Manifest,
        *,
        identity: Identity | None = None,
        headers: dict[str, str] | None = None,
        max_bytes: int = MAX_REPLY_BYTES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`transport`: for checks that reach a simulator without a network."""
        self._url = url.rstrip("/")
        self._max_bytes = max_bytes
        self._connect_s = manifest.connect_timeout_s
        self._window = Window(manifest.limits.rate_per_s)
        slots = manifest.limits.concurrency
        self._client = httpx.AsyncClient(
            verify=identity.context() if identity else True,
            limits=httpx.Limits(max_connections=slots, max_keepalive_connections=slots),
            headers=headers,
            transport=transport,
            follow_redirects=False,  # another address is another register
            trust_env=False,
        )

    async def send(self, call: HttpCall, *, timeout_s: float) -> HttpReply | Trouble:
        """The whole call ends within `timeout_s`, connecting within the register's own time."""
        await self._window.enter()
        try:
            async with asyncio.timeout(timeout_s):
                return await self._send(call, timeout_s)
        except UNSAID:
            return Trouble.UNREACHABLE
        except (httpx.HTTPError, TimeoutError):
            return Trouble.NO_ANSWER

    async def _send(self, call: HttpCall, timeout_s: float) -> HttpReply | Trouble:
        async with self._client.stream(
            call.method,
            self._url + call.path,
            params=dict(call.query),
            headers=dict(call.headers),
            content=call.body,
            timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, self._connect_s)),
        ) as reply:
            body = bytearray()
            async for chunk in reply.aiter_bytes():
                body += chunk
                if len(body) > self._max_bytes:
                    return Trouble.TOO_LONG
            headers = {name.lower(): value for name, value in reply.headers.items()}
            return HttpReply(reply.status_code, headers, bytes(body))

    async def close(self) -> None:
        await self._client.aclose()

"""HTTP transport to a register: one client with its own limits, timeouts and certificates. No retries.

Invariants: every call ends in a reply or in a failure that says whether the register may have received the call; no
answer is read past its size limit; no text of an answer appears in a reason or a log.
"""

import asyncio
import ssl
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import httpx

from connector_kit.adapter import HttpCall, HttpReply
from connector_kit.manifest.manifest import Manifest
from connector_kit.resilience.sliding_window import SlidingWindow

MAX_REPLY_BYTES: Final = 10 * 1024 * 1024


class HttpFailure(StrEnum):
    """unreachable: the register received nothing. no_answer: it may have received the call. too_long: its answer
    exceeded the limit."""

    UNREACHABLE = "unreachable"
    NO_ANSWER = "no_answer"
    TOO_LONG = "too_long"


NOT_SENT_ERRORS = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """Our client certificate for mutual TLS, and the authorities that we trust; default: those of the machine."""

    certificate: Path
    key: Path
    authorities: Path | None = None

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.authorities) if self.authorities else None)
        context.load_cert_chain(self.certificate, self.key)
        return context


class HttpxTransport:
    """`url`: the register's base address."""

    def __init__(
        self,
        url: str,
        manifest: Manifest,
        *,
        identity: TlsIdentity | None = None,
        headers: dict[str, str] | None = None,
        max_bytes: int = MAX_REPLY_BYTES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`transport`: for checks that reach a simulator without a network."""
        self._url = url.rstrip("/")
        self._max_bytes = max_bytes
        self._connect_s = manifest.connect_timeout_s
        self._window = SlidingWindow(manifest.limits.rate_per_s)
        slots = manifest.limits.max_concurrent_calls
        self._client = httpx.AsyncClient(
            verify=identity.context() if identity else True,
            limits=httpx.Limits(max_connections=slots, max_keepalive_connections=slots),
            headers=headers,
            transport=transport,
            follow_redirects=False,  # a redirect would lead to another register
            trust_env=False,
        )

    async def send(self, call: HttpCall, *, timeout_s: float) -> HttpReply | HttpFailure:
        """The whole call ends within `timeout_s`; connecting has the manifest's own timeout."""
        await self._window.wait_for_slot()
        try:
            async with asyncio.timeout(timeout_s):
                return await self._send(call, timeout_s)
        except NOT_SENT_ERRORS:
            return HttpFailure.UNREACHABLE
        except (httpx.HTTPError, TimeoutError):
            return HttpFailure.NO_ANSWER

    async def _send(self, call: HttpCall, timeout_s: float) -> HttpReply | HttpFailure:
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
                    return HttpFailure.TOO_LONG
            headers = {name.lower(): value for name, value in reply.headers.items()}
            return HttpReply(reply.status_code, headers, bytes(body))

    async def close(self) -> None:
        await self._client.aclose()

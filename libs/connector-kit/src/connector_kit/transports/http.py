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

import aiohttp

from connector_kit.adapter import HttpCall, HttpReply
from connector_kit.manifest.manifest import Manifest
from connector_kit.resilience.call_pacer import CallPacer

MAX_REPLY_BYTES: Final = 10 * 1024 * 1024
KEEP_ALIVE_S: Final = 4.0  # less than servers keep an idle connection: a call into a closed one may have arrived
MAX_HEADER_BYTES: Final = 64 * 1024


class HttpFailure(StrEnum):
    """unreachable: the register received nothing. no_answer: it may have received the call. too_long: its answer
    exceeded the limit."""

    UNREACHABLE = "unreachable"
    NO_ANSWER = "no_answer"
    TOO_LONG = "too_long"


NOT_SENT_ERRORS = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL, ValueError)


class ConnectionBrokenError(aiohttp.ClientError):
    """The connection broke before the answer."""


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


class RegisterTransport:
    """`url`: the register's base address."""

    def __init__(
        self,
        url: str,
        manifest: Manifest,
        *,
        identity: TlsIdentity | None = None,
        headers: dict[str, str] | None = None,
        max_bytes: int = MAX_REPLY_BYTES,
    ) -> None:
        self._url = url.rstrip("/")
        self._max_bytes = max_bytes
        self._connect_s = manifest.connect_timeout_s
        self._rate_per_s = manifest.limits.rate_per_s
        self._pacer = CallPacer(self._rate_per_s)
        self._slots = manifest.limits.max_concurrent_calls
        self._tls = identity.context() if identity else True
        self._headers = headers
        self._session: aiohttp.ClientSession | None = None

    async def send(self, call: HttpCall, *, timeout_s: float) -> HttpReply | HttpFailure:
        """The whole call ends within `timeout_s`; connecting has the manifest's own timeout."""
        await self._pacer.wait_for_turn()
        try:
            async with asyncio.timeout(timeout_s):
                return await self.exchange(call, timeout_s)
        except NOT_SENT_ERRORS:
            return HttpFailure.UNREACHABLE
        except (aiohttp.ClientError, TimeoutError):
            return HttpFailure.NO_ANSWER

    async def exchange(self, call: HttpCall, timeout_s: float) -> HttpReply | HttpFailure:
        """Sends the call once. Raises an error of aiohttp, TimeoutError, or ValueError for a call that is no HTTP."""
        async with self._open_session().request(
            call.method,
            self._url + call.path,
            params=dict(call.query),
            headers=dict(call.headers),
            data=call.body or None,
            skip_auto_headers=("Content-Type",),
            allow_redirects=False,  # a redirect would lead to another register
            # `connect` covers the name, all addresses and TLS: in that time nothing is sent
            timeout=aiohttp.ClientTimeout(total=timeout_s, connect=min(timeout_s, self._connect_s)),
        ) as reply:
            try:
                return await self._read(reply)
            except ValueError as error:  # the register has received the call
                raise ConnectionBrokenError from error

    async def close(self) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    def _paced_when_sent(self) -> aiohttp.TraceConfig:
        """Paces the calls once more where their connection is ready: connecting takes some of them longer than others,
        and the register counts what arrives. aiohttp waits for this hook before it writes the headers."""
        pacer = CallPacer(self._rate_per_s)

        async def wait(*_: object) -> None:
            await pacer.wait_for_turn()

        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(wait)
        return trace

    async def _read(self, reply: aiohttp.ClientResponse) -> HttpReply | HttpFailure:
        body = bytearray()
        async for chunk in reply.content.iter_any():
            body += chunk
            if len(body) > self._max_bytes:
                return HttpFailure.TOO_LONG
        headers: dict[str, str] = {}
        for name, value in reply.raw_headers:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        return HttpReply(reply.status, headers, bytes(body))

    def _open_session(self) -> aiohttp.ClientSession:
        """At the first call, because a session belongs to the event loop that runs then."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._slots, ssl=self._tls, keepalive_timeout=KEEP_ALIVE_S),
                cookie_jar=aiohttp.DummyCookieJar(),  # officers share the session
                headers=self._headers,
                middlewares=(_send_once,),
                max_line_size=MAX_HEADER_BYTES,
                max_field_size=MAX_HEADER_BYTES,
                trace_configs=[self._paced_when_sent()],
            )
        return self._session


async def _send_once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """aiohttp would repeat a GET, PUT or DELETE when the connection breaks, but the policy decides what is repeated."""
    try:
        return await send(request)
    except NOT_SENT_ERRORS:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise ConnectionBrokenError from error

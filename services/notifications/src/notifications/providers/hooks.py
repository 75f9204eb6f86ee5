"""The wire to partners' systems: an address of theirs, never one of ours that a partner named.

Kept true: a host's addresses are looked up once and the call goes to the one that was checked, so a name that answers
otherwise the second time gains nothing; no redirect is followed; an answer is not read past its head.
"""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import httpx

from notifications.domain.partner import NotPosted, Posted, allowed

TIMEOUT_S: Final = 15.0
CONNECT_S: Final = 5.0


@dataclass
class HookWire:
    """`networks`: of our own house that hooks may go to, CIDR."""

    networks: Sequence[str] = ()
    trouble: str = ""
    _client: httpx.AsyncClient = field(
        default_factory=lambda: httpx.AsyncClient(
            timeout=httpx.Timeout(TIMEOUT_S, connect=CONNECT_S), follow_redirects=False, trust_env=False
        )
    )

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        await self._client.aclose()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Posted | NotPosted:
        where = urlsplit(url)
        host = where.hostname or ""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                address = await self._address(host, where.port or (443 if where.scheme == "https" else 80))
                if not address:
                    return NotPosted("address_not_allowed")
                there = httpx.URL(url).copy_with(host=address)
                named = {**headers, "Host": where.netloc.rpartition("@")[2]}
                asked = self._client.build_request("POST", there, content=body, headers=named)
                asked.extensions["sni_hostname"] = host
                reply = await self._client.send(asked, stream=True)
                await reply.aclose()
                return Posted(reply.status_code)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            return NotPosted(type(error).__name__.lower())

    async def _address(self, host: str, port: int) -> str:
        """The first that a hook may go to; empty: none may."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(one[4][0]) for one in found]
        return next((one for one in addresses if allowed(one, self.networks)), "")

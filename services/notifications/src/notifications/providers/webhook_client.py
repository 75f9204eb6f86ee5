"""HTTP client for partners' systems, which never calls an address of the city's own network that a partner named.

Invariants: the client resolves a host once and calls the address that it checked, so that a second, different DNS
answer has no effect; it follows no redirect and does not read the body of a response.
"""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import httpx

from notifications.domain.partner import WebhookAnswered, WebhookNotAnswered, is_allowed_address

TIMEOUT_S: Final = 15.0
CONNECT_TIMEOUT_S: Final = 5.0


@dataclass
class WebhookClient:
    """`networks`: the city's own networks (CIDR) that webhooks may reach."""

    networks: Sequence[str] = ()
    health_problem: str = ""
    _client: httpx.AsyncClient = field(
        default_factory=lambda: httpx.AsyncClient(
            timeout=httpx.Timeout(TIMEOUT_S, connect=CONNECT_TIMEOUT_S), follow_redirects=False, trust_env=False
        )
    )

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        await self._client.aclose()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> WebhookAnswered | WebhookNotAnswered:
        target = urlsplit(url)
        host = target.hostname or ""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                address = await self._allowed_address(host, target.port or (443 if target.scheme == "https" else 80))
                if not address:
                    return WebhookNotAnswered("address_not_allowed")
                address_url = httpx.URL(url).copy_with(host=address)
                host_header = {**headers, "Host": target.netloc.rpartition("@")[2]}
                request = self._client.build_request("POST", address_url, content=body, headers=host_header)
                request.extensions["sni_hostname"] = host
                response = await self._client.send(request, stream=True)
                await response.aclose()
                return WebhookAnswered(response.status_code)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, UnicodeError) as error:
            return WebhookNotAnswered(type(error).__name__.lower())

    async def _allowed_address(self, host: str, port: int) -> str:
        """The first address of the host that a webhook may call; empty: none."""
        loop = asyncio.get_running_loop()
        resolved = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in resolved]
        return next((address for address in addresses if is_allowed_address(address, self.networks)), "")

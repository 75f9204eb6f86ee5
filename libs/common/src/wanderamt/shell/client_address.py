"""The network address of a client, by which every limit per address counts.

A proxy appends the address that called it to the header X-Forwarded-For. We read the header from right to left, from
the hop next to us outwards, as long as a trusted proxy wrote the entry.

Invariants: an entry that no trusted proxy wrote is never read, so nobody outside chooses the address that counts; a
service whose routes count by address does not start without a decision about proxies. The header Forwarded (RFC 7239)
is not read: a proxy that appends to one of the two headers passes the other on as the client sent it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Final

import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.requests import HTTPConnection

NO_PROXIES: Final = "none"
HEADER: Final = "x-forwarded-for"
CUSTOMER_BITS: Final = 56  # of an IPv6 address: what a provider gives to one household (decision 0031)
MIN_PREFIX_BITS: Final = {4: 8, 6: 7}  # a shorter prefix would trust a large part of the internet
UNKNOWN: Final = "unknown"
HOW_TO_SET: Final = (
    "the networks of the city's own proxies in CIDR notation, comma separated, such as 10.0.0.0/24,fd00::/64, or the"
    " word none if clients connect directly"
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

log = structlog.get_logger()


@dataclass
class TrustedProxies:
    """`networks`: those of the city's own proxies; empty: clients connect directly."""

    networks: Sequence[Network] = ()
    _warned: bool = field(default=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> "TrustedProxies":
        """`text`: as HOW_TO_SET says. Raises ValueError."""
        if text.strip().lower() == NO_PROXIES:
            return cls()
        networks = [_parse_network(part.strip()) for part in text.split(",")]
        return cls(tuple(networks))

    def address_of(self, peer: str, forwarded: Sequence[str] = ()) -> str:
        """The client's address. `peer`: who connected to us; `forwarded`: the X-Forwarded-For headers, in order.

        An entry that is no address counts as missing: then the proxy that wrote it is the client.
        """
        address = _parse_hop(peer)
        if address is None:
            return UNKNOWN
        trusted = self._trusts(address)
        if not forwarded if trusted else forwarded and not address.is_global:
            self._warn(address, trusted=trusted)
        if not trusted:
            return str(address)
        for entry in reversed(",".join(forwarded).split(",")):
            hop = _parse_hop(entry)
            if hop is None:
                break
            address = hop
            if not self._trusts(hop):
                break
        return str(address)

    def network_of_peer(self, peer: str) -> str:
        """The network by which connections are counted. Empty for a trusted proxy, through which everybody connects."""
        address = _parse_hop(peer)
        return "" if address and self._trusts(address) else limited_network(peer)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self.networks)

    def _warn(self, proxy: Address, *, trusted: bool) -> None:
        """Once per process: behind such a proxy the whole city would share one address and its limits."""
        if self._warned:
            return
        self._warned = True
        hint = (
            "A trusted proxy names no client: configure it to append to X-Forwarded-For."
            if trusted
            else "X-Forwarded-For comes from a private address that is no trusted proxy, so it is not read. If that is"
            " our proxy, name it in WANDERAMT_TRUSTED_PROXIES."
        )
        log.warning("http.clients_share_an_address", proxy=str(proxy), hint=f"{hint} All clients share its limits.")


def limited_network(address: str) -> str:
    """What a limit per address counts: an IPv4 address, or the /56 of an IPv6 address, which one customer owns."""
    parsed = _parse_hop(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, CUSTOMER_BITS), strict=False))
    return str(parsed or UNKNOWN)


def trusted_proxies(app: FastAPI) -> TrustedProxies:
    return getattr(app.state, "trusted_proxies", None) or TrustedProxies()


async def client_address(request: Request) -> str:
    """The client's IP address; UNKNOWN for a connection without one."""
    return _address_of(request)


async def client_network(request: Request) -> str:
    """The network by which the limits per address count the client."""
    return network_of(request)


def network_of(connection: HTTPConnection) -> str:
    """As `client_network`, for code that is no route."""
    return limited_network(_address_of(connection))


def _address_of(connection: HTTPConnection) -> str:
    peer = connection.client.host if connection.client else ""
    return trusted_proxies(connection.app).address_of(peer, connection.headers.getlist(HEADER))


ClientNetwork = Annotated[str, Depends(client_network)]
"""The parameter of a route that limits its callers by address."""


def counts_by_address(app: FastAPI) -> list[str]:
    """Paths of the routes that ask for the client's address."""
    return [
        str(route.path)
        for route in iter_route_contexts(app.routes)
        if isinstance(route.original_route, APIRoute)
        and not {client_address, client_network}.isdisjoint(_calls(route.dependant))
    ]


def _calls(dependant: Dependant) -> Iterator[object]:
    yield dependant.call
    for dependency in dependant.dependencies:
        yield from _calls(dependency)


def _parse_network(text: str) -> Network:
    try:
        network = ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no network: {error}") from error
    if network.prefixlen < MIN_PREFIX_BITS[network.version]:
        raise ValueError(f"{text} is too large a network to trust: name the proxies")
    return network


def _parse_hop(text: str) -> Address | None:
    """An address, also with a port or in brackets: 192.0.2.1:443, [2001:db8::1]:443. None: it is none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:  # a socket for both versions shows IPv4 so
        return address.ipv4_mapped
    return address

"""Citizens who book at a running system, each with a network address and a telephone number of their own."""

from collections.abc import Iterator
from itertools import count

import httpx

_numbers: Iterator[int] = count(1)


def citizen_client(url: str) -> httpx.AsyncClient:
    """Connects from another address of the loopback than any other citizen of this test run."""
    number = next(_numbers)
    transport = httpx.AsyncHTTPTransport(local_address=f"127.1.{number // 250}.{number % 250 + 1}")
    return httpx.AsyncClient(base_url=url, timeout=20, transport=transport)


def new_phone() -> str:
    """A mobile number that no other citizen of this test run has."""
    return f"+43664{next(_numbers):07}"

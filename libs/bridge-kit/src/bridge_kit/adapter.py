"""What a team writes: pure functions between its register's messages and our models.

Kept true: an adapter does no I/O, no retry and no SQL, so that it is tested without a network. Whatever bytes come in,
`classify` ends in a verdict and never raises.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from pydantic import BaseModel

from bridge_kit.verdict import RetryLater, Verdict


@dataclass(frozen=True, slots=True)
class Stamp:
    """What goes with every call. `call_id` is the same for every try: the register knows an order again by it."""

    call_id: UUID
    officer: str
    purpose: str


@dataclass(frozen=True, slots=True)
class HttpCall:
    """`path` is below the register's own address."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """Names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def retry_after_s(self) -> float | None:
        """Of the header Retry-After, where it says seconds."""
        told = self.headers.get("retry-after", "")
        return float(told) if told.isascii() and told.isdigit() else None


@dataclass(frozen=True, slots=True)
class Happened:
    """A probe found what the order made there."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class NotHappened:
    """A probe found nothing: the order can be given again."""


Probed = Happened | NotHappened | RetryLater


class Adapter(Protocol):
    """One class a register. `operation` is a name of the manifest."""

    def encode(self, operation: str, question: BaseModel, stamp: Stamp) -> HttpCall: ...

    def classify(self, operation: str, reply: HttpReply) -> Verdict: ...


class Probing(Adapter, Protocol):
    """An adapter with operations of effect `probe`."""

    def encode_probe(self, operation: str, question: BaseModel, stamp: Stamp) -> HttpCall: ...

    def classify_probe(self, operation: str, reply: HttpReply) -> Probed: ...

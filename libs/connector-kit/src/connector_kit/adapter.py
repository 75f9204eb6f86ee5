"""What a team writes: pure functions between its register's messages and our models.

Kept true: an adapter does no I/O, no retry and no SQL, so that it is tested without a network. Whatever bytes come in,
`classify` ends in a verdict and never raises.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from uuid import UUID

from pydantic import BaseModel, SecretStr

from connector_kit.verdict import RetryLater, Verdict


@dataclass(frozen=True, slots=True)
class Setup:
    """What `open_adapter` gets: its folder (for a WSDL), the manifest's settings and secrets with their values."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, SecretStr] = field(default_factory=dict)


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


@dataclass(frozen=True, slots=True)
class Row:
    """A line of an answer file: how the order with this id ended."""

    call_id: UUID
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Trailer:
    """The last line: how many rows there were."""

    rows: int


@dataclass(frozen=True, slots=True)
class Heading:
    """A line that says nothing."""


@dataclass(frozen=True, slots=True)
class NoRow:
    """A line nobody can read. It goes back to the register by its number and this word."""

    code: str


Read = Row | Trailer | Heading | NoRow


class BatchAdapter(Protocol):
    """One class a register that is told and answers in files of lines."""

    def encode_row(self, operation: str, question: BaseModel, stamp: Stamp) -> str:
        """One line, without its end. Raises ValueError for what the register's charset or format cannot hold."""
        ...

    def encode_trailer(self, rows: int) -> str:
        """The last line of an order file; empty: it has none."""
        ...

    def read_row(self, text: str) -> Read: ...

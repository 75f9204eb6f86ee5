"""What a team writes: pure functions between the register's messages and our models.

Invariants: an adapter does no I/O, no retries and no SQL, so tests need no network. For any bytes `classify` returns
an outcome; it never raises.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from uuid import UUID

from pydantic import BaseModel, SecretStr

from connector_kit.call_outcome import CallOutcome, TemporarilyUnavailable


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """Arguments of `open_adapter`: the bridge's folder (for a WSDL), and the manifest's settings and secrets with
    their values."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, SecretStr] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallContext:
    """Goes with every call. `call_id` is the same for every try, so that the register can recognise a repeated
    order."""

    call_id: UUID
    officer: str
    purpose: str


@dataclass(frozen=True, slots=True)
class HttpCall:
    """`path` is relative to the register's base address."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def retry_after_s(self) -> float | None:
        """The header Retry-After, if it gives seconds."""
        value = self.headers.get("retry-after", "")
        return float(value) if value.isascii() and value.isdigit() else None


@dataclass(frozen=True, slots=True)
class OrderFound:
    """A status check found that the register executed the order."""

    outcome: CallOutcome


@dataclass(frozen=True, slots=True)
class OrderNotFound:
    """A status check found nothing: the order can be sent again."""


StatusCheckResult = OrderFound | OrderNotFound | TemporarilyUnavailable


class Adapter(Protocol):
    """One class per register. `operation` is a name in the manifest."""

    def encode(self, operation: str, question: BaseModel, context: CallContext) -> HttpCall: ...

    def classify(self, operation: str, reply: HttpReply) -> CallOutcome: ...


class StatusCheckingAdapter(Adapter, Protocol):
    """An adapter with operations whose idempotency is `by_lookup`."""

    def encode_status_check(self, operation: str, question: BaseModel, context: CallContext) -> HttpCall: ...

    def classify_status_check(self, operation: str, reply: HttpReply) -> StatusCheckResult: ...


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """A line of an answer file: the outcome of the order with this id."""

    call_id: UUID
    outcome: CallOutcome


@dataclass(frozen=True, slots=True)
class Trailer:
    """The last line of a file, with the number of rows."""

    rows: int


@dataclass(frozen=True, slots=True)
class IgnoredLine:
    """A line without content for us."""


@dataclass(frozen=True, slots=True)
class UnreadableLine:
    """A line that we cannot read. We return its number and this code to the register."""

    code: str


ParsedLine = AnswerRow | Trailer | IgnoredLine | UnreadableLine


class BatchAdapter(Protocol):
    """One class per register that exchanges files of lines."""

    def encode_row(self, operation: str, question: BaseModel, context: CallContext) -> str:
        """One line, without line end. Raises ValueError for what the register's charset or format cannot represent."""
        ...

    def encode_trailer(self, rows: int) -> str:
        """The last line of an order file; empty if the format has none."""
        ...

    def read_row(self, text: str) -> ParsedLine: ...

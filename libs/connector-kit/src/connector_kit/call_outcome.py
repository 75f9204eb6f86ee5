"""How a call to a register ended: a closed set of outcomes, so that callers need no knowledge of the register.

Invariants: a code is one machine-readable word. It never holds text of an answer, because registers often quote the
question, with the person's name, in their error messages.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, RootModel

Result_co = TypeVar("Result_co", bound=BaseModel, covariant=True)

NO_CODE: Final = "without_code"
_NO_WORD = re.compile(r"[^a-z0-9_.-]+")
_MAX_CODE = 40


def to_code(text: object) -> str:
    """The register's own error code as one word. Text that is not a short word, such as a sentence, becomes
    `without_code`."""
    word = str(text or "").strip()
    if not word or len(word) > _MAX_CODE or any(sign.isspace() for sign in word):
        return NO_CODE
    return _NO_WORD.sub("_", word.rsplit(":", maxsplit=1)[-1].lower()).strip("_") or NO_CODE


@dataclass(frozen=True, slots=True)
class RawResponse:
    """An HTTP answer as it was received."""

    status: int
    content_type: str
    body: bytes = field(repr=False)

    def to_bytes(self) -> bytes:
        """For encrypted storage; `from_bytes` reads it."""
        return f"{self.status} {self.content_type}\n".encode() + self.body

    @classmethod
    def from_bytes(cls, data: bytes) -> "RawResponse":
        head, _, body = data.partition(b"\n")
        status, _, content_type = head.decode().partition(" ")
        return cls(int(status), content_type, body)


@dataclass(frozen=True, slots=True)
class Succeeded(Generic[Result_co]):
    """The register answered, or executed the order."""

    result: Result_co


@dataclass(frozen=True, slots=True)
class NotFound:
    """The register has no data. It gives the same answer for a person whose data are blocked."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The register refuses, however often we ask: the question or our rights are wrong."""

    code: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """More than one record matches: the officer must give more details. We never pick the first match."""

    hits: int | None = None


@dataclass(frozen=True, slots=True)
class NotExecuted:
    """A status check found that the order was not executed: we can send it."""


@dataclass(frozen=True, slots=True)
class TemporarilyUnavailable:
    """The register certainly executed nothing. `after_s`: when to retry, if the register says so. `asked`: false if a
    fault of ours kept the call from leaving."""

    code: str
    after_s: float | None = None
    asked: bool = True


@dataclass(frozen=True, slots=True)
class Throttled:
    """We sent too many calls. This is no failure of the register: our rate is too high."""

    after_s: float | None = None


@dataclass(frozen=True, slots=True)
class AuthFailed:
    """The portal does not accept our credentials or certificate: all calls stop until an operator fixes it."""

    code: str


@dataclass(frozen=True, slots=True)
class PossiblyExecuted:
    """The register may or may not have executed the call: check before repeating it."""

    code: str


@dataclass(frozen=True, slots=True)
class UnreadableResponse:
    """We cannot read the answer. A lookup can be repeated; of an order we do not know whether it was executed.

    `raw`: the answer, for the developer of the adapter; it appears in no log and no comparison.
    """

    code: str
    raw: RawResponse | None = field(default=None, repr=False, compare=False)


QUESTION_INVALID: Final = Rejected("question_invalid")  # by us: no call was made
CallOutcome: TypeAlias = (
    Succeeded[BaseModel]
    | NotFound
    | Rejected
    | Ambiguous
    | NotExecuted
    | TemporarilyUnavailable
    | Throttled
    | AuthFailed
    | PossiblyExecuted
    | UnreadableResponse
)


def holds_nothing(value: object) -> bool:
    """Whether an answer, as JSON, says nothing: only empty texts, lists and objects. A number, also 0, and yes or no
    say something."""
    if isinstance(value, dict):
        return all(map(holds_nothing, value.values()))
    if isinstance(value, list | tuple):
        return all(map(holds_nothing, value))
    return value is None or value == ""


def outcome_of_answer(answer: BaseModel, *, hits: str = "", is_lookup: bool) -> CallOutcome:
    """An answer that was read. `hits`: the name of its list of hits, "root" if it is that list; of them there must be
    one.

    A lookup whose answer says nothing has not found anything; of an order we then do not know whether it was executed.
    An answer whose model has no fields says everything by its arrival.
    """
    says_nothing = NotFound() if is_lookup else UnreadableResponse("empty")
    if hits and len(records := _records(answer, hits)) != 1:
        return Ambiguous(len(records)) if records else says_nothing
    if type(answer).model_fields and holds_nothing(answer.model_dump(exclude_unset=True)):
        return says_nothing
    return Succeeded(answer)


def _records(answer: Any, hits: str) -> Sequence[object]:
    while isinstance(answer, RootModel):
        answer = answer.root
    records: Sequence[object] | None = answer if hits == "root" else getattr(answer, hits)
    return records or ()


def was_asked(outcome: CallOutcome) -> bool:
    """Whether the call left at all: one that did not says nothing about the register."""
    return outcome != QUESTION_INVALID and (not isinstance(outcome, TemporarilyUnavailable) or outcome.asked)

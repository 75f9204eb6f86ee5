"""How a call to a register ended: a closed set, so that whoever drives bridges needs to know no register.

Kept true: a code is a machine's word. Nothing of an answer's text leaves in one, for what registers write into their
faults is often the question, with the person's name in it.
"""

import re
from dataclasses import dataclass, field
from typing import Final, Generic, TypeAlias, TypeVar

from pydantic import BaseModel

Result_co = TypeVar("Result_co", bound=BaseModel, covariant=True)

NO_CODE: Final = "without_code"
_NO_WORD = re.compile(r"[^a-z0-9_.-]+")
_MAX_CODE = 40


def code_of(text: object) -> str:
    """A register's own code as one word. What is no short word, a sentence for example, becomes `without_code`."""
    told = str(text or "").strip()
    if not told or len(told) > _MAX_CODE or any(sign.isspace() for sign in told):
        return NO_CODE
    return _NO_WORD.sub("_", told.rsplit(":", maxsplit=1)[-1].lower()).strip("_") or NO_CODE


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer as it came."""

    status: int
    content_type: str
    body: bytes = field(repr=False)

    def frozen(self) -> bytes:
        """To be sealed and kept."""
        return f"{self.status} {self.content_type}\n".encode() + self.body

    @classmethod
    def thawed(cls, frozen: bytes) -> "Raw":
        head, _, body = frozen.partition(b"\n")
        status, _, content_type = head.decode().partition(" ")
        return cls(int(status), content_type, body)


@dataclass(frozen=True, slots=True)
class Done(Generic[Result_co]):
    """The register answered, or did what it was told."""

    result: Result_co


@dataclass(frozen=True, slots=True)
class NotFound:
    """It has no data. A person whose data are locked is answered exactly so."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """It will not, however often it is asked: the question or the rights are wrong."""

    code: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """More than one fits: the officer must say more. The first hit is never taken."""

    hits: int | None = None


@dataclass(frozen=True, slots=True)
class NotDone:
    """A probe found that the order has never happened: it can be given."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Surely nothing happened there. `after_s`: when the register says when; else the schedule decides."""

    code: str
    after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Throttled:
    """It had too many of us. No failure of the register: the pace is wrong."""

    after_s: float | None = None


@dataclass(frozen=True, slots=True)
class AuthFailed:
    """The portal does not know us, or our certificate ran out: nothing goes until somebody mends it."""

    code: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have done it or not: look before anything is repeated."""

    code: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """An answer nobody can read. A lookup may be asked again; after an order nobody knows what happened.

    `raw`: the answer itself, for whoever mends the adapter; it is in no log and no comparison.
    """

    code: str
    raw: Raw | None = field(default=None, repr=False, compare=False)


Verdict: TypeAlias = (
    Done[BaseModel]
    | NotFound
    | Rejected
    | Ambiguous
    | NotDone
    | RetryLater
    | Throttled
    | AuthFailed
    | Unknown
    | Malformed
)

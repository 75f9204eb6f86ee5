"""A refusal is a value: a stable code for programs and a hint for the clerk. A business rule never raises."""

from dataclasses import dataclass
from enum import StrEnum


class RefusalKind(StrEnum):
    """The class of reason. The shell maps it to an HTTP status."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    BUSY = "busy"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True)
class Refusal:
    """`code` never changes once published; `hint` says what happened and what to do next, without personal data."""

    code: str
    hint: str
    kind: RefusalKind = RefusalKind.INVALID

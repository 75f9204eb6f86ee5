"""A refusal is a value: a stable code for programs and a hint for the clerk. Never an exception for a rule."""

from dataclasses import dataclass
from enum import StrEnum


class Ground(StrEnum):
    """Why something is refused; the shell turns it into an HTTP status."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Refusal:
    """`code` never changes once published; `hint` says what happened and what to do next, without personal data."""

    code: str
    hint: str
    ground: Ground = Ground.INVALID

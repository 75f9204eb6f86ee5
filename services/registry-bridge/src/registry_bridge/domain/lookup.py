"""A lookup at the counter: somebody stands there, so an answer comes within two seconds, and says what it is.

Kept true: an answer that is not fresh says of which moment it is; no answer says how long one would take; an officer
asks for a case and a purpose, and no more often than an hour bears.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from connector_kit.manifest import Kind, Manifest
from wanderamt.contracts import Verdict
from wanderamt.kernel.ids import CaseId
from wanderamt.kernel.refusal import Refusal
from wanderamt.kernel.sealed import Sealed

from registry_bridge.domain.refusals import NO_LOOKUP, WRONG_PURPOSE

WITHIN_S: Final = 2.0
FOR_US_S: Final = 0.3  # of it, for the database and the way back


class Freshness(StrEnum):
    FRESH = "fresh"
    KEPT = "kept"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Lookup:
    """What an officer asks. `question`: as the operation's model wants it."""

    register: str
    operation: str
    case_id: CaseId
    purpose: str
    officer: str
    question: dict[str, Any]


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    verdict: Verdict
    details: Sealed | None


@dataclass(frozen=True, slots=True)
class Found:
    """`verdict`, `answer`, `as_of`: none when it is down; `wait_s`: until one could be had, when it is."""

    freshness: Freshness
    verdict: Verdict | None = None
    answer: dict[str, Any] | None = None
    as_of: datetime | None = None
    code: str = ""
    wait_s: float = 0.0


def kept_under(fingerprint: bytes) -> UUID:
    """Whose key seals a kept answer: its question's, for it belongs to no case."""
    return UUID(bytes=fingerprint[:16])


def may_look(lookup: Lookup, manifest: Manifest) -> Refusal | None:
    operation = manifest.operations.get(lookup.operation)
    if not operation or operation.kind is not Kind.LOOKUP:
        return NO_LOOKUP
    return None if lookup.purpose in operation.purposes else WRONG_PURPOSE

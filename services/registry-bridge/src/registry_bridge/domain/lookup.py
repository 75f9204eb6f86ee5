"""Interactive lookups: an officer asks a register while the citizen waits, and gets an answer within two seconds.

Invariants:
- An answer that is not fresh carries the time it was valid at.
- A result without an answer carries the expected waiting time.
- An officer names a case and a purpose for each lookup, and has a limited number of lookups per hour.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from connector_kit.manifest.manifest import Manifest
from connector_kit.manifest.operation import OperationKind
from wanderamt.contracts import RegisterOutcome
from wanderamt.kernel.ids import CaseId
from wanderamt.kernel.refusal import Refusal
from wanderamt.kernel.sealed import Sealed

from registry_bridge.domain.refusals import NO_LOOKUP, WRONG_PURPOSE

ANSWER_WITHIN_S: Final = 2.0
OVERHEAD_S: Final = 0.3  # part of ANSWER_WITHIN_S reserved for the database and the response


class Freshness(StrEnum):
    FRESH = "fresh"
    CACHED = "cached"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Lookup:
    """The question of an officer. `question` has the fields of the operation's question model."""

    register: str
    operation: str
    case_id: CaseId
    purpose: str
    officer: str
    question: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SealedAnswer:
    """An answer as the cache holds it, its details encrypted."""

    outcome: RegisterOutcome
    details: Sealed | None


@dataclass(frozen=True, slots=True)
class LookupResult:
    """`outcome`, `answer` and `as_of` are None when the register is unavailable; `wait_s` is then the expected wait."""

    freshness: Freshness
    outcome: RegisterOutcome | None = None
    answer: dict[str, Any] | None = None
    as_of: datetime | None = None
    code: str = ""
    wait_s: float = 0.0


def cache_encryption_id(question_hash: bytes) -> UUID:
    """The id under which a cached answer is encrypted: derived from its question, because it belongs to no case."""
    return UUID(bytes=question_hash[:16])


def check_lookup(lookup: Lookup, manifest: Manifest) -> Refusal | None:
    operation = manifest.operations.get(lookup.operation)
    if not operation or operation.kind is not OperationKind.LOOKUP:
        return NO_LOOKUP
    return None if lookup.purpose in operation.purposes else WRONG_PURPOSE

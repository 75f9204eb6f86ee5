"""Interactive lookups: an officer asks a register while the citizen waits, and gets an answer within two seconds.

Invariants:
- An answer that is not fresh carries the time it was valid at.
- A result without an answer carries the expected waiting time.
- A lookup belongs to an open case at the officer's stand, asks what the case's service may ask, for the purpose that
  the law names, and about nobody but the applicant.
- Each lookup is written down before a register is called, with its outcome, also one that is refused or fails; all of
  them count towards the officer's limit per hour.
- A refusal does not tell whether a case exists that the officer's stand has nothing to do with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from connector_kit.manifest.manifest import Manifest
from connector_kit.manifest.operation import OperationKind
from wanderamt.contracts import RegisterOutcome
from wanderamt.kernel.ids import CaseId, DeviceId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.assertions import Person

from registry_bridge.domain.case_copy import CaseCopy
from registry_bridge.domain.refusals import (
    CASE_ENDED,
    CASE_NOT_HERE,
    NO_BRIDGE,
    NO_LOOKUP,
    NOT_OF_SERVICE,
    NOT_THE_APPLICANT,
    TOO_MANY_FOR_CASE,
    TOO_MANY_LOOKUPS,
    WRONG_PURPOSE,
    WRONG_QUESTION,
)

ANSWER_WITHIN_S: Final = 2.0
OVERHEAD_S: Final = 0.3  # part of ANSWER_WITHIN_S reserved for the database and the response
COUNTED_OVER: Final = timedelta(hours=1)
PERSON_FIELDS: Final = frozenset({"given_name", "family_name", "birth", "birth_date", "birth_year"})
NO_ANSWER: Final = "register.no_answer"


class Freshness(StrEnum):
    FRESH = "fresh"
    CACHED = "cached"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Lookup:
    """The question of an officer. `question` has the fields of the operation's question model.

    `device_id`, `stand_id`: as the officer's token names them.
    """

    register: str
    operation: str
    case_id: CaseId
    purpose: str
    officer: str
    device_id: DeviceId
    stand_id: StandId
    question: dict[str, Any]


class LookupOutcome(StrEnum):
    """unknown: the process ended before the outcome was recorded, so an answer may have been shown."""

    UNKNOWN = "unknown"
    DELIVERED = "delivered"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class QuestionHashes:
    """Keyed hashes. `question`: of the canonical question, under which its answer is cached; empty if the question does
    not fit the lookup. `applicant`: of the person it is about; None if it names nobody."""

    question: bytes = b""
    applicant: str | None = None


@dataclass(frozen=True, slots=True)
class LookupLimits:
    """Per hour: lookups of one officer, and answered or failed ones for one case."""

    of_officer: int
    of_case: int


@dataclass(frozen=True, slots=True)
class LookupCounts:
    """In the last hour: `of_officer`: all but those refused for this limit; `of_case`: those that were not refused."""

    of_officer: int
    of_case: int


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


def check_lookup(
    lookup: Lookup,
    hashes: QuestionHashes,
    case: CaseCopy | None,
    counts: LookupCounts,
    *,
    manifest: Manifest | None,
    limits: LookupLimits,
) -> Refusal | None:
    """The order matters: nothing is said about a case before it is known to belong to the officer's stand."""
    if counts.of_officer >= limits.of_officer:
        return TOO_MANY_LOOKUPS
    if refusal := _check_operation(lookup, manifest):
        return refusal
    if not hashes.question:
        return WRONG_QUESTION
    if not case or lookup.stand_id not in case.stands:
        return CASE_NOT_HERE
    if case.ended_at:
        return CASE_ENDED
    asked = (lookup.register, lookup.operation, lookup.purpose)
    if asked not in {(query.register_name, query.operation, query.purpose) for query in case.queries}:
        return NOT_OF_SERVICE
    if hashes.applicant is not None and (not hashes.applicant or hashes.applicant != case.applicant_hash):
        return NOT_THE_APPLICANT
    return TOO_MANY_FOR_CASE if counts.of_case >= limits.of_case else None


def _check_operation(lookup: Lookup, manifest: Manifest | None) -> Refusal | None:
    if not manifest:
        return NO_BRIDGE
    operation = manifest.operations.get(lookup.operation)
    if not operation or operation.kind is not OperationKind.LOOKUP:
        return NO_LOOKUP
    return None if lookup.purpose in operation.purposes else WRONG_PURPOSE


def person_of(question: Mapping[str, Any]) -> Person | None:
    """Whom a question is about, in the fields that intake sends for an applicant; None if it fills none of them."""
    if not any(question.get(name) for name in PERSON_FIELDS):
        return None
    born = question.get("birth_date") or question.get("birth") or question.get("birth_year")
    given_name, family_name, born = (
        str(part or "") for part in (question.get("given_name"), question.get("family_name"), born)
    )
    return Person(given_name, family_name, born)


def known_words(lookup: Lookup, manifest: Manifest | None) -> tuple[str, str, str]:
    """(register, operation, purpose) as they are written down: a word that no manifest has is left out, because it may
    be anything, also a name."""
    if not manifest:
        return "", "", ""
    operation = lookup.operation if lookup.operation in manifest.operations else ""
    purposes = {purpose for rules in manifest.operations.values() for purpose in rules.purposes}
    return manifest.id, operation, lookup.purpose if lookup.purpose in purposes else ""

"""What the registry bridge knows of a case, from the case's events alone: who may look something up for it, and what.

Invariants: nothing here names the applicant: `applicant_hash` is keyed, see `AssertionSigner.hash_applicant`. Every
value comes from an event, so that a rebuild from the topic gives the same copies.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from wanderamt.contracts import (
    AllowedQuery,
    CaseApplicantChanged,
    CaseClosed,
    CaseCompensated,
    CaseCompleted,
    CaseDeleted,
    CaseOpened,
    CaseReopened,
    CaseTakenToStand,
    CaseWithdrawn,
)
from wanderamt.kernel.ids import CaseId, StandId

KEPT_AFTER_END: Final = timedelta(days=7)

CaseCopyEvent = (
    CaseOpened
    | CaseApplicantChanged
    | CaseTakenToStand
    | CaseCompleted
    | CaseCompensated
    | CaseWithdrawn
    | CaseClosed
    | CaseReopened
    | CaseDeleted
)


@dataclass(frozen=True, slots=True)
class CaseCopy:
    """`stands`: those at which the case is worked on. `applicant_hash`: empty while nobody is named."""

    case_id: CaseId
    service: str
    stands: tuple[StandId, ...]
    queries: tuple[AllowedQuery, ...]
    applicant_hash: str
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CaseCopyChange:
    """What events change in a stored copy; None: nothing. `stands`: further ones."""

    case_id: CaseId
    stands: tuple[StandId, ...] = ()
    applicant_hash: str | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CaseCopyChanges:
    """The effect of events, each case in one of the three. `dropped`: they ended so long ago that no copy is kept.

    `deleted`: those of them of which nothing is kept.
    """

    copies: list[CaseCopy]
    changes: list[CaseCopyChange]
    dropped: list[CaseId]
    deleted: list[CaseId]


def changes_by(events: Iterable[CaseCopyEvent], *, now: datetime) -> CaseCopyChanges:
    copies: dict[CaseId, CaseCopy | CaseCopyChange] = {}
    deleted: list[CaseId] = []
    for event in events:
        case_id = CaseId(event.case_id)
        before = copies.get(case_id) or CaseCopyChange(case_id)
        if isinstance(event, CaseDeleted):
            deleted.append(case_id)
        elif isinstance(event, CaseOpened | CaseReopened):
            copies[case_id] = _begun(event, before)
        elif isinstance(event, CaseTakenToStand):
            copies[case_id] = replace(before, stands=tuple(sorted({*before.stands, StandId(event.taken_to)})))
        elif isinstance(event, CaseApplicantChanged):
            copies[case_id] = replace(before, applicant_hash=event.applicant_hash)
        else:
            copies[case_id] = replace(before, ended_at=_end_of(event))
    over = [case_id for case_id, copy in copies.items() if copy.ended_at and copy.ended_at <= now - KEPT_AFTER_END]
    dropped = list(dict.fromkeys([*over, *deleted]))
    kept = [copy for case_id, copy in copies.items() if case_id not in dropped]
    return CaseCopyChanges(
        [copy for copy in kept if isinstance(copy, CaseCopy)],
        [copy for copy in kept if isinstance(copy, CaseCopyChange)],
        dropped,
        deleted,
    )


def _begun(event: CaseOpened | CaseReopened, before: CaseCopy | CaseCopyChange) -> CaseCopy:
    """A version of intake that sends neither queries nor applicant leaves those that are known, as the store does."""
    stand_id, known = StandId(event.stand_id), before if isinstance(before, CaseCopy) else None
    return CaseCopy(
        before.case_id,
        event.service,
        tuple(sorted({stand_id, *before.stands})),
        event.queries or (known.queries if known else ()),
        event.applicant_hash or before.applicant_hash or "",
    )


def _end_of(event: CaseCompleted | CaseCompensated | CaseWithdrawn | CaseClosed) -> datetime:
    match event:
        case CaseCompleted():
            return event.completed_at
        case CaseCompensated():
            return event.decided_at
        case CaseWithdrawn():
            return event.withdrawn_at
        case CaseClosed():
            return event.closed_at

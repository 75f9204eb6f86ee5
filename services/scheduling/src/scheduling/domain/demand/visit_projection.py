"""A projection of the cases' topic: every case at a stand and how it ended. Records the demand that was served."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from wanderamt.contracts import (
    CaseCompensated,
    CaseCompleted,
    CaseNeedsVisit,
    CaseOpened,
    CaseReopened,
    CaseWithdrawn,
)
from wanderamt.kernel.ids import CaseId, StandId

ProjectedEvent = CaseOpened | CaseCompleted | CaseNeedsVisit | CaseCompensated | CaseWithdrawn | CaseReopened


class VisitOutcome(StrEnum):
    OPEN = "open"
    COMPLETED = "completed"
    NEEDS_VISIT = "needs_visit"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class VisitProjection:
    """One case of a citizen at a stand. `opened_at` is None until the `CaseOpened` event has arrived."""

    case_id: CaseId
    stand_id: StandId
    service: str
    outcome: VisitOutcome
    opened_at: datetime | None = None
    ended_at: datetime | None = None


def project(known: dict[UUID, VisitProjection], events: Sequence[ProjectedEvent]) -> list[VisitProjection]:
    """The visits that the events change, in their new state. `known`: stored visits by case."""
    changed: dict[UUID, VisitProjection] = {}
    for event in events:
        before = changed.get(event.case_id) or known.get(event.case_id) or _new_visit(event)
        changed[event.case_id] = _apply(before, event)
    return list(changed.values())


def _new_visit(event: ProjectedEvent) -> VisitProjection:
    return VisitProjection(CaseId(event.case_id), StandId(event.stand_id), event.service, VisitOutcome.OPEN)


def _apply(visit: VisitProjection, event: ProjectedEvent) -> VisitProjection:
    match event:
        case CaseOpened():
            return replace(visit, opened_at=event.captured_at)
        case CaseCompleted():
            return replace(visit, outcome=VisitOutcome.COMPLETED, ended_at=event.completed_at)
        case CaseNeedsVisit() | CaseCompensated():
            return replace(visit, outcome=VisitOutcome.NEEDS_VISIT, ended_at=event.decided_at)
        case CaseWithdrawn():
            return replace(visit, outcome=VisitOutcome.WITHDRAWN, ended_at=event.withdrawn_at)
        case CaseReopened():
            return replace(visit, outcome=VisitOutcome.OPEN, ended_at=None)

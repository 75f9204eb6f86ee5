"""Demand as it was served: what came to which stand and how it ended. Learnt from the cases' topic alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from wanderamt.contracts import CaseCompensated, CaseFinished, CaseNeedsVisit, CaseOpened, CaseReopened, CaseWithdrawn
from wanderamt.kernel.ids import CaseId, StandId

CaseNews = CaseOpened | CaseFinished | CaseNeedsVisit | CaseCompensated | CaseWithdrawn | CaseReopened


class Outcome(StrEnum):
    OPEN = "open"
    FINISHED = "finished"
    NEEDS_VISIT = "needs_visit"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Visit:
    """One citizen's case at a stand. `opened_at` is None while only its end has been heard."""

    case_id: CaseId
    stand_id: StandId
    service: str
    outcome: Outcome
    opened_at: datetime | None = None
    ended_at: datetime | None = None


def learn(known: dict[UUID, Visit], news: Sequence[CaseNews]) -> list[Visit]:
    """The visits that the news changes, in their new state."""
    changed: dict[UUID, Visit] = {}
    for one in news:
        before = changed.get(one.case_id) or known.get(one.case_id) or _unheard(one)
        changed[one.case_id] = _after(before, one)
    return list(changed.values())


def _unheard(news: CaseNews) -> Visit:
    return Visit(CaseId(news.case_id), StandId(news.stand_id), news.service, Outcome.OPEN)


def _after(visit: Visit, news: CaseNews) -> Visit:
    match news:
        case CaseOpened():
            return replace(visit, opened_at=news.captured_at)
        case CaseFinished():
            return replace(visit, outcome=Outcome.FINISHED, ended_at=news.finished_at)
        case CaseNeedsVisit() | CaseCompensated():
            return replace(visit, outcome=Outcome.NEEDS_VISIT, ended_at=news.decided_at)
        case CaseWithdrawn():
            return replace(visit, outcome=Outcome.WITHDRAWN, ended_at=news.withdrawn_at)
        case CaseReopened():
            return replace(visit, outcome=Outcome.OPEN, ended_at=None)

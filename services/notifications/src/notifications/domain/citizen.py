"""What a citizen waits for, as far as notices and the status page go: a case or an appointment, folded from events.

Kept true: it is made from topics alone; of what happens to it, what comes later in its life overtakes what came before,
in whatever order two topics bring it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from wanderamt.contracts import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentMoved,
    CaseClosed,
    CaseCompensated,
    CaseFinished,
    CaseHandedOver,
    CaseNeedsVisit,
    CaseOpened,
    CaseReopened,
    CaseWithdrawn,
    DocumentIssued,
    Event,
    StandCancelled,
    VisitReason,
    case_code,
)
from wanderamt.kernel.sealed import Sealed

from notifications.domain.deciding import Wish
from notifications.domain.kinds import RULES, About, Kind

REMIND_BEFORE = timedelta(hours=24)
BOOKED_SHORT_BEFORE = timedelta(hours=26)  # so close to its time the confirmation is the reminder
OVER = 9  # the stage of what has ended


class Standing(StrEnum):
    """What the citizen is told when they ask."""

    UNKNOWN = "unknown"
    OPENED = "opened"
    DELAYED = "delayed"
    FINISHED = "finished"
    READY = "ready"
    NEEDS_VISIT = "needs_visit"
    REFUSED = "refused"
    VOID = "void"
    WITHDRAWN = "withdrawn"
    BOOKED = "booked"
    MOVED = "moved"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Subject:
    """`stage`: how far it is, see kinds. `round`: how often it was opened again. `contact`: None once redacted."""

    id: UUID
    about: About
    language: str = "de"
    contact: Sealed | None = None
    standing: Standing = Standing.UNKNOWN
    stage: int = 0
    round: int = 0
    number: str = ""
    stand_id: UUID | None = None
    place: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    changed_at: datetime | None = None
    closed_at: datetime | None = None

    @property
    def code(self) -> str:
        return case_code(self.id)


@dataclass(frozen=True, slots=True)
class Folded:
    """`ends`: what waits to be sent about it is dropped. `reminders`: wishes that overtake nothing."""

    subject: Subject
    wishes: tuple[Wish, ...] = ()
    reminders: tuple[Wish, ...] = ()
    ends: bool = False


def subject_id(event: Event) -> UUID | None:
    """Whose life the event is part of; None for a stand, which concerns many."""
    return getattr(event, "case_id", None) or getattr(event, "appointment_id", None)


def new_subject(event: Event) -> Subject:
    about = About.APPOINTMENT if hasattr(event, "appointment_id") else About.CASE
    found = subject_id(event)
    assert found  # noqa: S101 -- asked for events of a subject alone
    return Subject(found, about)


def fold(subject: Subject, event: Event, *, now: datetime) -> Folded:
    match event:
        case CaseOpened():
            return _stage(_told(subject, event), Kind.CASE_OPENED, Standing.OPENED, now)
        case CaseHandedOver(overdue=True):
            return _stage(subject, Kind.DELAYED, Standing.DELAYED, now, occurrence=event.deadline.isoformat())
        case DocumentIssued():
            known = replace(_told(subject, event), number=event.number)
            return _stage(known, Kind.DOCUMENT_READY, Standing.READY, now, occurrence=event.number)
        case CaseNeedsVisit(reason=VisitReason.REGISTER_REFUSED):
            return _stage(_told(subject, event), Kind.REFUSED, Standing.REFUSED, now)
        case CaseNeedsVisit():
            return _stage(_told(subject, event), Kind.NEEDS_VISIT, Standing.NEEDS_VISIT, now)
        case CaseCompensated():
            return _stage(_told(subject, event), Kind.PAPER_VOID, Standing.VOID, now)
        case CaseFinished() if subject.stage < RULES[Kind.DOCUMENT_READY].stage:
            return Folded(replace(subject, standing=Standing.FINISHED, changed_at=now))
        case CaseWithdrawn():
            return Folded(replace(subject, standing=Standing.WITHDRAWN, stage=OVER, changed_at=now), ends=True)
        case CaseReopened():
            again = replace(subject, standing=Standing.OPENED, stage=0, round=subject.round + 1)
            return Folded(replace(again, changed_at=now, closed_at=None))
        case CaseClosed():
            return Folded(replace(subject, closed_at=now))
    return _fold_appointment(subject, event, now)


def _fold_appointment(subject: Subject, event: Event, now: datetime) -> Folded:
    match event:
        case AppointmentBooked():
            return _timed(_at(_told(subject, event), event), Kind.APPOINTMENT_BOOKED, Standing.BOOKED, now)
        case AppointmentMoved():
            return _timed(_at(subject, event), Kind.APPOINTMENT_MOVED, Standing.MOVED, now)
        case AppointmentCancelled(by_citizen=True):
            return Folded(_over(subject, now), ends=True)
        case AppointmentCancelled():
            return _cancelled(subject, Kind.APPOINTMENT_CANCELLED, now)
        case StandCancelled():
            return _cancelled(subject, Kind.STAND_CANCELLED, now)
    return Folded(subject)


def time_facts(place: str, starts_at: datetime, ends_at: datetime) -> dict[str, str]:
    return {"place": place, "starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()}


def _told(
    subject: Subject, event: CaseOpened | CaseNeedsVisit | CaseCompensated | DocumentIssued | AppointmentBooked
) -> Subject:
    return replace(subject, contact=event.contact or subject.contact, language=event.language)


def _at(subject: Subject, event: AppointmentBooked | AppointmentMoved) -> Subject:
    when = {"place": event.place, "starts_at": event.starts_at, "ends_at": event.ends_at}
    return replace(subject, stand_id=event.stand_id, **when)  # type: ignore[arg-type]


def _stage(subject: Subject, kind: Kind, standing: Standing, now: datetime, *, occurrence: str = "") -> Folded:
    stage = RULES[kind].stage
    facts = {"code": subject.code} | ({"reference": subject.number} if kind is Kind.DOCUMENT_READY else {})
    told_as = f"{subject.round}/{occurrence}" if occurrence or subject.round else ""
    overtaken = subject.stage > stage
    wish = Wish(kind, subject.id, facts, told_as, overtaken=overtaken)
    if overtaken:
        return Folded(subject, (wish,))
    return Folded(replace(subject, stage=stage, standing=standing, changed_at=now), (wish,))


def _timed(subject: Subject, kind: Kind, standing: Standing, now: datetime) -> Folded:
    assert subject.starts_at  # noqa: S101 -- set by the caller
    assert subject.ends_at  # noqa: S101
    starts_at, stage = subject.starts_at, RULES[kind].stage
    facts = time_facts(subject.place, starts_at, subject.ends_at)
    told_as = starts_at.isoformat()
    wish = Wish(kind, subject.id, facts, told_as, until=starts_at, overtaken=subject.stage > stage)
    reminders: Sequence[Wish] = ()
    if starts_at - now > BOOKED_SHORT_BEFORE and not wish.overtaken:
        before = starts_at - REMIND_BEFORE
        reminders = (Wish(Kind.APPOINTMENT_REMINDER, subject.id, facts, told_as, until=starts_at, not_before=before),)
    known = subject if wish.overtaken else replace(subject, stage=stage, standing=standing, changed_at=now)
    return Folded(known, (wish,), tuple(reminders))


def _over(subject: Subject, now: datetime) -> Subject:
    return replace(subject, standing=Standing.CANCELLED, stage=OVER, changed_at=now, closed_at=now)


def _cancelled(subject: Subject, kind: Kind, now: datetime) -> Folded:
    over = _over(subject, now)
    if not subject.starts_at or not subject.ends_at or subject.stage >= OVER:
        return Folded(over, ends=True)
    facts = time_facts(subject.place, subject.starts_at, subject.ends_at)
    return Folded(over, (Wish(kind, subject.id, facts, until=subject.starts_at),))

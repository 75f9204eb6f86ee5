"""What a citizen waits for: a case or an appointment, projected from events, for notices and the status page.

Invariants: the projection reads topics only; an event's type decides what it is about, so that an appointment never
changes a case with the same id; a later stage of a case supersedes an earlier one, in whatever order two topics deliver
the events.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from wanderamt.contracts import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentEvent,
    AppointmentMoved,
    CaseClosed,
    CaseCompensated,
    CaseCompleted,
    CaseDeleted,
    CaseDueDateMet,
    CaseDueDateMissed,
    CaseDueDatesSet,
    CaseEvent,
    CaseHandedOver,
    CaseNeedsVisit,
    CaseOpened,
    CaseReminderDue,
    CaseReopened,
    CaseWithdrawn,
    DocumentEvent,
    DocumentIssued,
    DueDateKind,
    Event,
    StandCancelled,
    VisitReason,
    case_code,
)
from wanderamt.kernel.line_text import REPLACEMENT, as_line
from wanderamt.kernel.sealed import Sealed

from notifications.domain.channel_decision import NoticeIntent
from notifications.domain.kinds import RULES, About, AboutRef, NoticeKind

REMIND_BEFORE = timedelta(hours=24)
CONFIRMATION_REMINDS = timedelta(hours=26)  # so close to its time, the confirmation of an appointment is the reminder
FINAL_STAGE = 9


class PublicStatus(StrEnum):
    """What the status page shows to the citizen."""

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
class OpenDueDate:
    """What the citizen must still do. `titles`: by language. `missed`: not done in time."""

    code: str
    titles: dict[str, str]
    due_at: datetime
    missed: bool = False


@dataclass(frozen=True, slots=True)
class CitizenCaseView:
    """`stage`: see NoticeRule. `reopen_count`: how often the case was reopened. `contact`: None after redaction.

    `contact_confirmed`: see RecipientProfile. `due_dates`: those that are not met.
    """

    id: UUID
    about: About
    language: str = "de"
    contact: Sealed | None = None
    contact_confirmed: bool = False
    status: PublicStatus = PublicStatus.UNKNOWN
    stage: int = 0
    reopen_count: int = 0
    number: str = ""
    stand_id: UUID | None = None
    place: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    changed_at: datetime | None = None
    closed_at: datetime | None = None
    due_dates: tuple[OpenDueDate, ...] = ()

    @property
    def ref(self) -> AboutRef:
        return AboutRef(self.about, self.id)

    @property
    def code(self) -> str:
        return case_code(self.id)


@dataclass(frozen=True, slots=True)
class Projection:
    """The view after an event, and the notices it causes.

    `reminders`: intents that supersede nothing. `cancels_pending`: notices about the case that wait are dropped.
    `settles`: of these kinds and occurrences alone.
    """

    view: CitizenCaseView
    intents: tuple[NoticeIntent, ...] = ()
    reminders: tuple[NoticeIntent, ...] = ()
    cancels_pending: bool = False
    settles: frozenset[tuple[NoticeKind, str]] = frozenset()


def ref_of(event: Event) -> AboutRef | None:
    """The case or appointment that the event is about; None for a stand, which concerns many citizens."""
    match event:
        case CaseEvent() | DocumentEvent():
            return AboutRef(About.CASE, event.case_id)
        case AppointmentEvent():
            return AboutRef(About.APPOINTMENT, event.appointment_id)
    return None


def new_view(ref: AboutRef) -> CitizenCaseView:
    return CitizenCaseView(ref.id, ref.about, contact_confirmed=ref.about is About.CASE)


def project(view: CitizenCaseView, event: Event, *, now: datetime) -> Projection:
    match event:
        case CaseOpened():
            return _advance(_with_contact(view, event), NoticeKind.CASE_OPENED, PublicStatus.OPENED, now)
        case CaseHandedOver(overdue=True) if view.status is not PublicStatus.FINISHED:
            return _advance(view, NoticeKind.DELAYED, PublicStatus.DELAYED, now, occurrence=event.deadline.isoformat())
        case DocumentIssued():
            numbered = replace(_with_contact(view, event), number=event.number)
            return _advance(numbered, NoticeKind.DOCUMENT_READY, PublicStatus.READY, now, occurrence=event.number)
        case CaseNeedsVisit(reason=VisitReason.REGISTER_REFUSED):
            return _advance(_with_contact(view, event), NoticeKind.REFUSED, PublicStatus.REFUSED, now)
        case CaseNeedsVisit():
            return _advance(_with_contact(view, event), NoticeKind.NEEDS_VISIT, PublicStatus.NEEDS_VISIT, now)
        case CaseCompensated():
            return _advance(_with_contact(view, event), NoticeKind.DOCUMENT_VOID, PublicStatus.VOID, now)
        case CaseCompleted() if view.stage < RULES[NoticeKind.DOCUMENT_READY].stage:
            return Projection(replace(view, status=PublicStatus.FINISHED, changed_at=now))
        case CaseWithdrawn():
            withdrawn = replace(view, status=PublicStatus.WITHDRAWN, stage=FINAL_STAGE, changed_at=now, due_dates=())
            return Projection(withdrawn, cancels_pending=True)
        case CaseDueDatesSet() | CaseReminderDue() | CaseDueDateMet() | CaseDueDateMissed():
            return _project_due_date(view, event)
        case CaseReopened():
            reopened = replace(view, status=PublicStatus.OPENED, stage=0, reopen_count=view.reopen_count + 1)
            settles = frozenset().union(*(_settled(view, due.code) for due in view.due_dates))
            return Projection(replace(reopened, changed_at=now, closed_at=None, due_dates=()), settles=settles)
        case CaseClosed():
            return Projection(replace(view, closed_at=now))
        case CaseDeleted():
            return Projection(view, cancels_pending=True)
    return _project_appointment(view, event, now)


def _project_due_date(
    view: CitizenCaseView, event: CaseDueDatesSet | CaseReminderDue | CaseDueDateMet | CaseDueDateMissed
) -> Projection:
    match event:
        case CaseDueDatesSet(due_dates=due_dates):
            new = tuple(OpenDueDate(due.code, due.titles, due.due_at) for due in due_dates)
            return Projection(replace(view, due_dates=new))
        case CaseReminderDue():
            after = replace(_with_contact(view, event), due_dates=_with_due_date(view, event))
            return Projection(after, reminders=(_about_due_date(NoticeKind.OBLIGATION_REMINDER, view, event),))
        case CaseDueDateMissed(kind=DueDateKind.OBLIGATION, code=code):
            after = replace(_with_contact(view, event), due_dates=_with_due_date(view, event))
            missed = _about_due_date(NoticeKind.OBLIGATION_MISSED, view, event)
            reminder = (NoticeKind.OBLIGATION_REMINDER, _occurrence(view, code))
            return Projection(after, reminders=(missed,), settles=frozenset({reminder}))
        case CaseDueDateMet(code=code):
            left = tuple(due for due in view.due_dates if due.code != code)
            return Projection(replace(view, due_dates=left), settles=_settled(view, code))
    return Projection(view)  # a deadline that the application missed: the crew has told the citizen


def _with_due_date(view: CitizenCaseView, event: CaseReminderDue | CaseDueDateMissed) -> tuple[OpenDueDate, ...]:
    """Also one that this service has not heard of: the projection may be younger than the case."""
    due = OpenDueDate(event.code, event.titles, event.due_at, missed=isinstance(event, CaseDueDateMissed))
    others = [known for known in view.due_dates if known.code != event.code]
    return tuple(sorted((*others, due), key=lambda known: (known.due_at, known.code)))


def _about_due_date(
    kind: NoticeKind, view: CitizenCaseView, event: CaseReminderDue | CaseDueDateMissed
) -> NoticeIntent:
    sentence = event.sentence or event.titles
    variables = {
        "code": view.code,
        "sentence": as_line(sentence["de"]),
        "sentence_en": as_line(sentence["en"]),
        "due_at": event.due_at.isoformat(),
    }
    until = event.due_at if kind is NoticeKind.OBLIGATION_REMINDER else None
    return NoticeIntent(kind, view.id, variables, _occurrence(view, event.code), until=until)


def _occurrence(view: CitizenCaseView, code: str) -> str:
    return f"{view.reopen_count}/{code}"


def _settled(view: CitizenCaseView, code: str) -> frozenset[tuple[NoticeKind, str]]:
    occurrence = _occurrence(view, code)
    return frozenset({(NoticeKind.OBLIGATION_REMINDER, occurrence), (NoticeKind.OBLIGATION_MISSED, occurrence)})


def _project_appointment(view: CitizenCaseView, event: Event, now: datetime) -> Projection:
    match event:
        case AppointmentBooked():
            booked = _with_time(_with_contact(view, event), event)
            booked = replace(booked, contact_confirmed=event.contact_confirmed)
            return _scheduled(booked, NoticeKind.APPOINTMENT_BOOKED, PublicStatus.BOOKED, now)
        case AppointmentMoved():
            return _scheduled(_with_time(view, event), NoticeKind.APPOINTMENT_MOVED, PublicStatus.MOVED, now)
        case AppointmentCancelled(by_citizen=True):
            return Projection(_cancel(view, now), cancels_pending=True)
        case AppointmentCancelled():
            return _cancelled(view, NoticeKind.APPOINTMENT_CANCELLED, now)
        case StandCancelled():
            return _cancelled(view, NoticeKind.STAND_CANCELLED, now)
    return Projection(view)


def time_variables(place: str, starts_at: datetime, ends_at: datetime) -> dict[str, str]:
    return {
        "place": as_line(place).strip() or REPLACEMENT,
        "starts_at": starts_at.isoformat(),
        "ends_at": ends_at.isoformat(),
    }


def _with_contact(
    view: CitizenCaseView,
    event: CaseOpened
    | CaseNeedsVisit
    | CaseCompensated
    | CaseReminderDue
    | CaseDueDateMissed
    | DocumentIssued
    | AppointmentBooked,
) -> CitizenCaseView:
    return replace(view, contact=event.contact or view.contact, language=event.language)


def _with_time(view: CitizenCaseView, event: AppointmentBooked | AppointmentMoved) -> CitizenCaseView:
    changes = {"place": event.place, "starts_at": event.starts_at, "ends_at": event.ends_at}
    return replace(view, stand_id=event.stand_id, **changes)  # type: ignore[arg-type]


def _advance(
    view: CitizenCaseView, kind: NoticeKind, status: PublicStatus, now: datetime, *, occurrence: str = ""
) -> Projection:
    stage = RULES[kind].stage
    variables = {"code": view.code} | ({"reference": view.number} if kind is NoticeKind.DOCUMENT_READY else {})
    unique_occurrence = f"{view.reopen_count}/{occurrence}" if occurrence or view.reopen_count else ""
    superseded = view.stage > stage
    intent = NoticeIntent(kind, view.id, variables, unique_occurrence, superseded=superseded)
    if superseded:
        return Projection(view, (intent,))
    return Projection(replace(view, stage=stage, status=status, changed_at=now), (intent,))


def _scheduled(view: CitizenCaseView, kind: NoticeKind, status: PublicStatus, now: datetime) -> Projection:
    assert view.starts_at  # noqa: S101 -- set by the caller
    assert view.ends_at  # noqa: S101
    starts_at, stage = view.starts_at, RULES[kind].stage
    variables = time_variables(view.place, starts_at, view.ends_at)
    occurrence = starts_at.isoformat()
    intent = NoticeIntent(kind, view.id, variables, occurrence, until=starts_at, superseded=view.stage > stage)
    reminders: Sequence[NoticeIntent] = ()
    if starts_at - now > CONFIRMATION_REMINDS and not intent.superseded:
        before = starts_at - REMIND_BEFORE
        reminder = NoticeKind.APPOINTMENT_REMINDER
        reminders = (NoticeIntent(reminder, view.id, variables, occurrence, until=starts_at, not_before=before),)
    after = view if intent.superseded else replace(view, stage=stage, status=status, changed_at=now)
    return Projection(after, (intent,), tuple(reminders))


def _cancel(view: CitizenCaseView, now: datetime) -> CitizenCaseView:
    return replace(view, status=PublicStatus.CANCELLED, stage=FINAL_STAGE, changed_at=now, closed_at=now)


def _cancelled(view: CitizenCaseView, kind: NoticeKind, now: datetime) -> Projection:
    after = _cancel(view, now)
    if not view.starts_at or not view.ends_at or view.stage >= FINAL_STAGE:
        return Projection(after, cancels_pending=True)
    variables = time_variables(view.place, view.starts_at, view.ends_at)
    return Projection(after, (NoticeIntent(kind, view.id, variables, until=view.starts_at),))

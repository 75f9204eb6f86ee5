"""Deadlines of an application: which of them a case has, and until when the citizen could apply."""

from datetime import UTC, datetime, time

from service_catalogue.conditions import evaluate
from service_catalogue.local_calendar import LocalCalendar
from service_catalogue.references import Values

from intake.domain.case.case_events import JudgedDeadline
from intake.domain.case.state import Case
from intake.domain.catalogue.service_definition import Deadline, Edition


def applied_at(case: Case, calendar: LocalCalendar) -> datetime:
    """The device's time; where intake did not trust it, the beginning of the application day."""
    if calendar.day_of(case.captured_at) == case.application_day:
        return case.captured_at
    return datetime.combine(case.application_day, time.min, calendar.zone).astimezone(UTC)


def judge_deadlines(case: Case, edition: Edition, values: Values) -> tuple[JudgedDeadline, ...]:
    """Those that apply and whose date is known."""
    if not edition.deadlines:
        return ()  # most services have none, and every entry comes along here
    at = applied_at(case, edition.calendar)
    return tuple(
        JudgedDeadline(deadline.code, due_at, _is_missed(deadline, due_at, at))
        for deadline in edition.deadlines
        if (due_at := _due_at(deadline, values))
    )


def refusing_deadline(case: Case, edition: Edition, values: Values) -> Deadline | None:
    """A deadline that the application came too late for, or too early, and that admits no such application."""
    missed = {judged.code for judged in judge_deadlines(case, edition, values) if judged.missed}
    return next((deadline for deadline in edition.deadlines if deadline.code in missed and deadline.refusal), None)


def _due_at(deadline: Deadline, values: Values) -> datetime | None:
    """None: it does not apply, or its date is not known."""
    if evaluate(deadline.when, values) is not True:
        return None
    due = deadline.due.due_at(values)
    return due.astimezone(UTC) if isinstance(due, datetime) else None


def _is_missed(deadline: Deadline, due_at: datetime, at: datetime) -> bool:
    return at < due_at if deadline.earliest else at > due_at

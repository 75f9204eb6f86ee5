"""Deadlines of an application: which of them a case keeps, and until when it could."""

from datetime import datetime

from service_catalogue.conditions import evaluate
from service_catalogue.references import Values

from intake.domain.catalogue.due_dates import trusted_time
from intake.domain.catalogue.service_definition import Deadline, Edition


def deadline_at(deadline: Deadline, values: Values) -> datetime | None:
    """None: it does not apply, or its date is not known."""
    if evaluate(deadline.when, values) is not True:
        return None
    due = deadline.due.due_at(values)
    return due if isinstance(due, datetime) else None


def missed_deadline(edition: Edition, values: Values, *, captured_at: datetime, now: datetime) -> Deadline | None:
    """A deadline that the application came too late for, or too early."""
    if not edition.deadlines:
        return None
    applied_at = trusted_time(captured_at, now=now)
    for deadline in edition.deadlines:
        due = deadline_at(deadline, values)
        if due and (applied_at < due if deadline.earliest else applied_at > due):
            return deadline
    return None

"""How long closed cases are kept, and what of a case is deleted when it is closed.

Invariants: a case is kept as long as its own edition says, in calendar time at the place of the authority; only closed
cases are deleted, and only cases in which nothing is open are closed.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from service_catalogue.facts.models import FactRetention

from intake.domain.case.case_events import AnswersDeleted, CaseHistoryEvent, Filled, RequiredDocumentSeen
from intake.domain.case.fold import attachments_in
from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.catalogue.due_dates import CalendarSpan
from intake.domain.catalogue.service_definition import FACT_PREFIX, Edition, Handling, Retention

SPANS: Final[Mapping[Retention, CalendarSpan]] = {
    Retention.DAYS_30: CalendarSpan(days=30),
    Retention.YEAR_1: CalendarSpan(years=1),
    Retention.YEARS_3: CalendarSpan(years=3),
    Retention.YEARS_7: CalendarSpan(years=7),
}


def expired_before(retention: Retention, *, now: datetime, zone: ZoneInfo) -> datetime:
    """A case that was closed at this moment, or earlier, has been kept long enough."""
    local = now.astimezone(zone)
    return datetime.combine(SPANS[retention].before(local.date()), local.time(), zone)


def editions_by_retention(catalogue: Catalogue) -> dict[Retention, list[str]]:
    """Versions of editions, as cases store them."""
    versions: dict[Retention, list[str]] = {retention: [] for retention in Retention}
    for pinned in catalogue.editions:
        versions[pinned.edition.retention].append(pinned.version)
    return versions


def deletes_at_closing(edition: Edition) -> bool:
    """Whether a case of this edition may hold something that goes when it is closed."""
    scans = any(document.handling is Handling.SCAN for document in edition.papers)
    return scans or bool(_fields_until_closed(edition))


def answers_to_delete(edition: Edition, history: Iterable[CaseHistoryEvent]) -> AnswersDeleted | None:
    """The answers that are kept until the case is closed, with all photos that were taken for them, and its scans."""
    names = _fields_until_closed(edition)
    fields: set[str] = set()
    attachments: set[UUID] = set()
    for event in history:
        if isinstance(event, Filled):
            present = {name: value for name, value in event.fields.items() if name in names}
            fields |= present.keys()
            attachments.update(attachments_in(list(present.values())))
        elif isinstance(event, RequiredDocumentSeen) and event.handling is Handling.SCAN and event.attachment_id:
            attachments.add(event.attachment_id)
    if not fields and not attachments:
        return None
    return AnswersDeleted(tuple(sorted(fields)), tuple(sorted(attachments)))


def _fields_until_closed(edition: Edition) -> frozenset[str]:
    return frozenset(FACT_PREFIX + fact.code for fact in edition.facts if fact.keep is FactRetention.UNTIL_CLOSED)

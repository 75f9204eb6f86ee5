"""What stands achieved: as JSON for other systems, as CSV for a spreadsheet, as a page with charts for people."""

import csv
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import StringIO
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, BaseModel
from wanderamt.backbone.database import Database
from wanderamt.contracts import Language
from wanderamt.kernel.ids import StandId
from wanderamt.security.keys import Sealer
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller
from wanderamt.shell.http import only

from intake.domain.catalogue.book import Book
from intake.domain.report import Report, Stand, Tally
from intake.handlers.report import report as report_of
from intake.pages.render import report_page

LAST = timedelta(days=30)
ALONE = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "Cache-Control": "no-store"}


class TallyOut(BaseModel):
    """Money in cents. `minutes_each`: the median at the desk, null where nothing could be measured."""

    cases: int
    finished_on_the_spot: int
    provisional: int
    return_visits: int
    withdrawn: int
    open: int
    minutes_each: float | None
    fees_cents: int
    cash_cents: int
    card_cents: int
    paid_back_cents: int


class StandTallyOut(TallyOut):
    stand_id: UUID
    place: str
    starts_at: datetime | None
    ends_at: datetime | None
    occasion: str | None
    target_group: str | None


class RowOut(StandTallyOut):
    service: str


class ReportOut(BaseModel):
    """`rows`: one for each service at each stand. An empty name is a stand of no occasion, or for everybody."""

    since: datetime
    until: datetime
    total: TallyOut
    stands: list[StandTallyOut]
    rows: list[RowOut]
    by_service: dict[str, TallyOut]
    by_occasion: dict[str, TallyOut]
    by_target_group: dict[str, TallyOut]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Stands that begin in [since, until): without them, the last 30 days until now. Or one stand alone."""

    since: Annotated[AwareDatetime | None, Query()] = None
    until: Annotated[AwareDatetime | None, Query()] = None
    stand_id: Annotated[UUID | None, Query()] = None


WantedStands = Annotated[Wanted, Depends(Wanted)]


def report_routes(database: Database, _sealer: Sealer, book: Book) -> APIRouter:
    router = APIRouter(tags=["report"])
    readers = only(Role.CLERK, Role.PLANNER, Role.OPERATOR)

    async def make(wanted: Wanted) -> tuple[Report, datetime, datetime]:
        async with database.work() as work:
            until = wanted.until or work.now
            since = wanted.since or until - LAST
            stand_id = StandId(wanted.stand_id) if wanted.stand_id else None
            return await report_of(work, since=since, until=until, stand_id=stand_id), since, until

    @router.get("/report")
    async def report(wanted: WantedStands, _: Caller = readers) -> ReportOut:
        """Cases, how they ended, minutes, fees: by stand, service, occasion and target group."""
        return _report_out(*await make(wanted))

    @router.get("/report.csv", response_class=Response)
    async def sheet(wanted: WantedStands, _: Caller = readers) -> Response:
        """The same, a line for each service at each stand."""
        found, since, until = await make(wanted)
        rows = [one.model_dump(mode="json") for one in _report_out(found, since, until).rows]
        text = StringIO()
        writer = csv.DictWriter(text, list(RowOut.model_fields))
        writer.writeheader()
        writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)
        return Response(text.getvalue(), media_type="text/csv; charset=utf-8")

    @router.get("/report.html", response_class=Response)
    async def page(wanted: WantedStands, lang: Language = Language.DE, _: Caller = readers) -> Response:
        """The same, as a page with charts that can be printed or sent: no script, nothing fetched."""
        found, since, until = await make(wanted)
        titles = {name: offer.editions[-1].titles for name, offer in book.offers.items()}
        services = {name: title.de if lang is Language.DE else title.en for name, title in titles.items()}
        html = report_page(found, since=since, until=until, language=lang, services=services)
        return Response(html, media_type="text/html; charset=utf-8", headers=ALONE)

    return router


def _harmless(value: object) -> object:
    """A spreadsheet runs a text that begins like a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@"} else value


def _report_out(report: Report, since: datetime, until: datetime) -> ReportOut:
    return ReportOut(
        since=since,
        until=until,
        total=TallyOut(**_counts(report.total)),
        stands=[StandTallyOut(**_about(stand), **_counts(tally)) for stand, tally in report.by_stand()],
        rows=[RowOut(**_about(row.stand), service=row.service, **_counts(row.tally)) for row in report.rows],
        by_service=_named(report.by_service()),
        by_occasion=_named(report.by_occasion()),
        by_target_group=_named(report.by_target_group()),
    )


def _named(tallies: dict[str, Tally]) -> dict[str, TallyOut]:
    return {name: TallyOut(**_counts(tally)) for name, tally in tallies.items()}


def _counts(tally: Tally) -> dict[str, int | float | None]:
    return {
        "cases": tally.cases,
        "finished_on_the_spot": tally.on_the_spot,
        "provisional": tally.provisional,
        "return_visits": tally.return_visits,
        "withdrawn": tally.withdrawn,
        "open": tally.open,
        "minutes_each": tally.minutes_each,
        "fees_cents": tally.fees,
        "cash_cents": tally.cash,
        "card_cents": tally.card,
        "paid_back_cents": tally.paid_back,
    }


def _about(stand: Stand) -> dict[str, UUID | str | datetime | None]:
    return {
        "stand_id": stand.id,
        "place": stand.place,
        "starts_at": stand.starts_at,
        "ends_at": stand.ends_at,
        "occasion": stand.occasion,
        "target_group": stand.target_group,
    }

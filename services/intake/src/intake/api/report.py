"""What stands achieved: as JSON for other systems, as CSV for a spreadsheet, as a page with charts for people."""

from datetime import datetime, timedelta
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel
from wanderamt.contracts import Language
from wanderamt.kernel.bounded import BoundedTime
from wanderamt.kernel.csv_text import to_csv
from wanderamt.kernel.ids import StandId
from wanderamt.shell.http import Transaction

from intake.api.dependencies import Context, ReportReader
from intake.domain.report import Report, StandCopy, StandStatistics
from intake.handlers.report import stand_report
from intake.pages.render import report_page

DEFAULT_PERIOD = timedelta(days=30)
STANDALONE_PAGE = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'"}

router = APIRouter(tags=["report"])


class StatisticsOut(BaseModel):
    """Money in cents. `minutes_each`: median minutes per case at the stand, null without a measurement."""

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


class StandStatisticsOut(StatisticsOut):
    stand_id: UUID
    place: str
    starts_at: datetime | None
    ends_at: datetime | None
    occasion: str | None
    target_group: str | None


class ReportRowOut(StandStatisticsOut):
    service: str


class ReportOut(BaseModel):
    """`rows`: one for each service at each stand. An empty name: no occasion, or for everybody."""

    since: datetime
    until: datetime
    total: StatisticsOut
    stands: list[StandStatisticsOut]
    rows: list[ReportRowOut]
    by_service: dict[str, StatisticsOut]
    by_occasion: dict[str, StatisticsOut]
    by_target_group: dict[str, StatisticsOut]


class ReportOfPeriod(NamedTuple):
    report: Report
    since: datetime
    until: datetime


async def _queried_report(
    _: ReportReader,
    uow: Transaction,
    since: Annotated[BoundedTime | None, Query()] = None,
    until: Annotated[BoundedTime | None, Query()] = None,
    stand_id: Annotated[UUID | None, Query()] = None,
) -> ReportOfPeriod:
    """Stands that begin in [since, until), by default in the last 30 days. Or a single stand."""
    end = until or uow.now
    begin = since or end - DEFAULT_PERIOD
    report = await stand_report(uow, since=begin, until=end, stand_id=StandId(stand_id) if stand_id else None)
    return ReportOfPeriod(report, begin, end)


QueriedReport = Annotated[ReportOfPeriod, Depends(_queried_report)]


@router.get("/report")
async def report_as_json(_: ReportReader, queried: QueriedReport) -> ReportOut:
    """Cases, how they ended, minutes, fees: by stand, service, occasion and target group."""
    return _report_out(queried)


@router.get("/report.csv", response_class=Response)
async def report_as_csv(_: ReportReader, queried: QueriedReport) -> Response:
    """The report as CSV, with a line for each service at each stand."""
    rows = [row.model_dump(mode="json") for row in _report_out(queried).rows]
    return Response(to_csv(list(ReportRowOut.model_fields), rows), media_type="text/csv; charset=utf-8")


@router.get("/report.html", response_class=Response)
async def report_as_html(
    _: ReportReader, queried: QueriedReport, context: Context, lang: Language = Language.DE
) -> Response:
    """The report as a page with charts to print or send: it has no script and fetches nothing."""
    services = {
        name: titles.de if lang is Language.DE else titles.en
        for name, titles in ((name, offer.editions[-1].titles) for name, offer in context.catalogue.services.items())
    }
    html = report_page(
        queried.report,
        since=queried.since,
        until=queried.until,
        language=lang,
        services=services,
        zone=context.catalogue.calendar.zone,
    )
    return Response(html, media_type="text/html; charset=utf-8", headers=STANDALONE_PAGE)


def _report_out(queried: ReportOfPeriod) -> ReportOut:
    report = queried.report
    return ReportOut(
        since=queried.since,
        until=queried.until,
        total=StatisticsOut(**_counts(report.total)),
        stands=[
            StandStatisticsOut(**_stand_fields(stand), **_counts(statistics)) for stand, statistics in report.by_stand()
        ],
        rows=[
            ReportRowOut(**_stand_fields(row.stand), service=row.service, **_counts(row.statistics))
            for row in report.rows
        ],
        by_service=_named(report.by_service()),
        by_occasion=_named(report.by_occasion()),
        by_target_group=_named(report.by_target_group()),
    )


def _named(statistics: dict[str, StandStatistics]) -> dict[str, StatisticsOut]:
    return {name: StatisticsOut(**_counts(counted)) for name, counted in statistics.items()}


def _counts(statistics: StandStatistics) -> dict[str, int | float | None]:
    return {
        "cases": statistics.cases,
        "finished_on_the_spot": statistics.on_the_spot,
        "provisional": statistics.provisional,
        "return_visits": statistics.return_visits,
        "withdrawn": statistics.withdrawn,
        "open": statistics.open,
        "minutes_each": statistics.minutes_each,
        "fees_cents": statistics.fees,
        "cash_cents": statistics.cash,
        "card_cents": statistics.card,
        "paid_back_cents": statistics.paid_back,
    }


def _stand_fields(stand: StandCopy) -> dict[str, UUID | str | datetime | None]:
    return {
        "stand_id": stand.stand_id,
        "place": stand.place,
        "starts_at": stand.starts_at,
        "ends_at": stand.ends_at,
        "occasion": stand.occasion,
        "target_group": stand.target_group,
    }

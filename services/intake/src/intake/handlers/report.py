"""The report on stands: the current results of their cases."""

from datetime import datetime

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import StandId

from intake.domain.report import ON_THE_SPOT, Report, ReportRow, StandCopy
from intake.store import stands as stand_store
from intake.store.report_statements import stand_statistics

MAX_STANDS = 1000


async def stand_report(uow: UnitOfWork, *, since: datetime, until: datetime, stand_id: StandId | None = None) -> Report:
    """Covers the stands that begin in [since, until), at most 1,000; or only `stand_id`, whenever it was."""
    if stand_id:
        stands = [await stand_store.find_stand(uow, stand_id) or StandCopy(stand_id, place="")]
    else:
        stands = await stand_store.stands_between(uow, since=since, until=until, limit=MAX_STANDS)
    counted = await stand_statistics(uow, [stand.stand_id for stand in stands], on_the_spot=ON_THE_SPOT)
    by_id = {stand.stand_id: stand for stand in stands}
    rows = tuple(ReportRow(by_id[stand], service, statistics) for (stand, service), statistics in counted.items())
    with_cases = {row.stand.stand_id for row in rows}
    return Report(tuple(stand for stand in stands if stand.stand_id in with_cases or not stand.cancelled), rows)

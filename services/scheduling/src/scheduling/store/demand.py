"""Demand: what was served, and unmet demand. `demand_statements` writes the projection."""

from datetime import date

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import func, select
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import StandId

from scheduling.domain.demand.visit_projection import VisitOutcome
from scheduling.tables import VisitRow, WishRow


async def demand(uow: UnitOfWork, stand_id: StandId) -> list[tuple[str, VisitOutcome, int]]:
    """(service, outcome, cases), the service with most cases first."""
    cases = func.count()
    rows = await uow.session.exec(
        select(VisitRow.service, VisitRow.outcome, cases)
        .where(VisitRow.stand_id == stand_id)
        .group_by(VisitRow.service, VisitRow.outcome)
        .order_by(func.sum(cases).over(partition_by=VisitRow.service).desc(), VisitRow.service, VisitRow.outcome)
    )
    return [(service, VisitOutcome(outcome), count) for service, outcome, count in rows]


async def add_wish(uow: UnitOfWork, *, day: date, district: str, service: str, source: str, times: float = 1.0) -> None:
    """Adds unmet demand. `source`: searched, asked or due. One row per day, district, service and source."""
    wish = insert(WishRow).values(day=day, district=district, service=service, source=source, times=times)
    await uow.session.exec(
        wish.on_conflict_do_update(
            index_elements=["day", "district", "service", "source"],
            set_={"times": WishRow.times + wish.excluded.times},
        )
    )


async def wishes(uow: UnitOfWork, *, since: date, until: date) -> dict[str, dict[str, float]]:
    """By service and source, how often it was wished for in this period: unmet demand and obligations that fall due."""
    rows = await uow.session.exec(
        select(WishRow.service, WishRow.source, func.sum(WishRow.times))
        .where(WishRow.day >= since, WishRow.day < until)
        .group_by(WishRow.service, WishRow.source)
    )
    wished: dict[str, dict[str, float]] = {}
    for service, source, times in rows:
        wished.setdefault(service, {})[source] = times
    return wished

"""SQL of demand: the demand that was served (a projection of the cases' topic), and unmet demand."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId, StandId

from scheduling.domain.demand.visit_projection import VisitOutcome, VisitProjection


async def visits(uow: UnitOfWork, case_ids: Collection[UUID]) -> dict[UUID, VisitProjection]:
    rows = await uow.db.fetch("SELECT * FROM visit WHERE case_id = ANY($1::uuid[])", list(case_ids))
    return {
        row["case_id"]: VisitProjection(
            CaseId(row["case_id"]),
            StandId(row["stand_id"]),
            row["service"],
            VisitOutcome(row["outcome"]),
            row["opened_at"],
            row["ended_at"],
        )
        for row in rows
    }


async def save_visits(uow: UnitOfWork, changed: Sequence[VisitProjection]) -> None:
    ordered = sorted(changed, key=lambda visit: visit.case_id)
    await uow.db.execute(
        """
        INSERT INTO visit (case_id, stand_id, service, outcome, opened_at, ended_at)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
        ON CONFLICT (case_id) DO UPDATE
        SET outcome = excluded.outcome, opened_at = excluded.opened_at, ended_at = excluded.ended_at
        """,
        [visit.case_id for visit in ordered],
        [visit.stand_id for visit in ordered],
        [visit.service for visit in ordered],
        [visit.outcome for visit in ordered],
        [visit.opened_at for visit in ordered],
        [visit.ended_at for visit in ordered],
    )


async def demand(uow: UnitOfWork, stand_id: StandId) -> list[tuple[str, VisitOutcome, int]]:
    """(service, outcome, cases), the service with most cases first."""
    rows = await uow.db.fetch(
        """
        SELECT service, outcome, count(*) AS cases FROM visit WHERE stand_id = $1 GROUP BY service, outcome
        ORDER BY sum(count(*)) OVER (PARTITION BY service) DESC, service, outcome
        """,
        stand_id,
    )
    return [(row["service"], VisitOutcome(row["outcome"]), row["cases"]) for row in rows]


async def add_wish(uow: UnitOfWork, *, day: date, district: str, service: str, source: str, times: float = 1.0) -> None:
    """Adds unmet demand. `source`: searched, asked or due. One row per day, district, service and source."""
    await uow.db.execute(
        """
        INSERT INTO wish (day, district, service, source, times) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (day, district, service, source) DO UPDATE SET times = wish.times + excluded.times
        """,
        day,
        district,
        service,
        source,
        times,
    )


async def visits_at_stands(uow: UnitOfWork, *, since: datetime, zone: str) -> list[Any]:
    """Rows (stand_id, hour, service, visits) of past stands: visits per local hour.

    They count cases, tickets and appointments that were not served, and waiting-list entries without success.
    """
    return list(
        await uow.db.fetch(
            """
            SELECT stand_id, hour, service, sum(visits)::float AS visits FROM (
                SELECT v.stand_id, extract(hour FROM coalesce(v.opened_at, v.ended_at) AT TIME ZONE $2)::int AS hour,
                       v.service, count(*) AS visits FROM visit v GROUP BY 1, 2, 3
                UNION ALL
                SELECT stand_id, extract(hour FROM issued_at AT TIME ZONE $2)::int, service, count(*) FROM ticket
                WHERE state IN ('waiting', 'no_show') GROUP BY 1, 2, 3
                UNION ALL
                SELECT stand_id, extract(hour FROM starts_at AT TIME ZONE $2)::int, service, count(*) FROM appointment
                WHERE state IN ('no_show', 'needs_rebooking') GROUP BY 1, 2, 3
                UNION ALL
                SELECT w.stand_id, extract(hour FROM lower(s.during) AT TIME ZONE $2)::int, w.service, count(*)
                FROM waiting w JOIN stand s USING (stand_id) WHERE w.ended = 'past' GROUP BY 1, 2, 3
            ) observed JOIN stand USING (stand_id)
            WHERE lower(during) >= $1 AND upper(during) < $3 AND hour IS NOT NULL
            GROUP BY stand_id, hour, service
            """,
            since,
            zone,
            uow.now,
        )
    )


async def wishes(uow: UnitOfWork, *, since: date, until: date) -> dict[str, float]:
    """By service, how often it was wished for in this period: unmet demand and obligations that fall due."""
    rows = await uow.db.fetch(
        "SELECT service, sum(times) AS times FROM wish WHERE day >= $1 AND day < $2 GROUP BY service", since, until
    )
    return {row["service"]: float(row["times"]) for row in rows}

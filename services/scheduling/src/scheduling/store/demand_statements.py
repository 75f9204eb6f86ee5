"""Hand-written statements of demand: a projection written with every batch of events, and a report over four tables."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from wanderamt.backbone.persistence.tables import value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

from scheduling.domain.demand.visit_projection import VisitProjection


async def visits(uow: UnitOfWork, case_ids: Collection[UUID]) -> dict[UUID, VisitProjection]:
    rows = await uow.db.fetch("SELECT * FROM visit WHERE case_id = ANY($1::uuid[])", list(case_ids))
    return {row["case_id"]: value_of(VisitProjection, dict(row)) for row in rows}


def save_visits(uow: UnitOfWork, changed: Sequence[VisitProjection]) -> None:
    """With the next statement that writes: once per batch of events."""
    ordered = sorted(changed, key=lambda visit: visit.case_id)
    values = (
        [visit.case_id for visit in ordered],
        [visit.stand_id for visit in ordered],
        [visit.service for visit in ordered],
        [visit.outcome for visit in ordered],
        [visit.opened_at for visit in ordered],
        [visit.ended_at for visit in ordered],
    )
    uow.write_later((_SAVE_VISITS, values))


async def visits_at_stands(uow: UnitOfWork, *, since: datetime, zone: str) -> list[Any]:
    """Rows (stand_id, hour, service, visits) of past stands: visits per local hour.

    They count cases, and tickets and appointments that were not served. Entries of the waiting list count as wishes:
    anybody can write them (`domain.demand.wishes`).
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
            ) observed JOIN stand USING (stand_id)
            WHERE lower(during) >= $1 AND upper(during) < $3 AND hour IS NOT NULL
            GROUP BY stand_id, hour, service
            """,
            since,
            zone,
            uow.now,
        )
    )


_SAVE_VISITS = """
    INSERT INTO visit (case_id, stand_id, service, outcome, opened_at, ended_at)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
    ON CONFLICT (case_id) DO UPDATE
    SET outcome = excluded.outcome, opened_at = excluded.opened_at, ended_at = excluded.ended_at
"""

"""Demand: as it was served (a projection of the cases' topic), and what nobody served."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import CaseId, StandId

from scheduling.domain.demand.served import Outcome, Visit


async def visits(work: Work, case_ids: Collection[UUID]) -> dict[UUID, Visit]:
    rows = await work.db.fetch("SELECT * FROM visit WHERE case_id = ANY($1::uuid[])", list(case_ids))
    return {
        row["case_id"]: Visit(
            CaseId(row["case_id"]),
            StandId(row["stand_id"]),
            row["service"],
            Outcome(row["outcome"]),
            row["opened_at"],
            row["ended_at"],
        )
        for row in rows
    }


async def save_visits(work: Work, changed: Sequence[Visit]) -> None:
    ordered = sorted(changed, key=lambda visit: visit.case_id)
    await work.db.execute(
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


async def demand(work: Work, stand_id: StandId) -> list[tuple[str, Outcome, int]]:
    """(service, outcome, cases), the most wanted service first."""
    rows = await work.db.fetch(
        """
        SELECT service, outcome, count(*) AS cases FROM visit WHERE stand_id = $1 GROUP BY service, outcome
        ORDER BY sum(count(*)) OVER (PARTITION BY service) DESC, service, outcome
        """,
        stand_id,
    )
    return [(row["service"], Outcome(row["outcome"]), row["cases"]) for row in rows]


async def add_wish(work: Work, *, day: date, district: str, service: str, source: str, times: float = 1.0) -> None:
    """`source`: searched, asked or due. The same day, district, service and source are one row."""
    await work.db.execute(
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


async def seen_at_stands(work: Work, *, since: datetime, zone: str) -> list[Any]:
    """Rows (stand_id, hour, service, came): of stands that are over, what came in which hour of the clock on the wall:
    cases, and tickets and appointments nobody served."""
    return list(
        await work.db.fetch(
            """
            SELECT stand_id, hour, service, sum(came)::float AS came FROM (
                SELECT v.stand_id, extract(hour FROM coalesce(v.opened_at, v.ended_at) AT TIME ZONE $2)::int AS hour,
                       v.service, count(*) AS came FROM visit v GROUP BY 1, 2, 3
                UNION ALL
                SELECT stand_id, extract(hour FROM issued_at AT TIME ZONE $2)::int, service, count(*) FROM ticket
                WHERE state IN ('waiting', 'missed') GROUP BY 1, 2, 3
                UNION ALL
                SELECT stand_id, extract(hour FROM starts_at AT TIME ZONE $2)::int, service, count(*) FROM appointment
                WHERE state IN ('missed', 'conflict') GROUP BY 1, 2, 3
                UNION ALL
                SELECT w.stand_id, extract(hour FROM lower(s.during) AT TIME ZONE $2)::int, w.service, count(*)
                FROM waiting w JOIN stand s USING (stand_id) WHERE w.ended = 'past' GROUP BY 1, 2, 3
            ) seen JOIN stand USING (stand_id)
            WHERE lower(during) >= $1 AND upper(during) < $3 AND hour IS NOT NULL
            GROUP BY stand_id, hour, service
            """,
            since,
            zone,
            work.now,
        )
    )


async def wishes(work: Work, *, since: date, until: date) -> list[Any]:
    """Rows (district, service, source, times) of what nobody served, and of what falls due."""
    return list(
        await work.db.fetch(
            "SELECT district, service, source, sum(times) AS times FROM wish WHERE day >= $1 AND day < $2"
            " GROUP BY district, service, source ORDER BY times DESC",
            since,
            until,
        )
    )

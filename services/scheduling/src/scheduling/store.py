"""All SQL of scheduling: returns and takes domain values."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import asyncpg
from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import CaseId, StandId
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.demand import Outcome, Visit
from scheduling.domain.refusals import taken
from scheduling.domain.stand import Plan, Stand, StandState

_SELECT = """
    SELECT s.*, pitch.name AS place, crew.name AS crew, vehicle.name AS vehicle, kit.name AS kit FROM stand s
    JOIN resource pitch ON pitch.resource_id = s.pitch_id JOIN resource crew ON crew.resource_id = s.crew_id
    JOIN resource vehicle ON vehicle.resource_id = s.vehicle_id JOIN resource kit ON kit.resource_id = s.kit_id
"""


async def lock_stand(work: Work, stand_id: StandId) -> Stand | None:
    row = await work.db.fetchrow(f"{_SELECT} WHERE s.stand_id = $1 FOR UPDATE OF s", stand_id)
    return _stand(row) if row else None


async def stands(work: Work, *, limit: int) -> list[Stand]:
    """The latest first."""
    rows = await work.db.fetch(f"{_SELECT} ORDER BY lower(s.during) DESC LIMIT $1", limit)
    return [_stand(row) for row in rows]


async def add_stand(work: Work, stand: Stand) -> Refusal | None:
    """A refusal names the resource that is elsewhere at that time."""
    plan = stand.plan
    ids = await _resource_ids(work, {"pitch": plan.place, "crew": plan.crew, "vehicle": plan.vehicle, "kit": plan.kit})
    try:
        async with work.db.transaction():
            await work.db.execute(
                """
                INSERT INTO stand (stand_id, version, state, district, during, pitch_id, crew_id, vehicle_id, kit_id,
                                   services, occasion, target_group)
                VALUES ($1, $2, $3, $4, tstzrange($5, $6), $7, $8, $9, $10, $11, $12, $13)
                """,
                stand.id,
                stand.version,
                stand.state,
                plan.district,
                plan.starts_at,
                plan.ends_at,
                ids["pitch"],
                ids["crew"],
                ids["vehicle"],
                ids["kit"],
                list(plan.services),
                plan.occasion,
                plan.target_group,
            )
    except asyncpg.ExclusionViolationError as error:
        return taken(str(error.constraint_name).removesuffix("_taken"))
    return None


async def save_state(work: Work, stand: Stand) -> None:
    await work.db.execute(
        "UPDATE stand SET state = $2, version = $3 WHERE stand_id = $1", stand.id, stand.state, stand.version
    )


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


async def _resource_ids(work: Work, names: dict[str, str]) -> dict[str, int]:
    """Makes what is new. Sorted, so that two planners cannot lock crosswise."""
    kinds = sorted(names)
    rows = await work.db.fetch(
        """
        INSERT INTO resource (kind, name) SELECT * FROM unnest($1::text[], $2::text[])
        ON CONFLICT (kind, name) DO UPDATE SET name = excluded.name RETURNING kind, resource_id
        """,
        kinds,
        [names[kind] for kind in kinds],
    )
    return {row["kind"]: row["resource_id"] for row in rows}


def _stand(row: Any) -> Stand:
    plan = Plan(
        place=row["place"],
        district=row["district"],
        starts_at=row["during"].lower,
        ends_at=row["during"].upper,
        crew=row["crew"],
        vehicle=row["vehicle"],
        kit=row["kit"],
        services=tuple(row["services"]),
        occasion=row["occasion"],
        target_group=row["target_group"],
    )
    return Stand(StandId(row["stand_id"]), row["version"], StandState(row["state"]), plan)

"""Stands and their resources."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import asyncpg
from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.refusals import taken
from scheduling.domain.resources import SHAPES, Facts, Kind
from scheduling.domain.stand import Plan, Stand, StandState

_SELECT = """
    SELECT s.*, pitch.name AS place, crew.name AS crew, vehicle.name AS vehicle, kit.name AS kit FROM stand s
    JOIN resource pitch ON pitch.resource_id = s.pitch_id JOIN resource crew ON crew.resource_id = s.crew_id
    JOIN resource vehicle ON vehicle.resource_id = s.vehicle_id JOIN resource kit ON kit.resource_id = s.kit_id
"""
_SHOWN = ("confirmed", "running")


async def lock_stand(work: Work, stand_id: StandId) -> Stand | None:
    row = await work.db.fetchrow(f"{_SELECT} WHERE s.stand_id = $1 FOR UPDATE OF s", stand_id)
    return _stand(row) if row else None


async def find_stand(work: Work, stand_id: StandId) -> Stand | None:
    row = await work.db.fetchrow(f"{_SELECT} WHERE s.stand_id = $1", stand_id)
    return _stand(row) if row else None


async def stands(work: Work, *, limit: int) -> list[Stand]:
    """The latest first."""
    rows = await work.db.fetch(f"{_SELECT} ORDER BY lower(s.during) DESC LIMIT $1", limit)
    return [_stand(row) for row in rows]


async def stands_between(work: Work, *, since: datetime, until: datetime, limit: int) -> list[Stand]:
    """Of any state, that begin in [since, until), in order."""
    rows = await work.db.fetch(
        f"{_SELECT} WHERE lower(s.during) >= $1 AND lower(s.during) < $2 ORDER BY lower(s.during), s.stand_id LIMIT $3",
        since,
        until,
        limit,
    )
    return [_stand(row) for row in rows]


async def shown_stands(work: Work, *, ending_after: datetime, limit: int) -> list[Stand]:
    """Those the public may come to, the next first."""
    rows = await work.db.fetch(
        f"{_SELECT} WHERE s.state = ANY($1::text[]) AND upper(s.during) > $2"
        " ORDER BY lower(s.during), s.stand_id LIMIT $3",
        list(_SHOWN),
        ending_after,
        limit,
    )
    return [_stand(row) for row in rows]


async def calendar_stands(work: Work, *, since: datetime, limit: int) -> list[Stand]:
    """For feeds: shown and over since, and cancelled ones that the public had seen, so that calendars hear of it."""
    rows = await work.db.fetch(
        f"""{_SELECT} WHERE (s.state = ANY($1::text[]) AND upper(s.during) > $2)
            OR (s.state = 'cancelled' AND s.version > 1 AND s.changed_at > $2)
            OR (s.state = 'closed' AND upper(s.during) > $2)
            ORDER BY lower(s.during), s.stand_id LIMIT $3""",
        list(_SHOWN),
        since,
        limit,
    )
    return [_stand(row) for row in rows]


async def add_stand(work: Work, stand: Stand) -> Refusal | None:
    """A refusal names the resource that is elsewhere at that time."""
    ids = await _resource_ids(work, stand.plan)
    return await _guarded(
        work,
        """
        INSERT INTO stand (stand_id, version, state, district, during, busy, pitch_id, crew_id, vehicle_id, kit_id,
                           services, occasion, target_group, setup_min, teardown_min, desks, walk_in_share, overbook,
                           latitude, longitude, series, reason, changed_at)
        VALUES ($1, $2, $3, $4, tstzrange($5, $6), tstzrange($7, $8), $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                $19, $20, $21, $22, $23, $24, $25)
        """,
        stand,
        ids,
    )


async def save_stand(work: Work, stand: Stand) -> Refusal | None:
    """Everything of it, under the same guard."""
    ids = await _resource_ids(work, stand.plan)
    return await _guarded(
        work,
        """
        UPDATE stand SET version = $2, state = $3, district = $4, during = tstzrange($5, $6), busy = tstzrange($7, $8),
            pitch_id = $9, crew_id = $10, vehicle_id = $11, kit_id = $12, services = $13, occasion = $14,
            target_group = $15, setup_min = $16, teardown_min = $17, desks = $18, walk_in_share = $19, overbook = $20,
            latitude = $21, longitude = $22, series = $23, reason = $24, changed_at = $25
        WHERE stand_id = $1
        """,
        stand,
        ids,
    )


async def _guarded(work: Work, sql: str, stand: Stand, ids: Mapping[str, int]) -> Refusal | None:
    plan = stand.plan
    try:
        async with work.db.transaction():
            await work.db.execute(
                sql,
                stand.id,
                stand.version,
                stand.state,
                plan.district,
                plan.starts_at,
                plan.ends_at,
                plan.busy_from,
                plan.busy_until,
                *(ids[kind] for kind in Kind),
                list(plan.services),
                plan.occasion,
                plan.target_group,
                plan.setup_min,
                plan.teardown_min,
                plan.desks,
                plan.walk_in_share,
                plan.overbook,
                plan.latitude,
                plan.longitude,
                stand.series,
                stand.reason,
                stand.changed_at,
            )
    except asyncpg.ExclusionViolationError as error:
        return taken(str(error.constraint_name).removesuffix("_taken"))
    return None


async def resources(work: Work) -> list[tuple[Kind, str, Facts]]:
    rows = await work.db.fetch("SELECT kind, name, facts FROM resource WHERE NOT retired ORDER BY kind, name")
    return [(Kind(row["kind"]), row["name"], _facts(row)) for row in rows]


async def facts_of(work: Work, plan: Plan) -> dict[Kind, Facts]:
    """What is known of the resources of a plan; of those nobody has described: nothing that forbids anything."""
    names = _names(plan)
    rows = await work.db.fetch(
        "SELECT kind, name, facts FROM resource WHERE (kind, name) IN (SELECT * FROM unnest($1::text[], $2::text[]))",
        list(names),
        list(names.values()),
    )
    known = {Kind(row["kind"]): _facts(row) for row in rows}
    return {kind: known.get(kind) or SHAPES[kind]() for kind in Kind}


async def put_resource(work: Work, kind: Kind, name: str, facts: Facts, *, retired: bool = False) -> None:
    await work.db.execute(
        """
        INSERT INTO resource (kind, name, facts, retired) VALUES ($1, $2, $3, $4)
        ON CONFLICT (kind, name) DO UPDATE SET facts = excluded.facts, retired = excluded.retired
        """,
        kind,
        name,
        facts.model_dump(mode="json"),
        retired,
    )


async def stands_of_crew(
    work: Work, crew: str, *, since: datetime, until: datetime, but: StandId
) -> list[tuple[datetime, datetime]]:
    """When a crew is busy with other stands."""
    rows = await work.db.fetch(
        """
        SELECT lower(s.busy) AS since, upper(s.busy) AS until FROM stand s
        JOIN resource r ON r.resource_id = s.crew_id AND r.kind = 'crew' AND r.name = $1
        WHERE s.busy && tstzrange($2, $3) AND s.stand_id <> $4 AND s.state NOT IN ('draft', 'cancelled')
        """,
        crew,
        since,
        until,
        but,
    )
    return [(row["since"], row["until"]) for row in rows]


def _names(plan: Plan) -> dict[Kind, str]:
    return {Kind.PITCH: plan.place, Kind.CREW: plan.crew, Kind.VEHICLE: plan.vehicle, Kind.KIT: plan.kit}


async def _resource_ids(work: Work, plan: Plan) -> dict[str, int]:
    """Makes what is new. What is there is not touched: planners would wait for each other on a row nobody changes."""
    names = _names(plan)
    kinds = sorted(names)
    for _ in range(2):
        rows = await work.db.fetch(
            "SELECT kind, resource_id FROM resource"
            " WHERE (kind, name) IN (SELECT * FROM unnest($1::text[], $2::text[]))",
            kinds,
            [names[kind] for kind in kinds],
        )
        if len(rows) == len(kinds):
            break
        await work.db.execute(
            "INSERT INTO resource (kind, name) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING",
            kinds,
            [names[kind] for kind in kinds],
        )
    return {row["kind"]: row["resource_id"] for row in rows}


def _facts(row: Any) -> Facts:
    return SHAPES[Kind(row["kind"])].model_validate(row["facts"])


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
        setup_min=row["setup_min"],
        teardown_min=row["teardown_min"],
        desks=row["desks"],
        walk_in_share=row["walk_in_share"],
        overbook=row["overbook"],
        latitude=row["latitude"],
        longitude=row["longitude"],
    )
    return Stand(
        StandId(row["stand_id"]),
        row["version"],
        StandState(row["state"]),
        plan,
        row["series"],
        row["reason"],
        row["changed_at"],
    )

"""SQL of stands and their resources."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import asyncpg
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.refusals import resource_taken
from scheduling.domain.resources import FACTS_BY_KIND, ResourceFacts, ResourceKind
from scheduling.domain.stand import Stand, StandDetails, StandState

_SELECT = """
    SELECT s.*, pitch.name AS place, crew.name AS crew, vehicle.name AS vehicle, kit.name AS kit FROM stand s
    JOIN resource pitch ON pitch.resource_id = s.pitch_id JOIN resource crew ON crew.resource_id = s.crew_id
    JOIN resource vehicle ON vehicle.resource_id = s.vehicle_id JOIN resource kit ON kit.resource_id = s.kit_id
"""
_PUBLIC = ("confirmed", "running")


async def lock_stand(uow: UnitOfWork, stand_id: StandId) -> Stand | None:
    row = await uow.db.fetchrow(f"{_SELECT} WHERE s.stand_id = $1 FOR UPDATE OF s", stand_id)
    return _stand(row) if row else None


async def find_stand(uow: UnitOfWork, stand_id: StandId) -> Stand | None:
    row = await uow.db.fetchrow(f"{_SELECT} WHERE s.stand_id = $1", stand_id)
    return _stand(row) if row else None


async def stands(uow: UnitOfWork, *, limit: int) -> list[Stand]:
    """The latest first."""
    rows = await uow.db.fetch(f"{_SELECT} ORDER BY lower(s.during) DESC LIMIT $1", limit)
    return [_stand(row) for row in rows]


async def stands_between(uow: UnitOfWork, *, since: datetime, until: datetime, limit: int) -> list[Stand]:
    """Stands in any state that begin in [since, until), in order."""
    rows = await uow.db.fetch(
        f"{_SELECT} WHERE lower(s.during) >= $1 AND lower(s.during) < $2 ORDER BY lower(s.during), s.stand_id LIMIT $3",
        since,
        until,
        limit,
    )
    return [_stand(row) for row in rows]


async def public_stands(uow: UnitOfWork, *, ending_after: datetime, limit: int) -> list[Stand]:
    """Stands that are open to the public, the next one first."""
    rows = await uow.db.fetch(
        f"{_SELECT} WHERE s.state = ANY($1::text[]) AND upper(s.during) > $2"
        " ORDER BY lower(s.during), s.stand_id LIMIT $3",
        list(_PUBLIC),
        ending_after,
        limit,
    )
    return [_stand(row) for row in rows]


async def calendar_stands(uow: UnitOfWork, *, since: datetime, limit: int) -> list[Stand]:
    """Public and closed stands that end after this time, and formerly public ones that were cancelled since then."""
    rows = await uow.db.fetch(
        f"""{_SELECT} WHERE (s.state = ANY($1::text[]) AND upper(s.during) > $2)
            OR (s.state = 'cancelled' AND s.version > 1 AND s.changed_at > $2)
            OR (s.state = 'closed' AND upper(s.during) > $2)
            ORDER BY lower(s.during), s.stand_id LIMIT $3""",
        list(_PUBLIC),
        since,
        limit,
    )
    return [_stand(row) for row in rows]


async def add_stand(uow: UnitOfWork, stand: Stand) -> Refusal | None:
    """The refusal names a resource that is at another stand at that time."""
    ids = await _resource_ids(uow, stand.details)
    return await _write_stand(
        uow,
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


async def save_stand(uow: UnitOfWork, stand: Stand) -> Refusal | None:
    """Updates all columns, with the same refusal."""
    ids = await _resource_ids(uow, stand.details)
    return await _write_stand(
        uow,
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


async def _write_stand(uow: UnitOfWork, sql: str, stand: Stand, ids: Mapping[str, int]) -> Refusal | None:
    details = stand.details
    try:
        async with uow.db.transaction():
            await uow.db.execute(
                sql,
                stand.id,
                stand.version,
                stand.state,
                details.district,
                details.starts_at,
                details.ends_at,
                details.busy_from,
                details.busy_until,
                *(ids[kind] for kind in ResourceKind),
                list(details.services),
                details.occasion,
                details.target_group,
                details.setup_min,
                details.teardown_min,
                details.desks,
                details.walk_in_share,
                details.overbook,
                details.latitude,
                details.longitude,
                stand.series,
                stand.reason,
                stand.changed_at,
            )
    except asyncpg.ExclusionViolationError as error:
        return resource_taken(str(error.constraint_name).removesuffix("_taken"))
    return None


async def resources(uow: UnitOfWork) -> list[tuple[ResourceKind, str, ResourceFacts]]:
    rows = await uow.db.fetch("SELECT kind, name, facts FROM resource WHERE NOT retired ORDER BY kind, name")
    return [(ResourceKind(row["kind"]), row["name"], _facts(row)) for row in rows]


async def facts_of(uow: UnitOfWork, details: StandDetails) -> dict[ResourceKind, ResourceFacts]:
    """The facts of a stand's resources. A resource without facts gets the defaults, which forbid nothing."""
    names = _resource_names(details)
    rows = await uow.db.fetch(
        "SELECT kind, name, facts FROM resource WHERE (kind, name) IN (SELECT * FROM unnest($1::text[], $2::text[]))",
        list(names),
        list(names.values()),
    )
    known = {ResourceKind(row["kind"]): _facts(row) for row in rows}
    return {kind: known.get(kind) or FACTS_BY_KIND[kind]() for kind in ResourceKind}


async def put_resource(
    uow: UnitOfWork, kind: ResourceKind, name: str, facts: ResourceFacts, *, retired: bool = False
) -> None:
    await uow.db.execute(
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
    uow: UnitOfWork, crew: str, *, since: datetime, until: datetime, except_id: StandId
) -> list[tuple[datetime, datetime]]:
    """Begin and end of the crew's other stands, set-up and tear-down included."""
    rows = await uow.db.fetch(
        """
        SELECT lower(s.busy) AS since, upper(s.busy) AS until FROM stand s
        JOIN resource r ON r.resource_id = s.crew_id AND r.kind = 'crew' AND r.name = $1
        WHERE s.busy && tstzrange($2, $3) AND s.stand_id <> $4 AND s.state NOT IN ('draft', 'cancelled')
        """,
        crew,
        since,
        until,
        except_id,
    )
    return [(row["since"], row["until"]) for row in rows]


def _resource_names(details: StandDetails) -> dict[ResourceKind, str]:
    return {
        ResourceKind.PITCH: details.place,
        ResourceKind.CREW: details.crew,
        ResourceKind.VEHICLE: details.vehicle,
        ResourceKind.KIT: details.kit,
    }


async def _resource_ids(uow: UnitOfWork, details: StandDetails) -> dict[str, int]:
    """Inserts new resources. Existing rows are not updated: planners would wait for each other's row locks."""
    names = _resource_names(details)
    kinds = sorted(names)
    for _ in range(2):
        rows = await uow.db.fetch(
            "SELECT kind, resource_id FROM resource"
            " WHERE (kind, name) IN (SELECT * FROM unnest($1::text[], $2::text[]))",
            kinds,
            [names[kind] for kind in kinds],
        )
        if len(rows) == len(kinds):
            break
        await uow.db.execute(
            "INSERT INTO resource (kind, name) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING",
            kinds,
            [names[kind] for kind in kinds],
        )
    return {row["kind"]: row["resource_id"] for row in rows}


def _facts(row: Any) -> ResourceFacts:
    return FACTS_BY_KIND[ResourceKind(row["kind"])].model_validate(row["facts"])


def _stand(row: Any) -> Stand:
    details = StandDetails(
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
        details,
        row["series"],
        row["reason"],
        row["changed_at"],
    )

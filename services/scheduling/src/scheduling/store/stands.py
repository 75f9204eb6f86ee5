"""Stands and their resources."""

from datetime import datetime
from typing import Any

import asyncpg
from sqlalchemy.dialects.postgresql import Range, insert
from sqlalchemy.orm import aliased
from sqlmodel import and_, col, func, or_, select, tuple_, update
from wanderamt.backbone.persistence.tables import columns_of, has_constant, value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.line_text import AS_STORED
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.refusals import resource_taken
from scheduling.domain.resources import FACTS_BY_KIND, ResourceFacts, ResourceKind
from scheduling.domain.stand import PUBLIC_STATES, Stand, StandDetails
from scheduling.tables import ResourceRow, StandRow

_BY_KIND = {kind: aliased(ResourceRow, name=kind) for kind in ResourceKind}
_NAMES = {ResourceKind.PITCH: "place"} | {kind: str(kind) for kind in ResourceKind if kind is not ResourceKind.PITCH}
_IS_PUBLIC = has_constant(StandRow.state, *sorted(PUBLIC_STATES))
_begins, _ends = func.lower(StandRow.during), func.upper(StandRow.during)


async def lock_stand(uow: UnitOfWork, stand_id: StandId) -> Stand | None:
    rows = await _stands(uow, _select().where(StandRow.id == stand_id).with_for_update(of=StandRow))
    return rows[0] if rows else None


async def find_stand(uow: UnitOfWork, stand_id: StandId) -> Stand | None:
    rows = await _stands(uow, _select().where(StandRow.id == stand_id))
    return rows[0] if rows else None


async def stands(uow: UnitOfWork, *, limit: int) -> list[Stand]:
    """The latest first."""
    return await _stands(uow, _select().order_by(_begins.desc()).limit(limit))


async def stands_between(uow: UnitOfWork, *, since: datetime, until: datetime, limit: int) -> list[Stand]:
    """Stands in any state that begin in [since, until), in order."""
    return await _stands(uow, _in_order(limit).where(_begins >= since, _begins < until))


async def public_stands(uow: UnitOfWork, *, ending_after: datetime, limit: int) -> list[Stand]:
    """Stands that are open to the public, the next one first."""
    return await _stands(uow, _in_order(limit).where(_IS_PUBLIC, _ends > ending_after))


async def calendar_stands(uow: UnitOfWork, *, since: datetime, limit: int) -> list[Stand]:
    """Public and closed stands that end after this time, and formerly public ones that were cancelled since then."""
    cancelled = and_(has_constant(StandRow.state, "cancelled"), col(StandRow.changed_at) > since)
    shown = or_(and_(or_(_IS_PUBLIC, has_constant(StandRow.state, "closed")), _ends > since), cancelled)
    return await _stands(uow, _in_order(limit).where(shown))


async def add_stand(uow: UnitOfWork, stand: Stand) -> Refusal | None:
    """The refusal names a resource that is at another stand at that time."""
    return await _write(uow, insert(StandRow).values(await _columns(uow, stand)))


async def save_stand(uow: UnitOfWork, stand: Stand) -> Refusal | None:
    """Updates all columns but the key, with the same refusal."""
    values = await _columns(uow, stand)
    del values["id"]  # an UPDATE that names the key would wait for bookings, which reference the row
    return await _write(uow, update(StandRow).where(col(StandRow.id) == stand.id).values(values))


async def resources(uow: UnitOfWork) -> list[tuple[ResourceKind, str, ResourceFacts]]:
    query = select(ResourceRow).where(~col(ResourceRow.retired)).order_by(ResourceRow.kind, ResourceRow.name)
    return [(ResourceKind(row.kind), row.name, _facts(row)) for row in await uow.session.exec(query)]


async def facts_of(uow: UnitOfWork, details: StandDetails) -> dict[ResourceKind, ResourceFacts]:
    """The facts of a stand's resources. A resource without facts gets the defaults, which forbid nothing."""
    known = {ResourceKind(row.kind): _facts(row) for row in await _resources_of(uow, details)}
    return {kind: known.get(kind) or FACTS_BY_KIND[kind]() for kind in ResourceKind}


async def put_resource(
    uow: UnitOfWork, kind: ResourceKind, name: str, facts: ResourceFacts, *, retired: bool = False
) -> None:
    row = insert(ResourceRow).values(kind=kind, name=name, facts=facts.model_dump(mode="json"), retired=retired)
    changed = {"facts": row.excluded.facts, "retired": row.excluded.retired}
    await uow.session.exec(row.on_conflict_do_update(index_elements=["kind", "name"], set_=changed))


async def stands_of_crew(
    uow: UnitOfWork, crew: str, *, since: datetime, until: datetime, except_id: StandId
) -> list[tuple[datetime, datetime]]:
    """Begin and end of the crew's other stands, set-up and tear-down included."""
    busy: Any = StandRow.busy
    query = (
        select(func.lower(busy), func.upper(busy))
        .join(ResourceRow, and_(ResourceRow.resource_id == StandRow.crew_id, ResourceRow.kind == ResourceKind.CREW))
        .where(ResourceRow.name == crew, busy.overlaps(Range(since, until)), StandRow.id != except_id)
        .where(~has_constant(StandRow.state, "draft", "cancelled"))
    )
    return [(begin, end) for begin, end in await uow.session.exec(query)]


def _select() -> Any:
    """Stands with the names of their resources."""
    query: Any = select(StandRow, *(resource.name for resource in _BY_KIND.values()))
    for kind, resource in _BY_KIND.items():
        query = query.join(resource, resource.resource_id == getattr(StandRow, f"{kind}_id"))
    return query


def _in_order(limit: int) -> Any:
    return _select().order_by(_begins, StandRow.id).limit(limit)


async def _stands(uow: UnitOfWork, query: Any) -> list[Stand]:
    return [
        _stand(row, dict(zip(_NAMES.values(), names, strict=True))) for row, *names in await uow.session.exec(query)
    ]


def _stand(row: StandRow, names: dict[str, str]) -> Stand:
    window = {"starts_at": row.during.lower, "ends_at": row.during.upper}
    return value_of(Stand, row, details=value_of(StandDetails, row, **names, **window))


async def _columns(uow: UnitOfWork, stand: Stand) -> dict[str, Any]:
    details = stand.details
    ids = {f"{kind}_id": id_ for kind, id_ in (await _resource_ids(uow, details)).items()}
    during, busy = Range(details.starts_at, details.ends_at), Range(details.busy_from, details.busy_until)
    windows = {"during": during, "busy": busy}
    return columns_of(stand, StandRow) | columns_of(details, StandRow) | ids | windows


async def _write(uow: UnitOfWork, statement: Any) -> Refusal | None:
    try:
        async with uow.db.transaction():
            await uow.session.exec(statement)
    except asyncpg.ExclusionViolationError as error:
        return resource_taken(str(error.constraint_name).removesuffix("_taken"))
    return None


async def _resource_ids(uow: UnitOfWork, details: StandDetails) -> dict[str, int]:
    """Inserts new resources. Existing rows are not updated: planners would wait for each other's row locks."""
    rows = await _resources_of(uow, details)
    if len(rows) < len(ResourceKind):
        names = [{"kind": kind, "name": getattr(details, name)} for kind, name in sorted(_NAMES.items())]
        await uow.session.exec(insert(ResourceRow).values(names).on_conflict_do_nothing())
        rows = await _resources_of(uow, details)
    return {row.kind: row.resource_id or 0 for row in rows}


async def _resources_of(uow: UnitOfWork, details: StandDetails) -> list[ResourceRow]:
    names = [(kind, getattr(details, name)) for kind, name in _NAMES.items()]
    query = select(ResourceRow).where(tuple_(ResourceRow.kind, ResourceRow.name).in_(names))
    return list((await uow.session.exec(query)).all())


def _facts(row: ResourceRow) -> ResourceFacts:
    return FACTS_BY_KIND[ResourceKind(row.kind)].model_validate(row.facts, context=AS_STORED)

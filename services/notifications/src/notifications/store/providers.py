"""Providers: one row each, changed under its lock. Delivery receipts as received. Tasks for staff."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from connector_kit.resilience.register_state import REGISTER_STATE, RegisterState
from pydantic import TypeAdapter
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork, rows_changed

from notifications.domain.notice import Notice
from notifications.domain.traffic_weights import TrafficWeight

WEIGHT = TypeAdapter(TrafficWeight)

KnownProviders: TypeAlias = dict[str, tuple[RegisterState, TrafficWeight]]


async def lock_providers(uow: UnitOfWork, weights: Mapping[str, float]) -> KnownProviders:
    """By name. A provider that was never called starts healthy, with its configured weight."""
    names = sorted(weights)
    rows = await uow.db.fetch(
        "SELECT name, state, weight FROM provider WHERE name = ANY($1::text[]) ORDER BY name FOR UPDATE", names
    )
    if len(rows) < len(names):
        await uow.db.execute(
            """
            INSERT INTO provider SELECT name, $2, jsonb_build_object('configured', weight, 'current', weight), $4
            FROM unnest($1::text[], $3::float8[]) AS p(name, weight) ORDER BY name ON CONFLICT DO NOTHING
            """,
            names,
            REGISTER_STATE.dump_python(RegisterState(), mode="json"),
            [weights[name] for name in names],
            uow.now,
        )
        return await lock_providers(uow, weights)
    return {row["name"]: _known(row, weights[row["name"]]) for row in rows}


async def find_providers(uow: UnitOfWork, weights: Mapping[str, float]) -> KnownProviders:
    rows = await uow.db.fetch("SELECT name, state, weight FROM provider WHERE name = ANY($1::text[])", list(weights))
    known = {row["name"]: _known(row, weights[row["name"]]) for row in rows}
    return {name: known.get(name, (RegisterState(), TrafficWeight.full(weight))) for name, weight in weights.items()}


async def save_providers(uow: UnitOfWork, known: KnownProviders) -> None:
    names = sorted(known)
    await uow.db.execute(
        """
        UPDATE provider SET state = p.state, weight = p.weight, changed_at = $4
        FROM unnest($1::text[], $2::jsonb[], $3::jsonb[]) AS p(name, state, weight) WHERE provider.name = p.name
        """,
        names,
        [REGISTER_STATE.dump_python(known[name][0], mode="json") for name in names],
        [WEIGHT.dump_python(known[name][1], mode="json") for name in names],
        uow.now,
    )


def _known(row: Any, configured: float) -> tuple[RegisterState, TrafficWeight]:
    """A weight that changed in the settings takes effect at once."""
    weight = WEIGHT.validate_python(row["weight"])
    if weight.configured != configured:
        weight = TrafficWeight.full(configured)
    return REGISTER_STATE.validate_python(row["state"]), weight


async def store_raw_receipts(uow: UnitOfWork, provider: str, encrypted: Sequence[tuple[UUID, bytes]]) -> None:
    """As received. They are parsed after the commit."""
    await uow.db.execute(
        """
        INSERT INTO receipt (receipt_id, provider, raw, received_at, state, applied, next_attempt_at)
        SELECT receipt_id, $1, raw, $4, 'stored', 0, $4 FROM unnest($2::uuid[], $3::bytea[]) AS r(receipt_id, raw)
        """,
        provider,
        [receipt_id for receipt_id, _ in encrypted],
        [raw for _, raw in encrypted],
        uow.now,
    )


async def lock_due_receipts(uow: UnitOfWork, *, limit: int) -> list[Any]:
    return list(
        await uow.db.fetch(
            """
            SELECT receipt_id, provider, raw, received_at FROM receipt WHERE next_attempt_at <= $1
            ORDER BY received_at, receipt_id LIMIT $2 FOR UPDATE SKIP LOCKED
            """,
            uow.now,
            limit,
        )
    )


async def save_receipt_states(uow: UnitOfWork, processed: Sequence[tuple[UUID, str, int, datetime | None]]) -> None:
    """For each receipt: its id, state, number of notices it matched, and time of the next attempt."""
    await uow.db.execute(
        """
        UPDATE receipt SET state = r.state, applied = receipt.applied + r.applied, next_attempt_at = r.next_attempt_at
        FROM unnest($1::uuid[], $2::text[], $3::int[], $4::timestamptz[])
             AS r(receipt_id, state, applied, next_attempt_at)
        WHERE receipt.receipt_id = r.receipt_id
        """,
        *(list(column) for column in zip(*processed, strict=True)),
    )


async def count_receipts(uow: UnitOfWork) -> dict[str, int]:
    rows = await uow.db.fetch("SELECT state, count(*) AS receipts FROM receipt GROUP BY state ORDER BY state")
    return {row["state"]: row["receipts"] for row in rows}


async def redact_receipts(uow: UnitOfWork, before: datetime) -> int:
    status = await uow.db.execute(
        "UPDATE receipt SET raw = NULL WHERE raw IS NOT NULL AND next_attempt_at IS NULL AND received_at < $1", before
    )
    return rows_changed(status)


async def add_tasks(uow: UnitOfWork, unreached: Iterable[tuple[Notice, str]]) -> None:
    """One task for each notice and reason."""
    rows = [
        (
            uow.new_id(),
            notice.id,
            notice.about.value,
            notice.about_id,
            notice.kind.value,
            reason,
            uow.now,
        )
        for notice, reason in unreached
    ]
    await uow.db.executemany(
        """
        INSERT INTO task (task_id, notice_id, about, about_id, kind, reason, raised_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        rows,
    )


async def open_tasks(uow: UnitOfWork, *, limit: int) -> list[Any]:
    return list(await uow.db.fetch("SELECT * FROM task WHERE done_at IS NULL ORDER BY raised_at LIMIT $1", limit))


async def complete_task(uow: UnitOfWork, task_id: UUID, *, by: str) -> bool:
    """False if there is no such open task."""
    status = await uow.db.execute(
        "UPDATE task SET done_at = $2, done_by = $3 WHERE task_id = $1 AND done_at IS NULL", task_id, uow.now, by
    )
    return bool(status == "UPDATE 1")

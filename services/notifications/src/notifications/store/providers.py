"""Providers: one row each, changed under its lock; receipts as they came; tasks for staff."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from connector_kit.register import STATE, RegisterState
from pydantic import TypeAdapter
from wanderamt.backbone.work import Work, rows_changed

from notifications.domain.notice import Notice
from notifications.domain.shares import Share

SHARE = TypeAdapter(Share)


async def lock_providers(work: Work, weights: Mapping[str, float]) -> dict[str, tuple[RegisterState, Share]]:
    """As we know them; one that was never called is healthy and has its whole weight."""
    names = sorted(weights)
    rows = await work.db.fetch(
        "SELECT name, state, share FROM provider WHERE name = ANY($1::text[]) ORDER BY name FOR UPDATE", names
    )
    if len(rows) < len(names):
        await work.db.execute(
            """
            INSERT INTO provider SELECT name, $2, jsonb_build_object('weight', weight, 'points', weight), $4
            FROM unnest($1::text[], $3::float8[]) AS p(name, weight) ORDER BY name ON CONFLICT DO NOTHING
            """,
            names,
            STATE.dump_python(RegisterState(), mode="json"),
            [weights[name] for name in names],
            work.now,
        )
        return await lock_providers(work, weights)
    return {row["name"]: _known(row, weights[row["name"]]) for row in rows}


async def find_providers(work: Work, weights: Mapping[str, float]) -> dict[str, tuple[RegisterState, Share]]:
    rows = await work.db.fetch("SELECT name, state, share FROM provider WHERE name = ANY($1::text[])", list(weights))
    known = {row["name"]: _known(row, weights[row["name"]]) for row in rows}
    return {name: known.get(name, (RegisterState(), Share.full(weight))) for name, weight in weights.items()}


async def save_providers(work: Work, known: Mapping[str, tuple[RegisterState, Share]]) -> None:
    names = sorted(known)
    await work.db.execute(
        """
        UPDATE provider SET state = p.state, share = p.share, changed_at = $4
        FROM unnest($1::text[], $2::jsonb[], $3::jsonb[]) AS p(name, state, share) WHERE provider.name = p.name
        """,
        names,
        [STATE.dump_python(known[name][0], mode="json") for name in names],
        [SHARE.dump_python(known[name][1], mode="json") for name in names],
        work.now,
    )


def _known(row: Any, weight: float) -> tuple[RegisterState, Share]:
    """A weight that was changed in the settings counts from now on."""
    share = SHARE.validate_python(row["share"])
    if share.weight != weight:
        share = Share.full(weight)
    return STATE.validate_python(row["state"]), share


async def keep_receipts(work: Work, provider: str, sealed: Sequence[tuple[UUID, bytes]]) -> None:
    """As they came. They are read after this is committed."""
    await work.db.execute(
        """
        INSERT INTO receipt (receipt_id, provider, raw, received_at, state, applied, look_at)
        SELECT receipt_id, $1, raw, $4, 'kept', 0, $4 FROM unnest($2::uuid[], $3::bytea[]) AS r(receipt_id, raw)
        """,
        provider,
        [receipt_id for receipt_id, _ in sealed],
        [raw for _, raw in sealed],
        work.now,
    )


async def lock_due_receipts(work: Work, *, limit: int) -> list[Any]:
    return list(
        await work.db.fetch(
            """
            SELECT receipt_id, provider, raw, received_at FROM receipt WHERE look_at <= $1
            ORDER BY received_at, receipt_id LIMIT $2 FOR UPDATE SKIP LOCKED
            """,
            work.now,
            limit,
        )
    )


async def end_receipts(work: Work, ended: Sequence[tuple[UUID, str, int, datetime | None]]) -> None:
    """(id, state, how many notices it changed, when it is looked at again) of each."""
    await work.db.execute(
        """
        UPDATE receipt SET state = r.state, applied = receipt.applied + r.applied, look_at = r.look_at
        FROM unnest($1::uuid[], $2::text[], $3::int[], $4::timestamptz[]) AS r(receipt_id, state, applied, look_at)
        WHERE receipt.receipt_id = r.receipt_id
        """,
        *(list(column) for column in zip(*ended, strict=True)),
    )


async def count_receipts(work: Work) -> dict[str, int]:
    rows = await work.db.fetch("SELECT state, count(*) AS receipts FROM receipt GROUP BY state ORDER BY state")
    return {row["state"]: row["receipts"] for row in rows}


async def redact_receipts(work: Work, before: datetime) -> int:
    status = await work.db.execute(
        "UPDATE receipt SET raw = NULL WHERE raw IS NOT NULL AND look_at IS NULL AND received_at < $1", before
    )
    return rows_changed(status)


async def add_tasks(work: Work, raised: Iterable[tuple[Notice, str]]) -> None:
    rows = [
        (work.new_id(), one.id, one.about.value, one.about_id, one.kind.value, reason, work.now)
        for one, reason in raised
    ]
    await work.db.executemany(
        """
        INSERT INTO task (task_id, notice_id, about, about_id, kind, reason, raised_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        rows,
    )


async def open_tasks(work: Work, *, limit: int) -> list[Any]:
    return list(await work.db.fetch("SELECT * FROM task WHERE done_at IS NULL ORDER BY raised_at LIMIT $1", limit))


async def end_task(work: Work, task_id: UUID, *, who: str) -> bool:
    status = await work.db.execute(
        "UPDATE task SET done_at = $2, done_by = $3 WHERE task_id = $1 AND done_at IS NULL", task_id, work.now, who
    )
    return bool(status == "UPDATE 1")

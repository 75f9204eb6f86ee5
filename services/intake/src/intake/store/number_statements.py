"""Hand-written statements of spent numbers and their blocks: a sync spends many numbers at once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from wanderamt.backbone.persistence.outbox import Statement
from wanderamt.backbone.persistence.tables import value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import DeviceId, EntryId

from intake.domain.numbers import Number, NumberAudit, NumberBlock, NumberSeries

MAX_LISTED = 1000


@dataclass(frozen=True, slots=True)
class SpentNumber:
    """A used or voided number. `reason`: None for a used one."""

    block_id: UUID
    number: Number
    reason: str | None = None
    entry_id: EntryId | None = None


async def lock_blocks_of(
    uow: UnitOfWork, numbers: Iterable[Number], *, new_documents: Iterable[UUID] = ()
) -> tuple[dict[UUID, NumberBlock], set[UUID]]:
    """(the blocks of these numbers, locked in the order of their ids; those of `new_documents` that exist already).

    The ids of new documents are locked as by `uow.lock_id`, before the blocks; the next statement sees who has them.
    """
    wanted, documents = list(numbers), sorted(set(new_documents))
    rows = await uow.db.fetch(
        """
        WITH locked AS MATERIALIZED (
            SELECT count(pg_advisory_xact_lock(hashtextextended('document/' || id, 4712)))
            FROM (SELECT id FROM unnest($4::text[]) AS new(id) ORDER BY id) AS in_order
        )
        SELECT b.* FROM number_block b CROSS JOIN locked WHERE EXISTS (
            SELECT 1 FROM unnest($1::text[], $2::int[], $3::int[]) AS n(series, year, serial)
            WHERE n.series = b.series AND n.year = b.year AND n.serial BETWEEN b.first AND b.last)
        ORDER BY block_id FOR UPDATE OF b
        """,
        [number.series for number in wanted],
        [number.year for number in wanted],
        [number.serial for number in wanted],
        list(map(str, documents)),
    )
    return await _with_spent_numbers(uow, rows, documents)


async def suspend_blocks(uow: UnitOfWork, device_id: DeviceId) -> None:
    """For good: documents with their unspent numbers count as revoked, also when the device is enrolled again. Locks in
    the order of `lock_blocks_of`."""
    await uow.db.execute(
        """
        UPDATE number_block SET suspended_at = $2 WHERE block_id IN (
            SELECT block_id FROM number_block WHERE device_id = $1 AND returned_at IS NULL AND suspended_at IS NULL
            ORDER BY block_id FOR UPDATE)
        """,
        device_id,
        uow.now,
    )


def insert_spent(spent: Sequence[SpentNumber], *, now: datetime) -> Statement:
    """The primary key ensures that no number is spent twice."""
    sql = """
        INSERT INTO spent_number (series, year, serial, block_id, reason, entry_id, spent_at)
        SELECT *, $7::timestamptz FROM unnest($1::text[], $2::int[], $3::int[], $4::uuid[], $5::text[], $6::uuid[])
    """
    return sql, [
        [spent_number.number.series for spent_number in spent],
        [spent_number.number.year for spent_number in spent],
        [spent_number.number.serial for spent_number in spent],
        [spent_number.block_id for spent_number in spent],
        [spent_number.reason for spent_number in spent],
        [spent_number.entry_id for spent_number in spent],
        now,
    ]


async def audit_series(uow: UnitOfWork, series: NumberSeries, *, year: int, after: int) -> NumberAudit:
    """Counts all numbers of the series; lists the first 1,000 gaps and lost serials behind the serial `after`."""
    row = await uow.db.fetchrow(
        """
        WITH block AS (
            SELECT first, last, lag(last, 1, 0) OVER (ORDER BY first) AS before FROM number_block
            WHERE series = $1 AND year = $2),
        lost AS (
            SELECT before + 1 AS first, first - 1 AS last FROM block
            UNION ALL
            SELECT coalesce((SELECT max(last) FROM block), 0) + 1, next_serial - 1 FROM number_series
            WHERE series = $1 AND year = $2),
        gap AS (
            SELECT serial, reason FROM spent_number
            WHERE series = $1 AND year = $2 AND serial > $3 AND reason IS NOT NULL ORDER BY serial LIMIT $4)
        SELECT spent.used, spent.voided, leased.count - spent.used - spent.voided AS outstanding, ARRAY(
                   SELECT serial FROM (SELECT greatest(first, $3 + 1) AS first, last FROM lost) AS behind,
                       generate_series(first, least(last, first + $4 - 1)) AS serial ORDER BY serial LIMIT $4
               ) AS unexplained, gaps.serials, gaps.reasons
        FROM (SELECT count(*) FILTER (WHERE reason IS NULL) AS used, count(reason) AS voided
              FROM spent_number WHERE series = $1 AND year = $2) AS spent,
             (SELECT coalesce(sum(last - first + 1), 0) AS count FROM block) AS leased,
             (SELECT coalesce(array_agg(serial ORDER BY serial), '{}') AS serials,
                     coalesce(array_agg(reason ORDER BY serial), '{}') AS reasons FROM gap) AS gaps
        """,
        series,
        year,
        after,
        MAX_LISTED,
    )
    return NumberAudit(
        used=row["used"],
        outstanding=row["outstanding"],
        voided=row["voided"],
        unexplained=tuple(row["unexplained"]),
        gaps=tuple(zip(row["serials"], row["reasons"], strict=True)),
    )


async def with_spent_numbers(uow: UnitOfWork, rows: Sequence[Mapping[str, Any]]) -> dict[UUID, NumberBlock]:
    """`rows`: of number_block."""
    blocks, _ = await _with_spent_numbers(uow, rows, ())
    return blocks


async def _with_spent_numbers(
    uow: UnitOfWork, rows: Sequence[Mapping[str, Any]], documents: Sequence[UUID]
) -> tuple[dict[UUID, NumberBlock], set[UUID]]:
    """Also returns which of the documents exist: one round trip for both."""
    used: dict[UUID, set[int]] = defaultdict(set)
    voided: dict[UUID, list[tuple[int, str]]] = defaultdict(list)
    existing: set[UUID] = set()
    if rows:
        spent = await uow.db.fetch(
            """
            SELECT block_id, serial, reason, false AS is_document FROM spent_number WHERE block_id = ANY($1::uuid[])
            UNION ALL
            SELECT document_id, NULL, NULL, true FROM document WHERE document_id = ANY($2::uuid[])
            ORDER BY serial
            """,
            [row["block_id"] for row in rows],
            documents,
        )
        for id_, serial, reason, is_document in spent:
            if is_document:
                existing.add(id_)
            elif reason is None:
                used[id_].add(serial)
            else:
                voided[id_].append((serial, reason))
    blocks = {
        row["block_id"]: value_of(NumberBlock, row, used=used[row["block_id"]], voided=voided[row["block_id"]])
        for row in rows
    }
    return blocks, existing

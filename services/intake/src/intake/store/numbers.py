"""Leased numbers: series, blocks, and every number that left its block."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import DeviceId, EntryId, StandId

from intake.domain.numbers import Block, Number, Series


@dataclass(frozen=True, slots=True)
class Gone:
    """A number that was used (`reason` is None) or voided."""

    block_id: UUID
    number: Number
    reason: str | None = None
    entry_id: EntryId | None = None


async def advance_series(work: Work, series: Series, *, year: int, size: int) -> int:
    """The first of `size` serials that nobody had. Locks the series: blocks never overlap."""
    first: int = await work.db.fetchval(
        """
        INSERT INTO number_series (series, year, next_serial) VALUES ($1, $2, 1 + $3)
        ON CONFLICT (series, year) DO UPDATE SET next_serial = number_series.next_serial + $3
        RETURNING next_serial - $3
        """,
        series,
        year,
        size,
    )
    return first


async def next_serial(work: Work, series: Series, *, year: int) -> int:
    found: int | None = await work.db.fetchval(
        "SELECT next_serial FROM number_series WHERE series = $1 AND year = $2", series, year
    )
    return found or 1


async def add_block(work: Work, block_id: UUID, block: Block) -> None:
    await work.db.execute(
        """
        INSERT INTO number_block (block_id, series, year, first, last, stand_id, device_id, leased_at, places)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        block_id,
        block.series,
        block.year,
        block.first,
        block.last,
        block.stand_id,
        block.device_id,
        block.leased_at,
        list(block.places),
    )


async def put_back_block(work: Work, block_id: UUID, block: Block) -> bool:
    """One that a restore has forgotten: none of its numbers nor places is given out again. False when it is here."""
    await work.db.execute(
        """
        INSERT INTO number_series (series, year, next_serial) VALUES ($1, $2, $3 + 1)
        ON CONFLICT (series, year)
        DO UPDATE SET next_serial = greatest(number_series.next_serial, excluded.next_serial)
        """,
        block.series,
        block.year,
        block.last,
    )
    if block.places:
        await work.db.execute(
            "SELECT setval('document_serial', greatest($1::bigint, (SELECT last_value FROM document_serial)))",
            max(block.places),
        )
    taken = await work.db.fetchval(
        "SELECT 1 FROM number_block WHERE block_id = $1 OR (series = $2 AND year = $3 AND first = $4)",
        block_id,
        block.series,
        block.year,
        block.first,
    )
    if taken:
        return False
    await add_block(work, block_id, block)
    return True


async def lock_block(work: Work, block_id: UUID) -> Block | None:
    rows = await work.db.fetch("SELECT * FROM number_block WHERE block_id = $1 FOR UPDATE", block_id)
    return (await _blocks(work, rows)).get(block_id)


async def lock_blocks_of(work: Work, numbers: Iterable[Number]) -> dict[UUID, Block]:
    """The blocks that these numbers belong to, locked in the order of their ids."""
    wanted = list(numbers)
    rows = await work.db.fetch(
        """
        SELECT * FROM number_block b WHERE EXISTS (
            SELECT 1 FROM unnest($1::text[], $2::int[], $3::int[]) AS n(series, year, serial)
            WHERE n.series = b.series AND n.year = b.year AND n.serial BETWEEN b.first AND b.last)
        ORDER BY block_id FOR UPDATE
        """,
        [number.series for number in wanted],
        [number.year for number in wanted],
        [number.serial for number in wanted],
    )
    return await _blocks(work, rows)


async def blocks_of_device(work: Work, device_id: DeviceId) -> dict[UUID, Block]:
    """Those that were not given back, oldest first."""
    rows = await work.db.fetch(
        "SELECT * FROM number_block WHERE device_id = $1 AND returned_at IS NULL ORDER BY block_id", device_id
    )
    return await _blocks(work, rows)


async def blocks_of_series(work: Work, series: Series, *, year: int) -> dict[UUID, Block]:
    rows = await work.db.fetch(
        "SELECT * FROM number_block WHERE series = $1 AND year = $2 ORDER BY first", series, year
    )
    return await _blocks(work, rows)


async def return_block(work: Work, block_id: UUID) -> None:
    await work.db.execute("UPDATE number_block SET returned_at = $2 WHERE block_id = $1", block_id, work.now)


async def add_gone(work: Work, gone: Sequence[Gone]) -> None:
    """The primary key is the promise: no number leaves twice."""
    await work.db.execute(
        """
        INSERT INTO number_gone (series, year, serial, block_id, reason, entry_id, gone_at)
        SELECT *, $7::timestamptz FROM unnest($1::text[], $2::int[], $3::int[], $4::uuid[], $5::text[], $6::uuid[])
        """,
        [one.number.series for one in gone],
        [one.number.year for one in gone],
        [one.number.serial for one in gone],
        [one.block_id for one in gone],
        [one.reason for one in gone],
        [one.entry_id for one in gone],
        work.now,
    )


async def _blocks(work: Work, rows: Sequence[Any]) -> dict[UUID, Block]:
    used: dict[UUID, set[int]] = defaultdict(set)
    voided: dict[UUID, list[tuple[int, str]]] = defaultdict(list)
    if rows:
        gone = await work.db.fetch(
            "SELECT block_id, serial, reason FROM number_gone WHERE block_id = ANY($1::uuid[]) ORDER BY serial",
            [row["block_id"] for row in rows],
        )
        for one in gone:
            if one["reason"] is None:
                used[one["block_id"]].add(one["serial"])
            else:
                voided[one["block_id"]].append((one["serial"], one["reason"]))
    return {
        row["block_id"]: Block(
            series=Series(row["series"]),
            year=row["year"],
            first=row["first"],
            last=row["last"],
            stand_id=StandId(row["stand_id"]),
            device_id=DeviceId(row["device_id"]),
            leased_at=row["leased_at"],
            used=frozenset(used[row["block_id"]]),
            voided=tuple(voided[row["block_id"]]),
            returned_at=row["returned_at"],
            places=tuple(row["places"]),
        )
        for row in rows
    }

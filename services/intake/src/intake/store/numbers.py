"""Number series, leased blocks and spent numbers."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import DeviceId, EntryId, StandId

from intake.domain.numbers import Number, NumberBlock, NumberSeries


@dataclass(frozen=True, slots=True)
class SpentNumber:
    """A used or voided number. `reason`: None for a used one."""

    block_id: UUID
    number: Number
    reason: str | None = None
    entry_id: EntryId | None = None


async def advance_series(uow: UnitOfWork, series: NumberSeries, *, year: int, size: int) -> int:
    """The first of `size` unused serials. Locks the series, so blocks never overlap."""
    first: int = await uow.db.fetchval(
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


async def next_serial(uow: UnitOfWork, series: NumberSeries, *, year: int) -> int:
    serial: int | None = await uow.db.fetchval(
        "SELECT next_serial FROM number_series WHERE series = $1 AND year = $2", series, year
    )
    return serial or 1


async def add_block(uow: UnitOfWork, block_id: UUID, block: NumberBlock) -> None:
    await uow.db.execute(
        """
        INSERT INTO number_block (block_id, series, year, first, last, stand_id, device_id, leased_at,
                                  status_list_indexes)
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
        list(block.status_list_indexes),
    )


async def restore_block(uow: UnitOfWork, block_id: UUID, block: NumberBlock) -> bool:
    """Inserts a block that a database restore lost. Its numbers and status list indexes are never leased again.

    False if the block is known.
    """
    await uow.db.execute(
        """
        INSERT INTO number_series (series, year, next_serial) VALUES ($1, $2, $3 + 1)
        ON CONFLICT (series, year)
        DO UPDATE SET next_serial = greatest(number_series.next_serial, excluded.next_serial)
        """,
        block.series,
        block.year,
        block.last,
    )
    if block.status_list_indexes:
        await uow.db.execute(
            "SELECT setval('document_serial', greatest($1::bigint, (SELECT last_value FROM document_serial)))",
            max(block.status_list_indexes),
        )
    taken = await uow.db.fetchval(
        "SELECT 1 FROM number_block WHERE block_id = $1 OR (series = $2 AND year = $3 AND first = $4)",
        block_id,
        block.series,
        block.year,
        block.first,
    )
    if taken:
        return False
    await add_block(uow, block_id, block)
    return True


async def lock_block(uow: UnitOfWork, block_id: UUID) -> NumberBlock | None:
    rows = await uow.db.fetch("SELECT * FROM number_block WHERE block_id = $1 FOR UPDATE", block_id)
    return (await _blocks(uow, rows)).get(block_id)


async def lock_blocks_of(uow: UnitOfWork, numbers: Iterable[Number]) -> dict[UUID, NumberBlock]:
    """The blocks of these numbers, locked in the order of their ids."""
    wanted = list(numbers)
    rows = await uow.db.fetch(
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
    return await _blocks(uow, rows)


async def blocks_of_device(uow: UnitOfWork, device_id: DeviceId) -> dict[UUID, NumberBlock]:
    """Blocks that are not returned, oldest first."""
    rows = await uow.db.fetch(
        "SELECT * FROM number_block WHERE device_id = $1 AND returned_at IS NULL ORDER BY block_id", device_id
    )
    return await _blocks(uow, rows)


async def blocks_of_series(uow: UnitOfWork, series: NumberSeries, *, year: int) -> dict[UUID, NumberBlock]:
    rows = await uow.db.fetch("SELECT * FROM number_block WHERE series = $1 AND year = $2 ORDER BY first", series, year)
    return await _blocks(uow, rows)


async def return_block(uow: UnitOfWork, block_id: UUID) -> None:
    await uow.db.execute("UPDATE number_block SET returned_at = $2 WHERE block_id = $1", block_id, uow.now)


async def insert_spent(uow: UnitOfWork, spent: Sequence[SpentNumber]) -> None:
    """The primary key ensures that no number is spent twice."""
    await uow.db.execute(
        """
        INSERT INTO spent_number (series, year, serial, block_id, reason, entry_id, spent_at)
        SELECT *, $7::timestamptz FROM unnest($1::text[], $2::int[], $3::int[], $4::uuid[], $5::text[], $6::uuid[])
        """,
        [spent_number.number.series for spent_number in spent],
        [spent_number.number.year for spent_number in spent],
        [spent_number.number.serial for spent_number in spent],
        [spent_number.block_id for spent_number in spent],
        [spent_number.reason for spent_number in spent],
        [spent_number.entry_id for spent_number in spent],
        uow.now,
    )


async def _blocks(uow: UnitOfWork, rows: Sequence[Any]) -> dict[UUID, NumberBlock]:
    used: dict[UUID, set[int]] = defaultdict(set)
    voided: dict[UUID, list[tuple[int, str]]] = defaultdict(list)
    if rows:
        spent = await uow.db.fetch(
            "SELECT block_id, serial, reason FROM spent_number WHERE block_id = ANY($1::uuid[]) ORDER BY serial",
            [row["block_id"] for row in rows],
        )
        for number in spent:
            if number["reason"] is None:
                used[number["block_id"]].add(number["serial"])
            else:
                voided[number["block_id"]].append((number["serial"], number["reason"]))
    return {
        row["block_id"]: NumberBlock(
            series=NumberSeries(row["series"]),
            year=row["year"],
            first=row["first"],
            last=row["last"],
            stand_id=StandId(row["stand_id"]),
            device_id=DeviceId(row["device_id"]),
            leased_at=row["leased_at"],
            used=frozenset(used[row["block_id"]]),
            voided=tuple(voided[row["block_id"]]),
            returned_at=row["returned_at"],
            status_list_indexes=tuple(row["status_list_indexes"]),
        )
        for row in rows
    }

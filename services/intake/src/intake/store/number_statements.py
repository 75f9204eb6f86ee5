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
from wanderamt.kernel.ids import EntryId

from intake.domain.numbers import Number, NumberBlock


@dataclass(frozen=True, slots=True)
class SpentNumber:
    """A used or voided number. `reason`: None for a used one."""

    block_id: UUID
    number: Number
    reason: str | None = None
    entry_id: EntryId | None = None


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
    return await with_spent_numbers(uow, rows)


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


async def with_spent_numbers(uow: UnitOfWork, rows: Sequence[Mapping[str, Any]]) -> dict[UUID, NumberBlock]:
    """`rows`: of number_block."""
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
        row["block_id"]: value_of(NumberBlock, row, used=used[row["block_id"]], voided=voided[row["block_id"]])
        for row in rows
    }

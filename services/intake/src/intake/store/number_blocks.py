"""Number series and their blocks: leased, restored, listed and returned."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import Insert, insert
from sqlmodel import col, func, select, update
from sqlmodel.sql.expression import SelectOfScalar
from wanderamt.backbone.persistence.tables import columns_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import DeviceId

from intake.domain.numbers import MAX_SERIAL, NumberBlock, NumberSeries
from intake.store.document_statements import skip_serials
from intake.store.number_statements import with_spent_numbers
from intake.tables import NumberBlockRow, NumberSeriesRow

_SPENT = ("used", "voided")  # a block's numbers in spent_number


async def advance_series(uow: UnitOfWork, series: NumberSeries, *, year: int, size: int) -> int | None:
    """The first of `size` unused serials; None if fewer are left. Locks the series, so blocks never overlap."""
    begun = insert(NumberSeriesRow).values(series=series, year=year, next_serial=1 + size)
    advanced = begun.on_conflict_do_update(
        index_elements=["series", "year"],
        set_={"next_serial": NumberSeriesRow.next_serial + size},
        where=col(NumberSeriesRow.next_serial) + size - 1 <= MAX_SERIAL,
    )
    returned = await uow.session.exec(advanced.returning(col(NumberSeriesRow.next_serial)))
    after: int | None = returned.scalar_one_or_none()
    return after - size if after else None


async def add_block(uow: UnitOfWork, block_id: UUID, block: NumberBlock) -> None:
    await uow.session.exec(_insert(block_id, block))


async def restore_block(uow: UnitOfWork, block_id: UUID, block: NumberBlock) -> bool:
    """Inserts a block that a database restore lost. Its numbers and status list indexes are never leased again.

    False if the block is known.
    """
    lost = insert(NumberSeriesRow).values(series=block.series, year=block.year, next_serial=block.last + 1)
    next_unused = func.greatest(NumberSeriesRow.next_serial, lost.excluded.next_serial)
    await uow.session.exec(
        lost.on_conflict_do_update(index_elements=["series", "year"], set_={"next_serial": next_unused})
    )
    if block.status_list_indexes:
        await skip_serials(uow, up_to=max(block.status_list_indexes))
    return (await uow.session.exec(_insert(block_id, block).on_conflict_do_nothing())).rowcount == 1


async def lock_block(uow: UnitOfWork, block_id: UUID) -> NumberBlock | None:
    block = select(NumberBlockRow).where(NumberBlockRow.block_id == block_id)
    return (await _find_blocks(uow, block.with_for_update())).get(block_id)


async def blocks_of_device(uow: UnitOfWork, device_id: DeviceId) -> dict[UUID, NumberBlock]:
    """Blocks that are not returned, oldest first."""
    row = NumberBlockRow
    held = select(row).where(row.device_id == device_id, col(row.returned_at).is_(None))
    return await _find_blocks(uow, held.order_by(col(row.block_id)))


async def count_leased(uow: UnitOfWork, device_id: DeviceId, *, series: NumberSeries, since: datetime) -> int:
    """Blocks that the device leased since then, with those that it returned."""
    row = NumberBlockRow
    leased = select(func.count()).where(row.device_id == device_id, row.series == series, row.leased_at >= since)
    return (await uow.session.exec(leased)).one()


async def return_block(uow: UnitOfWork, block_id: UUID) -> None:
    returned = update(NumberBlockRow).where(col(NumberBlockRow.block_id) == block_id)
    await uow.session.exec(returned.values(returned_at=uow.now))


def _insert(block_id: UUID, block: NumberBlock) -> Insert:
    values = {name: value for name, value in columns_of(block).items() if name not in _SPENT}
    return insert(NumberBlockRow).values(block_id=block_id, **values)


async def _find_blocks(uow: UnitOfWork, query: SelectOfScalar[NumberBlockRow]) -> dict[UUID, NumberBlock]:
    return await with_spent_numbers(uow, [vars(row) for row in await uow.session.exec(query)])

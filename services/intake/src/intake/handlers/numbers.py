"""Blocks of numbers: leased before a stand, used there, returned afterwards with an account of every number."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.caller_ids import repeated
from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.policy import NOT_ENROLLED

from intake.domain import numbers as number_rules
from intake.domain.numbers import (
    BLOCK_SIZE,
    Number,
    NumberBlock,
    NumberSeries,
    parse_number,
    parse_numbers,
    spend,
    void,
)
from intake.domain.refusals import (
    BLOCK_ID_TAKEN,
    BLOCKS_OF_DAY_USED,
    NO_BLOCK,
    NUMBER_NOT_IN_BLOCK,
    SERIES_USED_UP,
    TOO_MANY_BLOCKS,
)
from intake.store import device_statements, document_statements, number_blocks, number_statements
from intake.store.number_statements import SpentNumber

MAX_BLOCKS = 20  # per series and device: a thousand numbers
MAX_BLOCKS_A_DAY = 40  # per series and device, with those that it returned


@dataclass(frozen=True, slots=True)
class LeasedBlock:
    """`left`: the numbers that are neither used nor void."""

    id: UUID
    block: NumberBlock

    @property
    def left(self) -> list[Number]:
        spent = self.block.used | {serial for serial, _ in self.block.voided}
        return [number for number in self.block.numbers() if number.serial not in spent]


async def lease_block(
    block_id: UUID, uow: UnitOfWork, *, series: NumberSeries, device_id: DeviceId, stand_id: StandId, zone: ZoneInfo
) -> LeasedBlock | Refusal:
    """The same `block_id` again gets the same block: a lost answer costs no numbers. `zone`: in which a day and a year
    begin."""
    await uow.lock_id("device", device_id)  # else a revocation at the same time would not suspend the block
    if not await device_statements.device_enrolled(uow, device_id):
        return NOT_ENROLLED
    await uow.lock_id("number block", block_id)
    known = await number_blocks.lock_block(uow, block_id)
    if known:
        first, now = (known.device_id, known.series), (device_id, series)
        return repeated(LeasedBlock(block_id, known), first=first, now=now, taken=BLOCK_ID_TAKEN)
    await uow.lock_id("number blocks of device", device_id)
    local_now = uow.now.astimezone(zone)
    midnight = local_now.replace(hour=0, minute=0, second=0, microsecond=0)
    if await number_blocks.count_leased(uow, device_id, series=series, since=midnight) >= MAX_BLOCKS_A_DAY:
        return BLOCKS_OF_DAY_USED
    held = await held_blocks(uow, device_id=device_id)
    if sum(bool(leased.left) for leased in held if leased.block.series is series) >= MAX_BLOCKS:
        return TOO_MANY_BLOCKS
    next_serial = await number_blocks.advance_series(uow, series, year=local_now.year, size=BLOCK_SIZE)
    if not next_serial:
        return SERIES_USED_UP
    indexes = await document_statements.next_serials(uow, BLOCK_SIZE) if series is NumberSeries.DOCUMENT else []
    block = number_rules.lease_block(
        series,
        year=local_now.year,
        next_serial=next_serial,
        stand_id=stand_id,
        device_id=device_id,
        now=uow.now,
        status_list_indexes=tuple(indexes),
    )
    await number_blocks.add_block(uow, block_id, block)
    return LeasedBlock(block_id, block)


async def restore_blocks(blocks: Iterable[LeasedBlock], uow: UnitOfWork, *, device_id: DeviceId) -> int | Refusal:
    """Brings back blocks that were leased after the backup that was restored. Returns how many were lost."""
    await uow.lock_id("device", device_id)
    if not await device_statements.device_enrolled(uow, device_id):
        return NOT_ENROLLED
    own = [leased for leased in blocks if leased.block.device_id == device_id]
    return sum([await number_blocks.restore_block(uow, leased.id, leased.block) for leased in own])


async def held_blocks(uow: UnitOfWork, *, device_id: DeviceId) -> list[LeasedBlock]:
    blocks = await number_blocks.blocks_of_device(uow, device_id)
    return [LeasedBlock(block_id, block) for block_id, block in blocks.items()]


async def return_block(block_id: UUID, uow: UnitOfWork, *, reason: str, device_id: DeviceId) -> LeasedBlock | Refusal:
    """Unused numbers become void with this reason."""
    block = await number_blocks.lock_block(uow, block_id)
    if not block or block.device_id != device_id:
        return NO_BLOCK
    returned = number_rules.return_block(block, reason=reason, now=uow.now)
    if isinstance(returned, Refusal):
        return returned
    newly_void = returned.voided[len(block.voided) :]
    spent = [SpentNumber(block_id, Number(block.series, block.year, serial), why) for serial, why in newly_void]
    await number_blocks.return_block(uow, block_id)
    uow.write_later(number_statements.insert_spent(spent, now=uow.now))
    return LeasedBlock(block_id, returned)


async def void_number(text: str, uow: UnitOfWork, *, reason: str, device_id: DeviceId) -> Refusal | None:
    """Voids an unusable number. A second request for the same number is refused as taken, and harmless."""
    number = parse_number(text)
    if isinstance(number, Refusal):
        return number
    return await _spend(number, uow, reason=reason, device_id=device_id)


async def use_number(text: str, uow: UnitOfWork, *, series: NumberSeries, device_id: DeviceId) -> Refusal | None:
    """Uses a number for something that is not an entry of a case, such as the receipt of a refund."""
    parsed = parse_numbers([(text, series)])
    return parsed if isinstance(parsed, Refusal) else await _spend(parsed[0], uow, reason=None, device_id=device_id)


async def _spend(number: Number, uow: UnitOfWork, *, reason: str | None, device_id: DeviceId) -> Refusal | None:
    """With a reason the number becomes void, else used."""
    blocks, _ = await number_statements.lock_blocks_of(uow, [number])
    for block_id, block in blocks.items():
        serial = number.serial
        outcome = (
            void(block, serial, reason=reason, device_id=device_id)
            if reason
            else spend(block, serial, device_id=device_id)
        )
        if isinstance(outcome, Refusal):
            return outcome
        spent = [SpentNumber(block_id, number, reason)]
        uow.write_later(number_statements.insert_spent(spent, now=uow.now))
        return None
    return NUMBER_NOT_IN_BLOCK

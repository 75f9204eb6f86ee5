"""Blocks of numbers: leased before a stand, used on it, given back with an account after it."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.kernel.refusal import Refusal

from intake.domain.catalogue.due import VIENNA
from intake.domain.numbers import (
    BLOCK_SIZE,
    Account,
    Block,
    Number,
    Series,
    account,
    give_back,
    lease,
    read_all,
    read_number,
    use,
    void,
)
from intake.domain.refusals import BLOCK_OF_OTHERS, NO_BLOCK, NOT_ENROLLED, NUMBER_NOT_IN_BLOCK, TOO_MANY_BLOCKS
from intake.store import devices, documents, numbers
from intake.store.numbers import Gone

MAX_BLOCKS = 20  # of one series that a device may hold: a thousand numbers


@dataclass(frozen=True, slots=True)
class Leased:
    """`left`: what is neither used nor void."""

    id: UUID
    block: Block

    @property
    def left(self) -> list[Number]:
        gone = self.block.used | {serial for serial, _ in self.block.voided}
        return [number for number in self.block.numbers() if number.serial not in gone]


async def lease_block(
    block_id: UUID, work: Work, *, series: Series, device_id: DeviceId, stand_id: StandId
) -> Leased | Refusal:
    """The same `block_id` again gets the same block: a lost answer costs no numbers."""
    if not await devices.device_enrolled(work, device_id):
        return NOT_ENROLLED
    before = await numbers.lock_block(work, block_id)
    if before:
        return Leased(block_id, before) if before.device_id == device_id else BLOCK_OF_OTHERS
    held = await held_blocks(work, device_id=device_id)
    if sum(bool(one.left) for one in held if one.block.series is series) >= MAX_BLOCKS:
        return TOO_MANY_BLOCKS
    year = work.now.astimezone(VIENNA).year
    places = await documents.next_serials(work, BLOCK_SIZE) if series is Series.DOCUMENT else []
    block = lease(
        series,
        year=year,
        next_serial=await numbers.advance_series(work, series, year=year, size=BLOCK_SIZE),
        stand_id=stand_id,
        device_id=device_id,
        now=work.now,
        places=tuple(places),
    )
    await numbers.add_block(work, block_id, block)
    return Leased(block_id, block)


async def put_back_blocks(leased: Iterable[Leased], work: Work, *, device_id: DeviceId) -> int | Refusal:
    """After a restore: blocks that were leased later than the backup was made. How many had been forgotten."""
    if not await devices.device_enrolled(work, device_id):
        return NOT_ENROLLED
    back = [await numbers.put_back_block(work, one.id, one.block) for one in leased if one.block.device_id == device_id]
    return sum(back)


async def held_blocks(work: Work, *, device_id: DeviceId) -> list[Leased]:
    return [Leased(block_id, block) for block_id, block in (await numbers.blocks_of_device(work, device_id)).items()]


async def return_block(block_id: UUID, work: Work, *, reason: str, device_id: DeviceId) -> Leased | Refusal:
    """What was not used is void with this reason."""
    block = await numbers.lock_block(work, block_id)
    if not block or block.device_id != device_id:
        return NO_BLOCK
    returned = give_back(block, reason=reason, now=work.now)
    if isinstance(returned, Refusal):
        return returned
    fresh = returned.voided[len(block.voided) :]
    gone = [Gone(block_id, Number(block.series, block.year, serial), why) for serial, why in fresh]
    await numbers.return_block(work, block_id)
    await numbers.add_gone(work, gone)
    return Leased(block_id, returned)


async def void_number(text: str, work: Work, *, reason: str, device_id: DeviceId) -> Refusal | None:
    """A number that was spoilt. A second order for the same is refused as taken, and harmless."""
    number = read_number(text)
    if isinstance(number, Refusal):
        return number
    return await _take(number, work, reason=reason, device_id=device_id)


async def use_number(text: str, work: Work, *, series: Series, device_id: DeviceId) -> Refusal | None:
    """A number that was given out with something that is no entry of a case."""
    read = read_all([(text, series)])
    return read if isinstance(read, Refusal) else await _take(read[0], work, reason=None, device_id=device_id)


async def _take(number: Number, work: Work, *, reason: str | None, device_id: DeviceId) -> Refusal | None:
    for block_id, block in (await numbers.lock_blocks_of(work, [number])).items():
        serial = number.serial
        taken = (
            void(block, serial, reason=reason, device_id=device_id)
            if reason
            else use(block, serial, device_id=device_id)
        )
        if isinstance(taken, Refusal):
            return taken
        await numbers.add_gone(work, [Gone(block_id, number, reason)])
        return None
    return NUMBER_NOT_IN_BLOCK


async def report(work: Work, *, series: Series, year: int) -> tuple[Account, list[Leased]]:
    """The account of a series, and its blocks in order."""
    blocks = await numbers.blocks_of_series(work, series, year=year)
    following = await numbers.next_serial(work, series, year=year)
    return account(blocks.values(), next_serial=following), [Leased(*one) for one in blocks.items()]

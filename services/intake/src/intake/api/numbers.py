"""Blocks of file, receipt and document numbers, so that a device can number without a network."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from wanderamt.kernel.line_text import LineText
from wanderamt.shell.http import Transaction
from wanderamt.shell.large_bodies import MIB, max_body
from wanderamt.shell.problems import RefusalError, or_refuse

from intake.api.dependencies import Context, NumberAuditor, NumberLessee
from intake.domain.numbers import MAX_SERIAL, Number, NumberSeries
from intake.domain.refusals import LEASE_FORGED
from intake.handlers import numbers as number_handlers
from intake.handlers.numbers import LeasedBlock
from intake.signing.authority import Authority
from intake.signing.number_lease import sign_lease, verify_lease
from intake.store.number_statements import audit_series

Year = Annotated[int, Path(ge=2000, le=2200)]
After = Annotated[
    int, Query(ge=0, le=MAX_SERIAL, description="The last serial of the answer before; 0 begins with the first.")
]

router = APIRouter(tags=["numbers"])


class LeaseBlockIn(BaseModel):
    """`block_id`: made by the device. The same id again gets the same block."""

    model_config = ConfigDict(extra="forbid")

    block_id: UUID
    series: NumberSeries


class NumberBlockOut(BaseModel):
    """`numbers`: the unused numbers in order, as printed. `places`: their indexes in the status list.

    `lease`: the block, signed. A device keeps it, and shows it to a server that was restored from a backup.
    """

    block_id: UUID
    series: NumberSeries
    leased_at: datetime
    returned_at: datetime | None
    numbers: list[str] = Field(examples=[["UK-2026-0000001-3", "UK-2026-0000002-1"]])
    places: list[int] = Field(description="For document numbers only; empty for other series.")
    lease: str


class RestoreBlocksIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    leases: list[Annotated[str, Field(max_length=4000)]] = Field(min_length=1, max_length=200)


class RestoredBlocksOut(BaseModel):
    """`restored`: the number of blocks that the server had lost."""

    restored: int


class ReturnBlockIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: LineText = Field(min_length=1, max_length=200, examples=["stand closed"])


class VoidNumberIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: str = Field(max_length=40, examples=["UK-2026-0000001-3"])
    reason: LineText = Field(min_length=1, max_length=200, examples=["misprinted"])


class NumberGapOut(BaseModel):
    number: str
    reason: str


class NumberAuditOut(BaseModel):
    """Every number given to a block is used, void with a reason, or outstanding; `unexplained` must be empty.

    `gaps` and `unexplained` have at most 1,000 members each: those with the lowest serials behind `after`.
    """

    series: NumberSeries
    year: int
    used: int
    outstanding: int
    voided: int
    unexplained: list[int]
    gaps: list[NumberGapOut]


@router.post("/numbers/blocks", status_code=201)
async def lease_block(order: LeaseBlockIn, caller: NumberLessee, uow: Transaction, context: Context) -> NumberBlockOut:
    """Leases the next 50 numbers of a series to the device that the token names."""
    block = or_refuse(
        await number_handlers.lease_block(
            order.block_id,
            uow,
            series=order.series,
            device_id=caller.device_id,
            stand_id=caller.stand_id,
            zone=context.catalogue.calendar.zone,
        )
    )
    return number_block_out(block, context.authority)


@router.get("/numbers/blocks")
async def list_held_blocks(caller: NumberLessee, uow: Transaction, context: Context) -> list[NumberBlockOut]:
    """The blocks that the device has not returned yet."""
    blocks = await number_handlers.held_blocks(uow, device_id=caller.device_id)
    return [number_block_out(block, context.authority) for block in blocks]


@router.post("/numbers/blocks/{block_id}/return")
async def return_block(
    block_id: UUID, order: ReturnBlockIn, caller: NumberLessee, uow: Transaction, context: Context
) -> NumberBlockOut:
    """Returns a block after the device has sent everything. Unused numbers become void with the reason."""
    block = or_refuse(
        await number_handlers.return_block(block_id, uow, reason=order.reason, device_id=caller.device_id)
    )
    return number_block_out(block, context.authority)


async def _leases_of_caller(caller: NumberLessee, order: RestoreBlocksIn, context: Context) -> list[LeasedBlock]:
    """Raises RefusalError when one of the leases is not ours, or belongs to another device."""
    leases = [verify_lease(lease, context.trusted) for lease in order.leases]
    own = [LeasedBlock(*lease) for lease in leases if lease and lease[1].device_id == caller.device_id]
    if len(own) < len(leases):
        raise RefusalError(LEASE_FORGED)
    return own


@router.post("/numbers/blocks/restore", openapi_extra=max_body(MIB))
async def restore_blocks(
    caller: NumberLessee, blocks: Annotated[list[LeasedBlock], Depends(_leases_of_caller)], uow: Transaction
) -> RestoredBlocksOut:
    """After the server was restored: brings back blocks that were leased after the backup was made."""
    restored = or_refuse(await number_handlers.restore_blocks(blocks, uow, device_id=caller.device_id))
    return RestoredBlocksOut(restored=restored)


@router.post("/numbers/void", status_code=204)
async def void_number(order: VoidNumberIn, caller: NumberLessee, uow: Transaction) -> None:
    """Voids a number that cannot be used, for example after a misprint."""
    or_refuse(await number_handlers.void_number(order.number, uow, reason=order.reason, device_id=caller.device_id))


@router.get("/numbers/{series}/{year}")
async def audit_numbers(
    series: NumberSeries, year: Year, _: NumberAuditor, uow: Transaction, after: After = 0
) -> NumberAuditOut:
    """Where every number of a series went, with the gaps behind `after` and their reasons."""
    audit = await audit_series(uow, series, year=year, after=after)
    gaps = [NumberGapOut(number=str(Number(series, year, serial)), reason=reason) for serial, reason in audit.gaps]
    return NumberAuditOut(
        series=series,
        year=year,
        used=audit.used,
        outstanding=audit.outstanding,
        voided=audit.voided,
        unexplained=list(audit.unexplained),
        gaps=gaps,
    )


def number_block_out(leased: LeasedBlock, authority: Authority) -> NumberBlockOut:
    block = leased.block
    indexes = [block.status_list_index(number.serial) for number in leased.left]
    return NumberBlockOut(
        block_id=leased.id,
        series=block.series,
        leased_at=block.leased_at,
        returned_at=block.returned_at,
        numbers=[str(number) for number in leased.left],
        places=[index for index in indexes if index is not None],
        lease=sign_lease(leased.id, block, authority),
    )

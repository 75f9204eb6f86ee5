"""Blocks of file, receipt and document numbers, so that a device can number without network."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from wanderamt.backbone.database import Database
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller
from wanderamt.shell.http import only
from wanderamt.shell.problems import Refused

from intake.api.outcome import at_stand, told
from intake.domain.numbers import Number, Series
from intake.domain.refusals import LEASE_FORGED
from intake.handlers import numbers
from intake.handlers.numbers import Leased
from intake.proof.authority import Authority, Trust
from intake.proof.lease import read_lease, sign_lease

Year = Annotated[int, Path(ge=2000, le=2200)]


class LeaseIn(BaseModel):
    """`block_id`: made by the device. The same id again gets the same block."""

    model_config = ConfigDict(extra="forbid")

    block_id: UUID
    series: Series


class BlockOut(BaseModel):
    """`numbers`: those that may still be used, in order, as they are printed; `places`: theirs in the status list.

    `lease`: the same, signed. A device keeps it, and shows it to a server that was restored from a backup.
    """

    block_id: UUID
    series: Series
    leased_at: datetime
    returned_at: datetime | None
    numbers: list[str] = Field(examples=[["UK-2026-0000001-3", "UK-2026-0000002-1"]])
    places: list[int] = Field(description="Of papers alone; else empty.")
    lease: str


class LeasesIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    leases: list[Annotated[str, Field(max_length=4000)]] = Field(min_length=1, max_length=200)


class PutBackOut(BaseModel):
    """`put_back`: how many blocks had been forgotten."""

    put_back: int


class ReturnIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=200, examples=["stand closed"])


class VoidIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: str = Field(max_length=40, examples=["UK-2026-0000001-3"])
    reason: str = Field(min_length=1, max_length=200, examples=["misprinted"])


class GapOut(BaseModel):
    number: str
    reason: str


class AccountOut(BaseModel):
    """Every number given to a block is used, void with a reason, or still out; `unexplained` is empty."""

    series: Series
    year: int
    used: int
    outstanding: int
    voided: int
    unexplained: list[int]
    gaps: list[GapOut]


def number_routes(database: Database, authority: Authority, trusted: list[Trust]) -> APIRouter:
    """`trusted`: certificates under which a lease may have been signed."""
    router = APIRouter(tags=["numbers"])

    @router.post("/numbers/blocks", status_code=201)
    async def lease(order: LeaseIn, caller: Caller = only(Role.CLERK)) -> BlockOut:
        """Leases the next 50 numbers of a series to the device of the token."""
        device_id, stand_id = at_stand(caller)
        async with database.work() as work:
            leased = await numbers.lease_block(
                order.block_id, work, series=order.series, device_id=device_id, stand_id=stand_id
            )
            return block_out(told(leased), authority)

    @router.get("/numbers/blocks")
    async def held(caller: Caller = only(Role.CLERK)) -> list[BlockOut]:
        """The blocks that the device of the token has not given back."""
        device_id, _ = at_stand(caller)
        async with database.work() as work:
            return [block_out(one, authority) for one in await numbers.held_blocks(work, device_id=device_id)]

    @router.post("/numbers/blocks/{block_id}/return")
    async def give_back(block_id: UUID, order: ReturnIn, caller: Caller = only(Role.CLERK)) -> BlockOut:
        """Gives a block back after the device has sent everything. What was not used is void with the reason."""
        device_id, _ = at_stand(caller)
        async with database.work() as work:
            returned = await numbers.return_block(block_id, work, reason=order.reason, device_id=device_id)
            return block_out(told(returned), authority)

    @router.post("/numbers/blocks/put-back")
    async def put_back(order: LeasesIn, caller: Caller = only(Role.CLERK)) -> PutBackOut:
        """After a restore: what was leased to the device of the token later than the backup was made."""
        device_id, _ = at_stand(caller)
        read = [read_lease(lease, trusted) for lease in order.leases]
        leased = [Leased(*one) for one in read if one and one[1].device_id == device_id]
        if len(leased) < len(read):
            raise Refused(LEASE_FORGED)
        async with database.work() as work:
            return PutBackOut(put_back=told(await numbers.put_back_blocks(leased, work, device_id=device_id)))

    @router.post("/numbers/void", status_code=204)
    async def void(order: VoidIn, caller: Caller = only(Role.CLERK)) -> None:
        """A number that was spoilt before it was used: misprinted, torn."""
        device_id, _ = at_stand(caller)
        async with database.work() as work:
            told(await numbers.void_number(order.number, work, reason=order.reason, device_id=device_id))

    @router.get("/numbers/{series}/{year}")
    async def account(
        series: Series,
        year: Annotated[int, Path(ge=2000, le=2200)],
        _: Caller = only(Role.CLERK, Role.PLANNER, Role.OPERATOR),
    ) -> AccountOut:
        """Where every number of a series went, gap by gap."""
        async with database.work() as work:
            found, blocks = await numbers.report(work, series=series, year=year)
        gaps = [
            GapOut(number=str(Number(series, year, serial)), reason=reason)
            for one in blocks
            for serial, reason in one.block.voided
        ]
        return AccountOut(
            series=series,
            year=year,
            used=found.used,
            outstanding=found.outstanding,
            voided=found.voided,
            unexplained=list(found.unexplained),
            gaps=gaps,
        )

    return router


def block_out(leased: Leased, authority: Authority) -> BlockOut:
    block = leased.block
    places = [block.place_of(number.serial) for number in leased.left]
    return BlockOut(
        block_id=leased.id,
        series=block.series,
        leased_at=block.leased_at,
        returned_at=block.returned_at,
        numbers=[str(number) for number in leased.left],
        places=[place for place in places if place is not None],
        lease=sign_lease(leased.id, block, authority),
    )

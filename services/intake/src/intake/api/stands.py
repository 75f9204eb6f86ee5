"""The stands that scheduling has announced, as far as intake needs them."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel
from wanderamt.shell.http import Transaction

from intake.api.dependencies import AnyStaff
from intake.store import stands as stand_store

router = APIRouter(tags=["field"])


class StandSummaryOut(BaseModel):
    stand_id: UUID
    place: str
    starts_at: datetime
    ends_at: datetime
    cancelled: bool


@router.get("/stands")
async def list_stands(_: AnyStaff, uow: Transaction) -> list[StandSummaryOut]:
    return [
        StandSummaryOut(
            stand_id=stand.id,
            place=stand.place,
            starts_at=stand.starts_at,
            ends_at=stand.ends_at,
            cancelled=stand.cancelled,
        )
        for stand in await stand_store.all_stands(uow)
    ]

"""The stands that scheduling has announced, as far as intake needs them."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from wanderamt.shell.http import Transaction

from intake.api.dependencies import StandLister
from intake.store import stands as stand_store

router = APIRouter(tags=["field"])


class StandSummaryOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    stand_id: UUID
    place: str
    starts_at: datetime
    ends_at: datetime
    cancelled: bool


@router.get("/stands")
async def list_stands(_: StandLister, uow: Transaction) -> list[StandSummaryOut]:
    return [StandSummaryOut.model_validate(stand) for stand in await stand_store.all_stands(uow)]

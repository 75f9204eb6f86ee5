"""Counts the opened cases per service of the authority: each case once, however often Kafka delivers its event."""

from uuid import UUID

from fastapi import APIRouter
from sqlmodel import Field, SQLModel, func, select
from wanderamt.backbone.messaging.consumer import EventConsumer
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import CaseOpened
from wanderamt.shell.http import Transaction
from wanderamt.shell.service import Service, ServiceContext
from wanderamt.shell.settings import ServiceSettings

consumer = EventConsumer("case-counter")
router = APIRouter()


class OpenedCase(SQLModel, table=True):
    case_id: UUID = Field(primary_key=True)
    service: str


@consumer.on(CaseOpened)
async def on_case_opened(event: CaseOpened, uow: UnitOfWork) -> None:
    uow.session.add(OpenedCase(case_id=event.case_id, service=event.service))


@router.get("/opened-cases")
async def opened_cases(uow: Transaction) -> dict[str, int]:
    counts = select(OpenedCase.service, func.count()).group_by(OpenedCase.service)
    return dict((await uow.session.exec(counts)).all())


def build() -> Service:
    context = ServiceContext.create("case-counter", ServiceSettings(), tables=SQLModel.metadata)
    context.http.include_router(router)
    return Service(context, {"inbox": context.inbox(consumer)})

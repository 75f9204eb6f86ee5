"""Availability of registers and the state of requests over HTTP."""

from datetime import datetime
from uuid import UUID

from connector_kit.resilience.availability import AvailabilityStatus
from fastapi import APIRouter
from pydantic import BaseModel
from wanderamt.kernel.ids import RequestId
from wanderamt.shell.http import Transaction
from wanderamt.shell.problems import or_refuse

from registry_bridge.api.dependencies import Context, RegisterReader, RequestReader
from registry_bridge.handlers.availability import register_availability
from registry_bridge.handlers.requests import get_request

router = APIRouter(tags=["registers"])


class RegisterStatusOut(BaseModel):
    """Availability of a register. `wait_s`: estimated seconds until the answer to a question asked now."""

    register_name: str
    status: AvailabilityStatus
    waiting: int
    oldest: datetime | None
    wait_s: float
    reason: str


class RegisterRequestOut(BaseModel):
    """A request without personal data."""

    request_id: UUID
    case_id: UUID
    register_name: str
    operation: str
    purpose: str
    state: str
    outcome: str | None
    asked_at: datetime
    answered_at: datetime | None
    code: str


@router.get("/registers")
async def list_registers(_: RegisterReader, context: Context, uow: Transaction) -> list[RegisterStatusOut]:
    """The availability of each register: what a crew checks before it promises something."""
    availability = await register_availability(uow, manifests=context.manifests)
    return [
        RegisterStatusOut(
            register_name=name,
            status=register.status,
            waiting=register.waiting,
            oldest=register.oldest_at,
            wait_s=register.wait_s,
            reason=register.reason,
        )
        for name, register in availability.items()
    ]


@router.get("/requests/{request_id}")
async def show_request(request_id: UUID, _: RequestReader, uow: Transaction) -> RegisterRequestOut:
    request = or_refuse(await get_request(RequestId(request_id), uow))
    return RegisterRequestOut(
        request_id=request.id,
        case_id=request.case_id,
        register_name=request.register,
        operation=request.operation,
        purpose=request.purpose,
        state=request.state,
        outcome=request.outcome,
        asked_at=request.asked_at,
        answered_at=request.answered_at,
        code=request.code,
    )

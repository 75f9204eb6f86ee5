"""The operators' list of field devices: enrol, show, revoke."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from wanderamt.kernel.ids import DeviceId
from wanderamt.kernel.line_text import LineText
from wanderamt.shell.http import Transaction
from wanderamt.shell.problems import or_refuse

from intake.api.dependencies import Context, DeviceEnroller, DeviceLister, DeviceRevoker
from intake.handlers import enrolment
from intake.store.enrolment import all_devices

router = APIRouter(tags=["devices"])


class DeviceIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    device_id: UUID
    label: LineText = Field(min_length=1, max_length=100, examples=["Tablet 3"])


class DeviceOut(BaseModel):
    """`clock_off_s`: seconds that its clock was ahead at the last sync; null when it never sent its time."""

    model_config = ConfigDict(from_attributes=True)

    device_id: UUID
    label: str
    enrolled_at: datetime
    revoked_at: datetime | None
    durable_through: int
    clock_off_s: int | None
    heard_at: datetime | None


@router.post("/devices", status_code=201)
async def enrol_device(device: DeviceIn, caller: DeviceEnroller, uow: Transaction, context: Context) -> DeviceIn:
    """Enrols a device, or enrols it again after a revocation."""
    enrolled = await enrolment.enrol_device(
        DeviceId(device.device_id), uow, label=device.label, officer=caller.subject, cipher=context.cipher
    )
    or_refuse(enrolled)
    return device


@router.get("/devices")
async def list_devices(_: DeviceLister, uow: Transaction) -> list[DeviceOut]:
    """All devices: up to which entry each is synchronised, and how far its clock is off."""
    return [DeviceOut.model_validate(device) for device in await all_devices(uow)]


@router.post("/devices/{device_id}/revoke", status_code=204)
async def revoke_device(device_id: UUID, caller: DeviceRevoker, uow: Transaction, context: Context) -> None:
    """Refuses everything from this device from now on, for example when it is lost."""
    or_refuse(await enrolment.revoke_device(DeviceId(device_id), uow, officer=caller.subject, cipher=context.cipher))

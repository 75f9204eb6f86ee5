"""Enrolled devices, their keys, and the codes that enrol one."""

from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, func, select, update
from wanderamt.backbone.persistence.tables import columns_of, value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import DeviceId

from intake.domain.enrolment import DeviceKey, DeviceListing, EnrolmentCode, thumbprint_of
from intake.tables import DeviceRow, EnrolmentCodeRow, EntryRow


async def all_devices(uow: UnitOfWork) -> list[DeviceListing]:
    by_label = select(DeviceRow).order_by(DeviceRow.label, col(DeviceRow.device_id))
    return [value_of(DeviceListing, row) for row in await uow.session.exec(by_label)]


async def insert_device(uow: UnitOfWork, device_id: DeviceId, *, label: str, officer: str) -> bool:
    """False if the device is known; then nothing changes."""
    enrolled = insert(DeviceRow).values(device_id=device_id, label=label, enrolled_by=officer, enrolled_at=uow.now)
    return (await uow.session.exec(enrolled.on_conflict_do_nothing())).rowcount == 1


async def enrol_device(uow: UnitOfWork, device_id: DeviceId, *, label: str, officer: str) -> None:
    enrolled = insert(DeviceRow).values(device_id=device_id, label=label, enrolled_by=officer, enrolled_at=uow.now)
    again = {"label": label, "revoked_at": None}
    await uow.session.exec(enrolled.on_conflict_do_update(index_elements=["device_id"], set_=again))


async def revoke_device(uow: UnitOfWork, device_id: DeviceId) -> bool:
    """False for an unknown device."""
    revoked = update(DeviceRow).where(col(DeviceRow.device_id) == device_id).values(revoked_at=uow.now)
    return (await uow.session.exec(revoked)).rowcount == 1


async def lift_revocation(uow: UnitOfWork, device_id: DeviceId) -> datetime | None:
    """When the device, whose id is locked, was revoked; None: it is not. Before the commit, `restore_revocation`."""
    known = select(DeviceRow.revoked_at).where(DeviceRow.device_id == device_id)
    revoked_at = (await uow.session.exec(known)).first()
    if revoked_at:
        await restore_revocation(uow, device_id, None)
    return revoked_at


async def restore_revocation(uow: UnitOfWork, device_id: DeviceId, revoked_at: datetime | None) -> None:
    revoked = update(DeviceRow).where(col(DeviceRow.device_id) == device_id).values(revoked_at=revoked_at)
    await uow.session.exec(revoked)


async def insert_code(uow: UnitOfWork, code: bytes, made: EnrolmentCode) -> None:
    await uow.session.exec(insert(EnrolmentCodeRow).values(code=code, made_at=uow.now, **columns_of(made)))


async def end_codes_for(uow: UnitOfWork, device_id: DeviceId) -> None:
    """Codes that were made for the device are over: as if they had expired at once, whatever the clock of the process
    that reads them."""
    made = update(EnrolmentCodeRow).where(col(EnrolmentCodeRow.made_for) == device_id)
    await uow.session.exec(made.values(expires_at=EnrolmentCodeRow.made_at))


async def lock_code(uow: UnitOfWork, code: bytes) -> EnrolmentCode | None:
    row = await uow.session.get(EnrolmentCodeRow, code, with_for_update=True)
    return value_of(EnrolmentCode, row) if row else None


async def mark_code_used(uow: UnitOfWork, code: bytes, device_id: DeviceId) -> None:
    used = update(EnrolmentCodeRow).where(col(EnrolmentCodeRow.code) == code).values(used_by=device_id)
    await uow.session.exec(used)


async def save_key(uow: UnitOfWork, device_id: DeviceId, public_key: str) -> None:
    """A session whose token names another thumbprint than the device's is over."""
    values = {"public_key": public_key, "key_thumbprint": thumbprint_of(public_key)}
    await uow.session.exec(update(DeviceRow).where(col(DeviceRow.device_id) == device_id).values(values))


async def find_key(uow: UnitOfWork, device_id: DeviceId) -> DeviceKey | None:
    row = (await uow.session.exec(select(DeviceRow).where(DeviceRow.device_id == device_id))).first()
    return DeviceKey(device_id, row.label, row.public_key, bool(row.revoked_at)) if row else None


async def last_device_seq(uow: UnitOfWork, device_id: DeviceId) -> int:
    """The highest stored sequence of the device, 0 for none."""
    last = select(func.max(EntryRow.device_seq)).where(EntryRow.device_id == device_id)
    return (await uow.session.exec(last)).one() or 0

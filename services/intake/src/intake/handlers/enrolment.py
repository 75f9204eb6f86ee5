"""Enrolment of devices: by an operator, or by a code; and the sessions that clerks begin with a device."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import FieldCipher

from intake.domain.enrolment import (
    CODE_VALIDITY,
    SESSION_DURATION,
    DeviceKey,
    canonical_jwk,
    check_enrolment,
    check_session,
    format_code,
    normalize_code,
)
from intake.domain.refusals import NO_DEVICE, NO_SESSION_STAND
from intake.domain.report import StandCopy
from intake.handlers.bundle import VALID_AFTER_STAND
from intake.store import enrolment, stands


@dataclass(frozen=True, slots=True)
class FieldSession:
    """What a clerk needs to work with a device at a stand. `outbox_key`: 32 bytes, encrypts the device's outbox."""

    device: DeviceKey
    stand: StandCopy
    outbox_key: bytes
    until: datetime


async def enrol_device(device_id: DeviceId, uow: UnitOfWork, *, label: str, officer: str) -> None:
    await enrolment.enrol_device(uow, device_id, label=label, officer=officer)


async def revoke_device(device_id: DeviceId, uow: UnitOfWork) -> Refusal | None:
    return None if await enrolment.revoke_device(uow, device_id) else NO_DEVICE


async def create_enrolment_code(
    uow: UnitOfWork, *, label: str, officer: str, cipher: FieldCipher
) -> tuple[str, datetime]:
    """The code and its expiry. Only a keyed hash of the code is stored."""
    code = format_code(cipher.keyed_hash(b"invitation." + uow.new_id().bytes))
    expires_at = uow.now + CODE_VALIDITY
    await enrolment.insert_code(uow, _code_hash(code, cipher), label=label, made_by=officer, expires_at=expires_at)
    return code, expires_at


async def enrol_by_code(
    code: str, device_id: DeviceId, jwk: dict[str, Any], uow: UnitOfWork, *, cipher: FieldCipher
) -> str | Refusal:
    """Returns the label of the device. `jwk`: its public key. Raises ValueError for an invalid key."""
    key = canonical_jwk(jwk)
    code_hash = _code_hash(code, cipher)
    enrolment_code = await enrolment.lock_code(uow, code_hash)
    known = await enrolment.find_key(uow, device_id)
    if refusal := check_enrolment(enrolment_code, device_id, known=known, key=key, now=uow.now):
        return refusal
    assert enrolment_code  # noqa: S101 -- without a code the check refuses
    await enrolment.enrol_device(uow, device_id, label=enrolment_code.label, officer="by code")
    await enrolment.save_key(uow, device_id, key)
    await enrolment.mark_code_used(uow, code_hash, device_id)
    return enrolment_code.label


async def begin_session(
    device_id: DeviceId, stand_id: StandId, uow: UnitOfWork, *, shown: str, cipher: FieldCipher
) -> FieldSession | Refusal:
    """`shown`: thumbprint of the key that the request proved to hold."""
    device = await enrolment.find_key(uow, device_id)
    if refusal := check_session(device, shown=shown):
        return refusal
    assert device  # noqa: S101 -- the check refuses an unknown device
    stand = await stands.find_stand(uow, stand_id)
    if not stand or stand.cancelled or not stand.ends_at or stand.ends_at + VALID_AFTER_STAND <= uow.now:
        return NO_SESSION_STAND
    return FieldSession(device, stand, outbox_key(device_id, cipher), uow.now + SESSION_DURATION)


async def has_lost_entries(acked: int, uow: UnitOfWork, *, device_id: DeviceId) -> bool:
    """Whether the server answered more entries of the device than it holds now: a backup was restored.

    `acked`: the highest device sequence that was ever answered.
    """
    return acked > 0 and await enrolment.last_device_seq(uow, device_id) < acked


def outbox_key(device_id: DeviceId, cipher: FieldCipher) -> bytes:
    """Always the same for a device, so that the server can read an export when the device no longer can send it."""
    return cipher.keyed_hash(b"outbox." + device_id.bytes)


def _code_hash(code: str, cipher: FieldCipher) -> bytes:
    return cipher.keyed_hash(b"code." + normalize_code(code).encode())

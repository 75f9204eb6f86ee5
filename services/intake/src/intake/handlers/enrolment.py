"""Enrolment of devices: by an operator, or by a code; and the sessions that clerks begin with a device."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from wanderamt.backbone.persistence import audit, cut_offs
from wanderamt.backbone.persistence.audit import AuditRecord
from wanderamt.backbone.persistence.rate_limits import RateLimit, add_uses, find_reached
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import CutOffKind
from wanderamt.kernel.caller_ids import repeated
from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import FieldCipher
from wanderamt.security.policy import Action

from intake.domain.enrolment import (
    CODE_VALIDITY,
    SESSION_DURATION,
    DeviceKey,
    EnrolmentCode,
    canonical_jwk,
    check_enrolment,
    check_session,
    format_code,
    is_enrolled_by,
    normalize_code,
)
from intake.domain.refusals import DEVICE_KNOWN, NO_DEVICE, NO_SESSION_STAND, TOO_MANY_CODES
from intake.domain.report import StandCopy
from intake.handlers.bundle import VALID_AFTER_STAND
from intake.store import enrolment, number_statements, sessions, stands
from intake.store.sessions import StoredSession

WRONG_CODES, WRONG_CODES_WINDOW = 20, timedelta(minutes=15)  # from one network


@dataclass(frozen=True, slots=True)
class FieldSession:
    """What a clerk needs to work with a device at a stand. `outbox_key`: 32 bytes, encrypts the device's outbox."""

    device: DeviceKey
    stand: StandCopy
    outbox_key: bytes
    until: datetime
    session_id: UUID


async def enrol_device(
    device_id: DeviceId, uow: UnitOfWork, *, label: str, officer: str, cipher: FieldCipher
) -> Refusal | None:
    """Enrols a new device, or a revoked one again. The id of an enrolled device cannot get another label."""
    await uow.lock_id("device", device_id)
    known = await enrolment.find_key(uow, device_id)
    if known and not known.revoked:
        outcome = repeated(known, first=(known.label,), now=(label,))
        return outcome if isinstance(outcome, Refusal) else None
    await enrolment.enrol_device(uow, device_id, label=label, officer=officer)
    await _admit(device_id, uow, by=officer, cipher=cipher)
    await audit.record(uow, AuditRecord(officer, Action.ENROL_DEVICE, str(device_id)))
    return None


async def revoke_device(
    device_id: DeviceId, uow: UnitOfWork, *, officer: str, reason: str = "", cipher: FieldCipher
) -> Refusal | None:
    """Its open codes, its sessions and its unspent numbers end for good: to enrol it again brings back none."""
    await enrolment.end_codes_for(uow, device_id)
    await uow.lock_id("device", device_id)  # the same order as by code
    await number_statements.suspend_blocks(uow, device_id)
    if not await enrolment.revoke_device(uow, device_id):  # after the blocks, as a sync
        return NO_DEVICE
    sessions_over = await sessions.end_sessions_of_device(uow, device_id)
    over = [(CutOffKind.DEVICE, device_id), *((CutOffKind.SESSION, session_id) for session_id in sessions_over)]
    for kind, id_ in over:
        await cut_offs.cut_off(
            uow, kind, str(id_), by=officer, reason=reason or "revoked", keyed_hash=cipher.keyed_hash
        )
    await audit.record(uow, AuditRecord(officer, Action.REVOKE_DEVICE, str(device_id), reason=reason))
    return None


async def create_enrolment_code(
    uow: UnitOfWork, *, label: str, officer: str, cipher: FieldCipher, device_id: DeviceId | None = None
) -> tuple[str, datetime] | Refusal:
    """The code and its expiry. Only a keyed hash of the code is stored.

    `device_id`: the known device that gets a new key; None: a new device. `label`: empty keeps that of the device.
    """
    known = await enrolment.find_key(uow, device_id) if device_id else None
    if device_id and not known:
        return NO_DEVICE
    code = format_code(cipher.keyed_hash(b"invitation." + uow.new_id().bytes))
    made = EnrolmentCode(
        label=label or (known.label if known else ""),
        made_by=officer,
        expires_at=uow.now + CODE_VALIDITY,
        made_for=device_id,
    )
    await enrolment.insert_code(uow, _code_hash(code, cipher), made)
    await audit.record(uow, AuditRecord(officer, Action.ENROL_DEVICE, str(device_id or ""), details={"made": "code"}))
    return code, made.expires_at


async def enrol_by_code(
    code: str, device_id: DeviceId, jwk: dict[str, Any], uow: UnitOfWork, *, network: str, cipher: FieldCipher
) -> str | Refusal:
    """Returns the label of the device. `jwk`: its public key. Raises ValueError for an invalid key.

    `network`: of the client. Commit also after a refusal: wrong codes count against the network.
    """
    key = canonical_jwk(jwk)
    by_network = cipher.keyed_hash(f"enrol from:{network}".encode())
    if await find_reached(uow, [RateLimit(by_network, WRONG_CODES, WRONG_CODES_WINDOW)]):
        return TOO_MANY_CODES
    label = await _enrol_by_code(code, device_id, key, uow, cipher)
    if isinstance(label, Refusal):
        await add_uses(uow, [by_network])
    return label


async def _enrol_by_code(
    code: str, device_id: DeviceId, key: str, uow: UnitOfWork, cipher: FieldCipher
) -> str | Refusal:
    code_hash = _code_hash(code, cipher)
    enrolment_code = await enrolment.lock_code(uow, code_hash)
    await uow.lock_id("device", device_id)
    known = await enrolment.find_key(uow, device_id)
    if known and is_enrolled_by(enrolment_code, device_id, known=known, key=key):
        return known.label
    if refusal := check_enrolment(enrolment_code, device_id, known=known, now=uow.now):
        return refusal
    assert enrolment_code  # noqa: S101 -- without a code the check refuses
    label, officer = enrolment_code.label, enrolment_code.made_by
    if enrolment_code.made_for:
        await enrolment.enrol_device(uow, device_id, label=label, officer=officer)
    elif not await enrolment.insert_device(uow, device_id, label=label, officer=officer):
        return DEVICE_KNOWN  # another code has enrolled it since `find_key`
    await enrolment.save_key(uow, device_id, key)
    await _admit(device_id, uow, by="by code", cipher=cipher)
    await enrolment.mark_code_used(uow, code_hash, device_id)
    enrolled = AuditRecord(officer, Action.ENROL_DEVICE, str(device_id), details={"by": "code"})
    await audit.record(uow, enrolled)
    return label


async def _admit(device_id: DeviceId, uow: UnitOfWork, *, by: str, cipher: FieldCipher) -> None:
    await cut_offs.restore(
        uow, CutOffKind.DEVICE, str(device_id), by=by, reason="enrolled again", keyed_hash=cipher.keyed_hash
    )


async def begin_session(
    device_id: DeviceId, stand_id: StandId, uow: UnitOfWork, *, officer: str, shown: str, cipher: FieldCipher
) -> FieldSession | Refusal:
    """`shown`: thumbprint of the key that the request proved to hold."""
    await uow.lock_id("device", device_id)  # else a revocation at the same time would not end the session
    device = await enrolment.find_key(uow, device_id)
    if refusal := check_session(device, shown=shown):
        return refusal
    assert device  # noqa: S101 -- the check refuses an unknown device
    stand = await stands.find_stand(uow, stand_id)
    if not stand or stand.cancelled or not stand.ends_at or stand.ends_at + VALID_AFTER_STAND <= uow.now:
        return NO_SESSION_STAND
    session = StoredSession(uow.new_id(), officer, device_id, stand_id, uow.now, uow.now + SESSION_DURATION)
    await sessions.add_session(uow, session)
    begun = AuditRecord(officer, Action.BEGIN_SESSION, str(session.session_id), device_id=device_id, stand_id=stand_id)
    await audit.record(uow, begun)
    return FieldSession(device, stand, outbox_key(device_id, cipher), session.until, session.session_id)


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

"""Devices come in by a code, clerks begin a session with one, a restored server is told what it has forgotten."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import Sealer

from intake.domain.enrolment import (
    CODE_FOR,
    SESSION_FOR,
    DeviceKey,
    code_from,
    let_in,
    may_begin,
    read_code,
    written,
)
from intake.domain.refusals import NO_SESSION_STAND
from intake.domain.report import Stand
from intake.handlers.bundle import AFTER
from intake.store import devices, enrolment, stands


@dataclass(frozen=True, slots=True)
class Session:
    """What a clerk needs to work with a device at a stand. `outbox_key`: 32 bytes, for what waits on the device."""

    device: DeviceKey
    stand: Stand
    outbox_key: bytes
    until: datetime


async def invite(work: Work, *, label: str, officer: str, sealer: Sealer) -> tuple[str, datetime]:
    """The code, which is not kept, and until when it lets a device in."""
    code = code_from(sealer.fingerprint(b"invitation." + work.new_id().bytes))
    expires_at = work.now + CODE_FOR
    await enrolment.add_invitation(work, _kept(code, sealer), label=label, made_by=officer, expires_at=expires_at)
    return code, expires_at


async def enrol_by_code(
    code: str, device_id: DeviceId, jwk: dict[str, Any], work: Work, *, sealer: Sealer
) -> str | Refusal:
    """The label of the device. `jwk`: its public key. Raises ValueError for what is none."""
    key = written(jwk)
    kept = _kept(code, sealer)
    invitation = await enrolment.lock_invitation(work, kept)
    known = await enrolment.find_key(work, device_id)
    if refusal := let_in(invitation, device_id, known=known, key=key, now=work.now):
        return refusal
    assert invitation  # noqa: S101 -- without one nobody is let in
    await devices.enrol_device(work, device_id, label=invitation.label, officer="by code")
    await enrolment.save_key(work, device_id, key)
    await enrolment.use_invitation(work, kept, device_id)
    return invitation.label


async def begin_session(
    device_id: DeviceId, stand_id: StandId, work: Work, *, shown: str, sealer: Sealer
) -> Session | Refusal:
    """`shown`: thumbprint of the key of which the request carried a proof."""
    device = await enrolment.find_key(work, device_id)
    if refusal := may_begin(device, shown=shown):
        return refusal
    assert device  # noqa: S101 -- an unknown one begins nothing
    stand = await stands.find_stand(work, stand_id)
    if not stand or stand.cancelled or not stand.ends_at or stand.ends_at + AFTER <= work.now:
        return NO_SESSION_STAND
    return Session(device, stand, outbox_key(device_id, sealer), work.now + SESSION_FOR)


async def has_forgotten(acked: int, work: Work, *, device_id: DeviceId) -> bool:
    """Whether the device was told of more entries (`acked`: the highest sequence) than lie here: a backup came back."""
    return acked > 0 and await enrolment.last_heard(work, device_id) < acked


def outbox_key(device_id: DeviceId, sealer: Sealer) -> bytes:
    """Always the same for a device: what it could not send can be read here, also when the device cannot any more."""
    return sealer.fingerprint(b"outbox." + device_id.bytes)


def _kept(code: str, sealer: Sealer) -> bytes:
    return sealer.fingerprint(b"code." + read_code(code).encode())

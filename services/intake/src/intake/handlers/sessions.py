"""Who may no longer work: sessions that an operator ends, officers who are cut off and return."""

from uuid import UUID

from wanderamt.backbone.persistence import audit, cut_offs
from wanderamt.backbone.persistence.audit import AuditRecord
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import CutOffKind
from wanderamt.kernel.ids import DeviceId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import FieldCipher
from wanderamt.security.policy import CUT_OFF, NOT_ENROLLED, Action

from intake.domain.refusals import NO_SESSION, NOT_CUT_OFF
from intake.store import device_statements, sessions


async def refuse_cut_off(
    device_id: DeviceId, uow: UnitOfWork, *, officer: str, session_id: UUID | None
) -> Refusal | None:
    """What the policy answers to a device that is revoked, and to an officer or a session that is cut off."""
    if await device_statements.is_admitted(uow, device_id, officer=officer, session_id=session_id):
        return None
    return CUT_OFF if await device_statements.device_enrolled(uow, device_id) else NOT_ENROLLED


async def end_session(
    session_id: UUID, uow: UnitOfWork, *, by: str, reason: str, cipher: FieldCipher
) -> Refusal | None:
    if not await sessions.end_session(uow, session_id):
        return NO_SESSION
    await cut_offs.cut_off(uow, CutOffKind.SESSION, str(session_id), by=by, reason=reason, keyed_hash=cipher.keyed_hash)
    await audit.record(uow, AuditRecord(by, Action.END_SESSION, str(session_id), reason=reason))
    return None


async def cut_off_officer(officer: str, uow: UnitOfWork, *, by: str, reason: str, cipher: FieldCipher) -> None:
    await cut_offs.cut_off(uow, CutOffKind.OFFICER, officer, by=by, reason=reason, keyed_hash=cipher.keyed_hash)
    await audit.record(uow, AuditRecord(by, Action.CUT_OFF_OFFICER, officer, reason=reason))


async def restore_officer(
    officer: str, uow: UnitOfWork, *, by: str, reason: str, cipher: FieldCipher
) -> Refusal | None:
    restored = await cut_offs.restore(
        uow, CutOffKind.OFFICER, officer, by=by, reason=reason, keyed_hash=cipher.keyed_hash
    )
    if not restored:
        return NOT_CUT_OFF
    await audit.record(uow, AuditRecord(by, Action.CUT_OFF_OFFICER, officer, reason=reason, details={"undone": True}))
    return None

"""FastAPI dependencies that several routers of intake share: the context, callers by action, the caller's stand."""

from typing import Annotated, Any, NamedTuple
from uuid import UUID

from fastapi import Depends, Request
from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.security.policy import Action
from wanderamt.security.tokens import Principal
from wanderamt.shell.access import Require, require
from wanderamt.shell.http import BearerCredentials

from intake.handlers.context import IntakeContext


async def _context(request: Request) -> IntakeContext:
    context: IntakeContext = request.app.state.context
    return context


Context = Annotated[IntakeContext, Depends(_context)]


class ClerkAtStand(NamedTuple):
    """A clerk with a session on a device at a stand. `reason`: as the clerk wrote it for this request."""

    officer: str
    device_id: DeviceId
    stand_id: StandId
    reason: str = ""
    session_id: UUID | None = None


class RequireAtStand(Require):
    """For actions that are granted to sessions on devices alone."""

    async def __call__(self, request: Request, credentials: BearerCredentials) -> Any:
        caller = await super().__call__(request, credentials)
        assert caller.device_id and caller.stand_id  # noqa: S101, PT018 -- the policy refuses tokens without them
        device_id, stand_id = DeviceId(caller.device_id), StandId(caller.stand_id)
        return ClerkAtStand(caller.subject, device_id, stand_id, caller.reason, caller.session_id)


def at_stand(action: Action) -> Any:
    return Depends(RequireAtStand(action))


EntrySender = Annotated[Principal, require(Action.SEND_ENTRIES)]
ChangesReader = Annotated[ClerkAtStand, at_stand(Action.READ_CHANGES)]
BundleReader = Annotated[ClerkAtStand, at_stand(Action.READ_BUNDLE)]
AppReporter = Annotated[ClerkAtStand, at_stand(Action.REPORT_APP_EVENTS)]
CaseLister = Annotated[Principal, require(Action.LIST_CASES)]
CaseReader = Annotated[Principal, require(Action.READ_CASE)]
CaseChanger = Annotated[Principal, require(Action.CHANGE_CASE)]
CaseTaker = Annotated[ClerkAtStand, at_stand(Action.TAKE_CASE_TO_STAND)]
ObligationFulfiller = Annotated[Principal, require(Action.FULFIL_OBLIGATION)]
ObligationLister = Annotated[Principal, require(Action.LIST_OBLIGATIONS)]
WaitingCaseLister = Annotated[Principal, require(Action.LIST_WAITING_CASES)]
ConflictReader = Annotated[Principal, require(Action.READ_CONFLICTS)]
ConflictDecider = Annotated[Principal, require(Action.DECIDE_CONFLICT)]
DocumentReader = Annotated[Principal, require(Action.READ_DOCUMENT)]
AttachmentSender = Annotated[ClerkAtStand, at_stand(Action.SEND_ATTACHMENT)]
AttachmentLister = Annotated[Principal, require(Action.LIST_ATTACHMENTS)]
AttachmentReader = Annotated[Principal, require(Action.READ_ATTACHMENT)]
NumberLessee = Annotated[ClerkAtStand, at_stand(Action.LEASE_NUMBERS)]
NumberAuditor = Annotated[Principal, require(Action.AUDIT_NUMBERS)]
TillKeeper = Annotated[ClerkAtStand, at_stand(Action.KEEP_TILL)]
TillReader = Annotated[Principal, require(Action.READ_TILLS)]
RefundPayer = Annotated[ClerkAtStand, at_stand(Action.PAY_OUT_REFUND)]
HeldEntryLister = Annotated[Principal, require(Action.LIST_HELD_ENTRIES)]
EntryAbandoner = Annotated[Principal, require(Action.ABANDON_ENTRY)]
ReportReader = Annotated[Principal, require(Action.READ_REPORT)]
RetentionReader = Annotated[Principal, require(Action.READ_RETENTION)]
StandLister = Annotated[Principal, require(Action.READ_STANDS)]
SessionBeginner = Annotated[Principal, require(Action.BEGIN_SESSION)]
DeviceEnroller = Annotated[Principal, require(Action.ENROL_DEVICE)]
DeviceRevoker = Annotated[Principal, require(Action.REVOKE_DEVICE)]
DeviceLister = Annotated[Principal, require(Action.LIST_DEVICES)]
SessionLister = Annotated[Principal, require(Action.LIST_SESSIONS)]
SessionEnder = Annotated[Principal, require(Action.END_SESSION)]
OfficerCutter = Annotated[Principal, require(Action.CUT_OFF_OFFICER)]
CutOffLister = Annotated[Principal, require(Action.LIST_CUT_OFF)]

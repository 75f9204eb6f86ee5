"""A case as the fold of its history.

Kept true: the version is the number of things that happened; a case that is not at an end has an owner, a deadline and
a reason, and one at an end has neither deadline nor open question.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import reduce
from typing import Any
from uuid import UUID

from wanderamt.contracts import Language
from wanderamt.kernel.ids import CaseId, DeviceId, DocumentId, RequestId, StandId
from wanderamt.security.bpk import Bpk

from intake.domain.catalogue.offer import Identification
from intake.domain.process.happening import (
    Closed,
    Compensated,
    FieldValue,
    Filled,
    Finished,
    HandedOver,
    Happening,
    Identified,
    Opened,
    Overdue,
    Paid,
    PaperSeen,
    ReceiptGiven,
    RegisterAsked,
    RegisterConfirmed,
    Reopened,
    SentToVisit,
    Withdrawn,
)


class CaseState(StrEnum):
    OPEN = "open"
    PROVISIONAL = "provisional"  # a register must still answer
    NEEDS_VISIT = "needs_visit"
    FINAL = "final"
    COMPENSATED = "compensated"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


BPK = "applicant.bpk"
VOID = frozenset({CaseState.COMPENSATED, CaseState.WITHDRAWN})  # no paper of it counts
AT_AN_END = VOID | {CaseState.FINAL, CaseState.CLOSED}


@dataclass(frozen=True, slots=True)
class Receipt:
    document_id: DocumentId
    number: str


@dataclass(frozen=True)  # without slots: `_with` copies the whole at once
class Case:
    """`paid_cents` is what the city holds: refunds are taken off. `confirmed`: the register has said yes.

    `attachments`: scans of its papers, here or still on a device.
    """

    id: CaseId
    version: int
    service: str
    edition: str
    stand_id: StandId
    device_id: DeviceId
    language: Language
    state: CaseState
    captured_at: datetime
    application_day: date
    number: str | None
    owner: str
    reason: str
    deadline: datetime | None
    form: Mapping[str, FieldValue] = field(default_factory=dict)
    identified: Identification = Identification.NONE
    papers: frozenset[str] = frozenset()
    attachments: frozenset[UUID] = frozenset()
    request_id: RequestId | None = None
    confirmed: bool = False
    receipt: Receipt | None = None
    receipts: tuple[str, ...] = ()
    paid_cents: int = 0
    settled: bool = False

    @property
    def bpk(self) -> Bpk | None:
        """Who it is for, in the sector of the service."""
        found = self.form.get(BPK)
        return Bpk(str(found)) if found else None

    @property
    def ended(self) -> bool:
        return self.state in AT_AN_END


def fold(case_id: CaseId, history: Iterable[Happening]) -> Case | None:
    """None for a case to which nothing has happened."""
    return reduce(lambda case, happening: after(case, happening, case_id), history, None)


def after(case: Case | None, happening: Happening, case_id: CaseId) -> Case:
    """The case once this has happened to it. Raises ValueError for a history that does not begin with its opening."""
    if isinstance(happening, Opened):
        return _opened(case_id, happening)
    if case is None:
        raise ValueError(f"the history of case {case_id} does not begin with its opening")
    return _with(case, _changes(case, happening) | {"version": case.version + 1})


def _with(case: Case, changes: dict[str, Any]) -> Case:
    """`replace` for a class of many fields: a sync of fifty entries makes hundreds of cases."""
    changed = object.__new__(Case)
    vars(changed).update(vars(case))
    vars(changed).update(changes)
    return changed


def then(case: Case, happened: Iterable[Happening]) -> Case:
    """The case once all of this has happened to it."""
    for happening in happened:
        case = after(case, happening, case.id)
    return case


def _opened(case_id: CaseId, opened: Opened) -> Case:
    return Case(
        id=case_id,
        version=1,
        service=opened.service,
        edition=opened.edition,
        stand_id=opened.stand_id,
        device_id=opened.device_id,
        language=opened.language,
        state=CaseState.OPEN,
        captured_at=opened.captured_at,
        application_day=opened.application_day,
        number=opened.number,
        owner=opened.owner,
        reason="opened",
        deadline=opened.deadline,
    )


def _changes(case: Case, happening: Happening) -> dict[str, Any]:
    match happening:
        case Filled(fields):
            return {"form": _filled(case.form, fields)}
        case Identified(level):
            return {"identified": level}
        case PaperSeen(code, _, attachment_id):
            scanned = {attachment_id} if attachment_id else frozenset()
            return {"papers": case.papers | {code}, "attachments": case.attachments | scanned}
        case RegisterAsked():
            return {
                "state": CaseState.PROVISIONAL,
                "request_id": happening.request_id,
                "reason": f"waits for the register {happening.register_name}",
                "deadline": happening.deadline,
            }
        case RegisterConfirmed():
            return {"state": CaseState.OPEN, "request_id": None, "confirmed": True, "reason": "confirmed"}
        case ReceiptGiven():
            return {"receipt": None if case.state in VOID else Receipt(happening.document_id, happening.number)}
        case Paid():
            receipts = (*case.receipts, happening.receipt)
            return {"paid_cents": case.paid_cents + happening.cents, "receipts": receipts, "settled": True}
    return _moved(case, happening)


def _moved(case: Case, happening: Happening) -> dict[str, Any]:
    """To another state, or into other hands."""
    match happening:
        case Finished():
            return _ended(CaseState.FINAL)
        case Closed():
            return _ended(CaseState.CLOSED)
        case Compensated(_, refund_cents):
            return _ended(CaseState.COMPENSATED) | {"paid_cents": case.paid_cents - refund_cents, "receipt": None}
        case Withdrawn(refund_cents):
            return _ended(CaseState.WITHDRAWN) | {"paid_cents": case.paid_cents - refund_cents, "receipt": None}
        case SentToVisit(reason, deadline):
            return {"state": CaseState.NEEDS_VISIT, "request_id": None, "reason": reason, "deadline": deadline}
        case HandedOver(owner, reason, deadline):
            return {"owner": owner, "reason": reason, "deadline": deadline}
        case Reopened(owner, reason, deadline):
            return {
                "state": CaseState.OPEN,
                "owner": owner,
                "reason": reason,
                "deadline": deadline,
                "confirmed": False,
                "receipt": None,
                "settled": case.paid_cents > 0,
            }
        case Overdue(owner, deadline):
            return {"owner": owner, "deadline": deadline}
    raise ValueError(f"nothing is known of {type(happening).__name__}")


def _ended(state: CaseState) -> dict[str, Any]:
    return {"state": state, "reason": "", "deadline": None, "request_id": None}


def _filled(form: Mapping[str, FieldValue], fields: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
    return {name: value for name, value in {**form, **fields}.items() if value is not None}

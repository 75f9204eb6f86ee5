"""The state of a case, rebuilt from the events of its history.

Invariants: the version is the number of events; a case that has not ended has an owner, a deadline and a reason; a case
that has ended has neither deadline nor open call, unless a command of it is being undone.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache, reduce
from typing import Any, NamedTuple
from uuid import UUID

from wanderamt.contracts import Language, VisitReason
from wanderamt.kernel.ids import CaseId, DeviceId, DocumentId, RequestId, StandId
from wanderamt.security.assertions import Person
from wanderamt.security.bpk import Bpk

from intake.domain.case.case_events import (
    CallBlocked,
    CallSkipped,
    CallsOutdated,
    CallUndone,
    CaseHistoryEvent,
    Closed,
    Compensated,
    FieldValue,
    Filled,
    Finished,
    HandedOver,
    Identified,
    Opened,
    Overdue,
    Paid,
    ProvisionalDocumentGiven,
    ProvisionalRevoked,
    RegisterAsked,
    RegisterConfirmed,
    Reopened,
    RequiredDocumentSeen,
    SentToVisit,
    TakenToStand,
    Withdrawn,
)
from intake.domain.catalogue.service_definition import Identification


class CaseState(StrEnum):
    OPEN = "open"
    PROVISIONAL = "provisional"  # a register must still answer
    NEEDS_VISIT = "needs_visit"
    FINAL = "final"
    COMPENSATED = "compensated"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


class CallStatus(StrEnum):
    """Of a call. None: it was not asked, or is to be asked again."""

    ASKED = "asked"
    DONE = "done"
    SKIPPED = "skipped"  # the register had no answer, and the case goes on without
    DENIED = "denied"
    UNAVAILABLE = "unavailable"
    BLOCKED = "blocked"  # a fault of ours; an operator looks after it
    TO_UNDO = "to_undo"
    UNDOING = "undoing"
    UNDO_BLOCKED = "undo_blocked"


class CallState(NamedTuple):
    """`request_id`: of the open or the last question. `command`: it writes, or wrote, into the register."""

    status: CallStatus
    request_id: RequestId | None = None
    command: bool = False

    @property
    def in_register(self) -> bool:
        """Whether the register holds, or may hold, what the command wrote."""
        return self.command and self.status in MAY_BE_WRITTEN


WAITING = frozenset({CallStatus.ASKED, CallStatus.UNDOING})
UNSETTLED = WAITING | {CallStatus.BLOCKED, CallStatus.UNDO_BLOCKED}
TO_TAKE_BACK = frozenset({CallStatus.TO_UNDO, CallStatus.UNDOING, CallStatus.UNDO_BLOCKED})
MAY_BE_WRITTEN = TO_TAKE_BACK | {CallStatus.ASKED, CallStatus.DONE}
PICTURES = frozenset({"photo", "signature"})  # as a value of their kinds names the attachment
BPK = "applicant.bpk"
GIVEN_NAME, FAMILY_NAME = NAME_FIELDS = ("applicant.given_name", "applicant.family_name")
BIRTH_DATE = "applicant.birth_date"
BIRTH_YEAR = "applicant.birth_year"  # if day or month are unknown; nobody invents a date
VOID_STATES = frozenset({CaseState.COMPENSATED, CaseState.WITHDRAWN})  # none of its documents is valid
OPENED, CONFIRMED, CORRECTED, WAITS_FOR_REGISTER = "opened", "confirmed", "corrected", "waits for the register "
BLOCKED = "our fault in the call "
OWN_REASON = re.compile(
    f"|{OPENED}|{CONFIRMED}|{CORRECTED}|{'|'.join(VisitReason)}|({WAITS_FOR_REGISTER}|{BLOCKED})[a-z0-9_]+"
)
ACCOUNT = re.compile(r"[A-Za-z0-9._-]{1,60}@[A-Za-z0-9.-]{1,60}")
ENDED_STATES = VOID_STATES | {CaseState.FINAL, CaseState.CLOSED}


@lru_cache(maxsize=256)  # few officers, many cases
def is_account(text: str) -> bool:
    """Whether this has the form of an account, as tokens name it."""
    return bool(ACCOUNT.fullmatch(text))


@dataclass(frozen=True, slots=True)
class ProvisionalDocument:
    document_id: DocumentId
    number: str


@dataclass(frozen=True)  # without slots: `_case_of` sets `__dict__`
class Case:
    """`paid_cents`: what the city holds, refunds deducted. `settled`: the fee is paid or waived.

    `calls`: those of its edition that were asked, by code. `documents_seen`: codes of the required documents that the
    crew saw. `attachments`: their scans, and photos and signatures of the form, uploaded or still on a device.
    `more_stands`: those to which the case was taken.
    `void`: it ended without success, also once it is closed; none of its documents is valid. `denied`: what a register
    said against it, until the case is corrected or reopened; `because`: see intake.domain.case.explanations.
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
    documents_seen: frozenset[str] = frozenset()
    attachments: frozenset[UUID] = frozenset()
    calls: Mapping[str, CallState] = field(default_factory=dict)
    provisional_document: ProvisionalDocument | None = None
    receipts: tuple[str, ...] = ()
    paid_cents: int = 0
    settled: bool = False
    more_stands: frozenset[StandId] = frozenset()
    void: bool = False
    denied: VisitReason | None = None
    because: str = ""

    def call_of(self, request_id: RequestId) -> str | None:
        """The call that waits for the answer to this question."""
        waiting = (
            code for code, call in self.calls.items() if call.request_id == request_id and call.status in WAITING
        )
        return next(waiting, None)

    @property
    def request_id(self) -> RequestId | None:
        """Of a question that is open; of several, the last."""
        return next((call.request_id for call in reversed(list(self.calls.values())) if call.status in WAITING), None)

    def belongs_to(self, stand_id: StandId) -> bool:
        return stand_id == self.stand_id or stand_id in self.more_stands

    @property
    def holds_typed_text(self) -> bool:
        """Whether somebody typed owner or reason: an account and the reasons of this module name no citizen."""
        return not is_account(self.owner) or (self.reason != OPENED and not OWN_REASON.fullmatch(self.reason))

    @property
    def bpk(self) -> Bpk | None:
        """The applicant's identifier in the sector of the service."""
        bpk = self.form.get(BPK)
        return Bpk(str(bpk)) if bpk else None

    @property
    def applicant(self) -> Person:
        """Name and birth as the form has them; empty texts where it is empty."""
        form = self.form
        born = form.get(BIRTH_DATE) or form.get(BIRTH_YEAR) or ""
        return Person(str(form.get(GIVEN_NAME) or ""), str(form.get(FAMILY_NAME) or ""), str(born))

    @property
    def ended(self) -> bool:
        return self.state in ENDED_STATES


_DEFAULTS = {name: default for name, default in vars(Case).items() if name in Case.__dataclass_fields__} | {
    "form": {},
    "calls": {},
}


def rebuild(case_id: CaseId, history: Iterable[CaseHistoryEvent]) -> Case | None:
    """None for an empty history."""
    return reduce(lambda case, event: apply(case, event, case_id), history, None)


def apply(case: Case | None, event: CaseHistoryEvent, case_id: CaseId) -> Case:
    """The case after the event. Raises ValueError for a history that does not begin with Opened."""
    if isinstance(event, Opened):
        return _opened(case_id, event)
    if case is None:
        raise ValueError(f"the history of case {case_id} does not begin with Opened")
    changes = _changes(case, event)
    changes["version"] = case.version + 1
    return _case_of(vars(case) | changes)


def _case_of(fields: dict[str, Any]) -> Case:
    """A case with exactly these fields. Faster than `Case()`: a sync of fifty entries creates hundreds of cases."""
    case = object.__new__(Case)
    object.__setattr__(case, "__dict__", fields)
    return case


def apply_all(case: Case, events: Iterable[CaseHistoryEvent]) -> Case:
    for event in events:
        case = apply(case, event, case.id)
    return case


def _opened(case_id: CaseId, opened: Opened) -> Case:
    return _case_of(
        _DEFAULTS
        | {
            "id": case_id,
            "version": 1,
            "service": opened.service,
            "edition": opened.edition,
            "stand_id": opened.stand_id,
            "device_id": opened.device_id,
            "language": opened.language,
            "state": CaseState.OPEN,
            "captured_at": opened.captured_at,
            "application_day": opened.application_day,
            "number": opened.number,
            "owner": opened.owner,
            "reason": OPENED,
            "deadline": opened.deadline,
        }
    )


def _changes(case: Case, event: CaseHistoryEvent) -> dict[str, Any]:
    match event:
        case Filled(fields):
            filled: dict[str, Any] = {"form": _merge_fields(case.form, fields)}
            pictures = frozenset(_attachments_in(list(fields.values())))
            return filled | {"attachments": case.attachments | pictures} if pictures else filled
        case Identified(level):
            return {"identified": level}
        case RequiredDocumentSeen(code, _, attachment_id):
            scanned = {attachment_id} if attachment_id else frozenset()
            return {"documents_seen": case.documents_seen | {code}, "attachments": case.attachments | scanned}
        case ProvisionalDocumentGiven():
            return {"provisional_document": None if case.void else ProvisionalDocument(event.document_id, event.number)}
        case ProvisionalRevoked():
            return {"provisional_document": None}
        case TakenToStand(stand_id):
            return {"more_stands": case.more_stands | {stand_id}}
        case Paid():
            receipts = (*case.receipts, event.receipt)
            return {"paid_cents": case.paid_cents + event.cents, "receipts": receipts, "settled": True}
        case RegisterAsked() | RegisterConfirmed() | CallSkipped() | CallBlocked() | CallsOutdated() | CallUndone():
            return _of_call(case, event)
    return _transition(case, event)


def _of_call(
    case: Case, event: RegisterAsked | RegisterConfirmed | CallSkipped | CallBlocked | CallsOutdated | CallUndone
) -> dict[str, Any]:
    """Changes of an event about calls. An undo leaves the state of a case that has ended, or needs a visit."""
    if isinstance(event, CallsOutdated):
        return _outdated(case, event)
    calls = dict(case.calls)
    before = calls.pop(event.call, None)  # the call asked last stands last
    command = before is not None and before.command
    match event:
        case RegisterAsked():
            status = CallStatus.UNDOING if event.undo else CallStatus.ASKED
            calls[event.call] = CallState(status, event.request_id, event.command)
            return _waiting(case, event) | {"calls": calls}
        case CallBlocked(_, _, owner, deadline):
            undoes = before is not None and before.status is CallStatus.UNDOING
            status = CallStatus.UNDO_BLOCKED if undoes else CallStatus.BLOCKED
            calls[event.call] = CallState(status, before.request_id if before else None, command)
            return {"calls": calls, "owner": owner, "deadline": deadline, "reason": f"{BLOCKED}{event.call}"}
        case RegisterConfirmed(request_id):
            calls[event.call] = CallState(CallStatus.DONE, request_id, command)
        case CallSkipped():
            calls[event.call] = CallState(CallStatus.SKIPPED)
    if case.ended:
        return {"calls": calls, "deadline": case.deadline if _to_take_back(calls, void=case.void) else None}
    if case.state is CaseState.NEEDS_VISIT or any(call.status in UNSETTLED for call in calls.values()):
        return {"calls": calls}
    return {"calls": calls, "state": CaseState.OPEN, "reason": CONFIRMED}


def _waiting(case: Case, event: RegisterAsked) -> dict[str, Any]:
    """A case that has ended, or needs a visit, stays so while a command of it is undone."""
    if case.ended or case.state is CaseState.NEEDS_VISIT:
        return {} if case.deadline else {"deadline": event.deadline}
    reason = f"{WAITS_FOR_REGISTER}{event.register_name}"
    return {"state": CaseState.PROVISIONAL, "reason": reason, "deadline": event.deadline}


def _to_take_back(calls: Mapping[str, CallState], *, void: bool) -> bool:
    return any(call.in_register and (void or call.status in TO_TAKE_BACK) for call in calls.values())


def _outdated(case: Case, event: CallsOutdated) -> dict[str, Any]:
    calls = {code: call for code, call in case.calls.items() if code not in event.again}
    calls |= {code: case.calls[code]._replace(status=CallStatus.TO_UNDO) for code in event.undo}
    changes: dict[str, Any] = {"calls": calls, "denied": None, "because": ""}
    if case.ended:
        return changes
    waiting = any(call.status in WAITING for call in calls.values())
    return changes | ({"state": CaseState.PROVISIONAL} if waiting else {"state": CaseState.OPEN, "reason": CORRECTED})


def _transition(case: Case, event: CaseHistoryEvent) -> dict[str, Any]:
    """Changes of an event that moves the case to another state or owner."""
    match event:
        case Finished():
            return _ended(case, CaseState.FINAL)
        case Closed():
            return _ended(case, CaseState.CLOSED)
        case Compensated(_, refund_cents):
            settled = {"calls": _settled_calls(case, event), "because": event.because}
            return _void(case, CaseState.COMPENSATED, refund_cents) | settled
        case Withdrawn(refund_cents):
            return _void(case, CaseState.WITHDRAWN, refund_cents)
        case SentToVisit(reason, deadline):
            denied = None if reason is VisitReason.REGISTER_UNAVAILABLE else reason
            return {
                "state": CaseState.NEEDS_VISIT,
                "calls": _settled_calls(case, event),
                "reason": reason,
                "deadline": deadline,
                "denied": denied,
                "because": event.because,
            }
        case HandedOver(owner, reason, deadline):
            return {"owner": owner, "reason": reason, "deadline": deadline}
        case Reopened(owner, reason, deadline):
            return {
                "state": CaseState.OPEN,
                "owner": owner,
                "reason": reason,
                "deadline": deadline,
                "calls": {code: call for code, call in case.calls.items() if call.in_register},
                "because": "",
                "provisional_document": None,
                "settled": case.paid_cents > 0,
                "void": False,
                "denied": None,
            }
        case Overdue(owner, deadline):
            return {"owner": owner, "deadline": deadline}
    raise ValueError(f"unknown event {type(event).__name__}")


def _ended(case: Case, state: CaseState, *, void: bool = False) -> dict[str, Any]:
    calls = _without_open_lookups(case)
    deadline = case.deadline if _to_take_back(calls, void=void or case.void) else None
    return {"state": state, "reason": "", "deadline": deadline, "calls": calls}


def _void(case: Case, state: CaseState, refund_cents: int) -> dict[str, Any]:
    return _ended(case, state, void=True) | {
        "void": True,
        "paid_cents": case.paid_cents - refund_cents,
        "provisional_document": None,
    }


def _settled_calls(case: Case, event: SentToVisit | Compensated) -> dict[str, CallState]:
    """The answer settles its call; other open lookups lose their effect."""
    unavailable = event.reason is VisitReason.REGISTER_UNAVAILABLE
    status = CallStatus.UNAVAILABLE if unavailable else CallStatus.DENIED
    calls = _without_open_lookups(case)
    return calls | {event.call: CallState(status)} if event.call else calls


def _without_open_lookups(case: Case) -> dict[str, CallState]:
    """What a command that is on its way will write has to be known."""
    return {code: call for code, call in case.calls.items() if call.command or call.status is not CallStatus.ASKED}


def _merge_fields(form: Mapping[str, FieldValue], fields: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
    merged = {**form, **fields}
    return merged if None not in fields.values() else {n: value for n, value in merged.items() if value is not None}


def _attachments_in(value: object) -> Iterator[UUID]:
    """The photos and signatures among the values of a form, also in the rows of groups."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in PICTURES and isinstance(inner, str):
                yield UUID(inner)
            else:
                yield from _attachments_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _attachments_in(inner)

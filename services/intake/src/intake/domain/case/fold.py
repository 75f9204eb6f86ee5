"""How each event of its history changes a case.

Invariants: see intake.domain.case.state; the fold of a history is the same, however it is divided.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from typing import Any
from uuid import UUID

from wanderamt.contracts import DueDateKind, VisitReason
from wanderamt.kernel.ids import CaseId

from intake.domain.case.case_events import (
    AnswersDeleted,
    CallBlocked,
    CallSkipped,
    CallsOutdated,
    CallUndone,
    CaseHistoryEvent,
    Closed,
    Compensated,
    DeadlinesJudged,
    FieldValue,
    Filled,
    Finished,
    HandedOver,
    Identified,
    ObligationFulfilled,
    ObligationMissed,
    ObligationReminded,
    ObligationsSet,
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
from intake.domain.case.obligations import changes_of, without_unmet
from intake.domain.case.state import (
    BLOCKED,
    CONFIRMED,
    CORRECTED,
    OPENED,
    PICTURES,
    SETTLED,
    TO_TAKE_BACK,
    UNSETTLED,
    WAITING,
    WAITS_FOR_REGISTER,
    CallState,
    CallStatus,
    Case,
    CaseState,
    DueDate,
    DueDateState,
    ProvisionalDocument,
)
from intake.domain.catalogue.register_calls import APPLICANT_PREFIX
from intake.domain.catalogue.service_definition import FACT_PREFIX

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
    if type(event) in _OF_CALLS:
        return _of_call(case, event)  # type: ignore[arg-type]  # as the set says
    match event:
        case Filled(fields):
            filled: dict[str, Any] = {"form": _merge_fields(case.form, fields)}
            if case.reopened and concern_the_matter(fields):
                filled["reopened"] = False
            nested = [value for value in fields.values() if isinstance(value, dict | list)]
            pictures = frozenset(attachments_in(nested)) if nested else None
            return filled | {"attachments": case.attachments | pictures} if pictures else filled
        case Identified(level):
            return {"identified": level}
        case RequiredDocumentSeen(code, _, attachment_id):
            scanned = {attachment_id} if attachment_id else frozenset()
            return {"documents_seen": case.documents_seen | {code}, "attachments": case.attachments | scanned}
        case ProvisionalDocumentGiven():
            document = ProvisionalDocument(event.document_id, event.number, event.issued_at)
            return {"provisional_document": None if case.void else document}
        case ProvisionalRevoked():
            return {"provisional_document": None}
        case TakenToStand(stand_id):
            return {"more_stands": case.more_stands | {stand_id}}
        case Paid():
            receipts = (*case.receipts, event.receipt)
            return {"paid_cents": case.paid_cents + event.cents, "receipts": receipts, "settled": True}
        case ObligationFulfilled():
            return _fulfilled(case, event)
        case DeadlinesJudged() | ObligationsSet() | ObligationReminded() | ObligationMissed():
            return changes_of(case, event)
        case AnswersDeleted(fields, attachments):
            form = {name: value for name, value in case.form.items() if name not in fields}
            return {"form": form, "attachments": case.attachments - set(attachments)}
    return _transition(case, event)


_OF_CALLS = frozenset({RegisterAsked, RegisterConfirmed, CallSkipped, CallBlocked, CallsOutdated, CallUndone})


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
        return {"calls": calls, "deadline": case.deadline if _needs_owner(case, calls, case.due_dates) else None}
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


def _needs_owner(case: Case, calls: Mapping[str, CallState], due_dates: Iterable[DueDate]) -> bool:
    """Whether somebody has to act, although the case has ended."""
    return _to_take_back(calls, void=case.void) or any(
        due.kind is DueDateKind.OBLIGATION and due.state is DueDateState.MISSED for due in due_dates
    )


def _fulfilled(case: Case, event: ObligationFulfilled) -> dict[str, Any]:
    changes = changes_of(case, event)
    if case.ended and not _needs_owner(case, case.calls, changes["due_dates"]):
        changes |= {"deadline": None, "reason": ""}
    return changes


def _outdated(case: Case, event: CallsOutdated) -> dict[str, Any]:
    calls = {code: call for code, call in case.calls.items() if code not in event.again}
    calls |= {code: case.calls[code]._replace(status=CallStatus.TO_UNDO) for code in event.undo}
    changes: dict[str, Any] = {"calls": calls, "denied": None, "because": "", "reopened": False}
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
            return _void(case, CaseState.WITHDRAWN, refund_cents) | {"due_dates": without_unmet(case)}
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
                "calls": _kept_calls(case.calls),
                "reopened": any(call.command and call.status is CallStatus.DONE for call in case.calls.values()),
                "because": "",
                "provisional_document": None,
                "settled": case.settled if not case.void else case.paid_cents > 0,  # a waived fee stays waived
                "void": False,
                "denied": None,
                "due_dates": without_unmet(case),
            }
        case Overdue(owner, deadline):
            return {"owner": owner, "deadline": deadline}
    raise ValueError(f"unknown event {type(event).__name__}")


def _ended(case: Case, state: CaseState, *, void: bool = False) -> dict[str, Any]:
    calls = _without_open_lookups(case)
    deadline = case.deadline if _to_take_back(calls, void=void or case.void) else None
    return {"state": state, "reason": "", "deadline": deadline, "calls": calls, "reopened": False}


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


def _kept_calls(calls: Mapping[str, CallState]) -> dict[str, CallState]:
    """Of a case that is reopened. What commands wrote stays, and with it the answers on which they built: asked again,
    a register would hold against the case what the case has written itself."""
    wrote = any(call.in_register for call in calls.values())
    return {code: call for code, call in calls.items() if call.in_register or (wrote and call.status in SETTLED)}


def _merge_fields(form: Mapping[str, FieldValue], fields: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
    merged = {**form, **fields}
    return merged if None not in fields.values() else {n: value for n, value in merged.items() if value is not None}


def concern_the_matter(names: Iterable[str]) -> bool:
    """Whether a fact or the applicant is among these fields of the form: on them depend questions and papers."""
    return any(name.startswith((FACT_PREFIX, APPLICANT_PREFIX)) for name in names)


def attachments_in(value: object) -> Iterator[UUID]:
    """The photos and signatures among the values of a form, also in the rows of groups."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in PICTURES and isinstance(inner, str):
                yield UUID(inner)
            else:
                yield from attachments_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from attachments_in(inner)

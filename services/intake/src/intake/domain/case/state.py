"""The state of a case, rebuilt from the events of its history.

Invariants: the version is the number of events; a case that has not ended has an owner, a deadline and a reason; a case
that has ended has neither deadline nor open register query.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache, reduce
from typing import Any
from uuid import UUID

from wanderamt.contracts import Language, VisitReason
from wanderamt.kernel.ids import CaseId, DeviceId, DocumentId, RequestId, StandId
from wanderamt.security.assertions import Person
from wanderamt.security.bpk import Bpk

from intake.domain.case.case_events import (
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


BPK = "applicant.bpk"
GIVEN_NAME, FAMILY_NAME = NAME_FIELDS = ("applicant.given_name", "applicant.family_name")
BIRTH_DATE = "applicant.birth_date"
BIRTH_YEAR = "applicant.birth_year"  # if day or month are unknown; nobody invents a date
VOID_STATES = frozenset({CaseState.COMPENSATED, CaseState.WITHDRAWN})  # none of its documents is valid
OPENED, CONFIRMED, WAITS_FOR_REGISTER = "opened", "confirmed", "waits for the register "
OWN_REASON = re.compile(f"|{OPENED}|{CONFIRMED}|{'|'.join(VisitReason)}|{WAITS_FOR_REGISTER}[a-z_]+")
ACCOUNT = re.compile(r"[A-Za-z0-9._-]{1,60}@[A-Za-z0-9.-]{1,60}")
ENDED_STATES = VOID_STATES | {CaseState.FINAL, CaseState.CLOSED}


@lru_cache(maxsize=256)  # few officers, many cases
def is_account(text: str) -> bool:
    """Whether this has the form of an account, as tokens name it."""
    return bool(ACCOUNT.fullmatch(text))


@dataclass(frozen=True, slots=True)
class ProvisionalDocument:
    """The paper that the stand printed. The office's document has its number and its date."""

    document_id: DocumentId
    number: str
    issued_at: datetime | None = None


@dataclass(frozen=True)  # without slots: `_case_of` sets `__dict__`
class Case:
    """`paid_cents`: what the city holds, refunds deducted. `settled`: the fee is paid or waived.

    `confirmed`: the register confirmed the applicant. `documents_seen`: codes of the required documents that the crew
    saw. `attachments`: their scans, uploaded or still on a device. `more_stands`: those to which the case was taken.
    `void`: it ended without success, also once it is closed; none of its documents is valid. `denied`: what the
    register said against the applicant, until the case is reopened.
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
    request_id: RequestId | None = None
    confirmed: bool = False
    provisional_document: ProvisionalDocument | None = None
    receipts: tuple[str, ...] = ()
    paid_cents: int = 0
    settled: bool = False
    more_stands: frozenset[StandId] = frozenset()
    void: bool = False
    denied: VisitReason | None = None

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


_DEFAULTS = {name: default for name, default in vars(Case).items() if name in Case.__dataclass_fields__} | {"form": {}}


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
            return {"form": _merge_fields(case.form, fields)}
        case Identified(level):
            return {"identified": level}
        case RequiredDocumentSeen(code, _, attachment_id):
            scanned = {attachment_id} if attachment_id else frozenset()
            return {"documents_seen": case.documents_seen | {code}, "attachments": case.attachments | scanned}
        case RegisterAsked():
            return {
                "state": CaseState.PROVISIONAL,
                "request_id": event.request_id,
                "reason": f"{WAITS_FOR_REGISTER}{event.register_name}",
                "deadline": event.deadline,
            }
        case RegisterConfirmed():
            return {"state": CaseState.OPEN, "request_id": None, "confirmed": True, "reason": CONFIRMED}
        case ProvisionalDocumentGiven():
            document = ProvisionalDocument(event.document_id, event.number, event.issued_at)
            return {"provisional_document": None if case.void else document}
        case TakenToStand(stand_id):
            return {"more_stands": case.more_stands | {stand_id}}
        case Paid():
            receipts = (*case.receipts, event.receipt)
            return {"paid_cents": case.paid_cents + event.cents, "receipts": receipts, "settled": True}
    return _transition(case, event)


def _transition(case: Case, event: CaseHistoryEvent) -> dict[str, Any]:
    """Changes of an event that moves the case to another state or owner."""
    match event:
        case Finished():
            return _ended(CaseState.FINAL)
        case Closed():
            return _ended(CaseState.CLOSED)
        case Compensated(_, refund_cents):
            return _ended(CaseState.COMPENSATED) | {
                "void": True,
                "paid_cents": case.paid_cents - refund_cents,
                "provisional_document": None,
            }
        case Withdrawn(refund_cents):
            return _ended(CaseState.WITHDRAWN) | {
                "void": True,
                "paid_cents": case.paid_cents - refund_cents,
                "provisional_document": None,
            }
        case SentToVisit(reason, deadline):
            denied = None if reason is VisitReason.REGISTER_UNAVAILABLE else reason
            return {
                "state": CaseState.NEEDS_VISIT,
                "request_id": None,
                "reason": reason,
                "deadline": deadline,
                "denied": denied,
            }
        case HandedOver(owner, reason, deadline):
            return {"owner": owner, "reason": reason, "deadline": deadline}
        case Reopened(owner, reason, deadline):
            return {
                "state": CaseState.OPEN,
                "owner": owner,
                "reason": reason,
                "deadline": deadline,
                "confirmed": False,
                "provisional_document": None,
                "settled": case.paid_cents > 0,
                "void": False,
                "denied": None,
            }
        case Overdue(owner, deadline):
            return {"owner": owner, "deadline": deadline}
    raise ValueError(f"unknown event {type(event).__name__}")


def _ended(state: CaseState) -> dict[str, Any]:
    return {"state": state, "reason": "", "deadline": None, "request_id": None}


def _merge_fields(form: Mapping[str, FieldValue], fields: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
    merged = {**form, **fields}
    return merged if None not in fields.values() else {n: value for n, value in merged.items() if value is not None}

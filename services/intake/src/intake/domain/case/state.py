"""The state of a case, rebuilt from the events of its history.

Invariants: the version is the number of events; a case that has not ended has an owner, a deadline and a reason; a case
that has ended has neither deadline nor open call, unless a command of it is being undone or an obligation was missed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from wanderamt.contracts import DueDateKind, Language, VisitReason
from wanderamt.kernel.ids import CaseId, DeviceId, DocumentId, RequestId, StandId
from wanderamt.security.assertions import Person
from wanderamt.security.bpk import Bpk

from intake.domain.case.case_events import (
    FieldValue,
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


class DueDateState(StrEnum):
    OPEN = "open"
    MET = "met"
    MISSED = "missed"


class DueDate(NamedTuple):
    """A deadline of the application, or an obligation after it. A time is None while its event has not happened; an
    obligation may be met after it was missed."""

    kind: DueDateKind
    code: str
    due_at: datetime
    remind_at: datetime | None = None
    reminded_at: datetime | None = None
    met_at: datetime | None = None
    missed_at: datetime | None = None

    @property
    def state(self) -> DueDateState:
        if self.met_at:
            return DueDateState.MET
        return DueDateState.MISSED if self.missed_at else DueDateState.OPEN


WAITING = frozenset({CallStatus.ASKED, CallStatus.UNDOING})
UNSETTLED = WAITING | {CallStatus.BLOCKED, CallStatus.UNDO_BLOCKED}
SETTLED = frozenset({CallStatus.DONE, CallStatus.SKIPPED})
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
MISSED = "missed obligation "
OWN_REASON = re.compile(
    f"|{OPENED}|{CONFIRMED}|{CORRECTED}|{'|'.join(VisitReason)}|({WAITS_FOR_REGISTER}|{BLOCKED}|{MISSED})[a-z0-9_]+"
)
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

    `calls`: those of its edition that were asked, by code. `documents_seen`: codes of the required documents that the
    crew saw. `attachments`: their scans, and photos and signatures of the form, uploaded or still on a device.
    `more_stands`: those to which the case was taken.
    `void`: it ended without success, also once it is closed; none of its documents is valid. `denied`: what a register
    said against it, until the case is corrected or reopened; `because`: see intake.domain.case.explanations.
    `due_dates`: its deadlines, and the obligations that were set when it was finished.
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
    due_dates: tuple[DueDate, ...] = ()

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

    @property
    def unmet_obligations(self) -> list[DueDate]:
        """Those that are open or were missed."""
        return [due for due in self.due_dates if due.kind is DueDateKind.OBLIGATION and not due.met_at]

"""The cases of one transaction: loaded and locked, changed in memory, saved at its end in a few statements.

Invariants: everything is written in one transaction; every case is locked before it is changed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from wanderamt.backbone.observability.tracing import span_from_traceparent
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId, DocumentId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.assertions import Assertion
from wanderamt.security.keys import FieldCipher

from intake.domain.actor import Actor
from intake.domain.case.case_events import (
    AnswersDeleted,
    CaseHistoryEvent,
    Compensated,
    Filled,
    Finished,
    Paid,
    ProvisionalDocumentGiven,
    ProvisionalRevoked,
    RegisterAsked,
    Reopened,
    TakenToStand,
    Withdrawn,
)
from intake.domain.case.obligations import DUE_DATE_EVENTS
from intake.domain.case.process import CaseAction, NewEvents, run_actions
from intake.domain.case.state import Case, CaseState
from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.documents import Document, IssueDocument, document_number, provisional_document, revoke
from intake.domain.event_mapping import EMPTY_FORM, EncryptedForm, EventContext, LookupRules, to_public_events
from intake.domain.till import Payment, Refund
from intake.store import (
    case_statements,
    document_statements,
    due_date_statements,
    history_statements,
    payment_statements,
)
from intake.store.case_statements import CaseRecord, CaseToFinish
from intake.store.forms import encrypt_changed, encrypt_form
from intake.store.history_statements import HistoryRow

FINAL_STATES = frozenset({CaseState.FINAL, CaseState.CLOSED})  # the back office has issued a document of its own
REVOKING_EVENTS = (Compensated, Withdrawn, Reopened)  # no earlier document of the case is valid any more
DATED = DUE_DATE_EVENTS | {Reopened, Withdrawn}  # a case that is reopened or withdrawn loses its open obligations
NOTED_EVENTS = DATED | {
    *REVOKING_EVENTS,
    Paid,
    ProvisionalDocumentGiven,
    ProvisionalRevoked,
    Finished,
    TakenToStand,
}  # more is written than the case


class CaseChange(NamedTuple):
    """What one message did to a case. `noted`: those of its events with which more is written than the case."""

    case: Case
    is_new: bool
    noted: tuple[CaseHistoryEvent, ...]
    history: HistoryRow
    actor: Actor


@dataclass
class CaseChanges:
    """The locked cases, and what happened to them: `add` each change in its order, then `save` once.

    `status_list_indexes`: of the numbers that devices gave to documents. `to_finish`: the case that will probably be
    finished; a serial that is left over is a harmless gap.
    """

    uow: UnitOfWork
    cipher: FieldCipher
    catalogue: Catalogue
    records: dict[CaseId, CaseRecord] = field(default_factory=dict)
    status_list_indexes: dict[str, int] = field(default_factory=dict)
    to_finish: CaseToFinish | None = None
    changes: list[CaseChange] = field(default_factory=list)

    def run(self, case_id: CaseId, action: CaseAction, actor: Actor) -> Refusal | None:
        """One action on a locked case, and what follows by itself. Nothing without such a case."""
        record = self.records.get(case_id)
        if not record:
            return None
        pinned = self.catalogue.pinned_edition(record.case.edition)
        if isinstance(pinned, Refusal):
            return pinned
        applied = run_actions(record.case, pinned.edition, [action], new_id=self.uow.new_id, now=self.uow.now)
        if isinstance(applied, Refusal):
            return applied
        self.add(applied.case, applied.new_events, actor)
        return None

    def add(self, case: Case, new_events: NewEvents, actor: Actor) -> None:
        """`case`: its state after `new_events`. Emits the public events, under the current trace."""
        if not new_events:
            return
        uow, before = self.uow, self.records.get(case.id)
        written = (event for event in new_events if isinstance(event, Filled | AnswersDeleted))
        changed = [name for event in written for name in event.fields]
        form = encrypt_changed(
            before.form if before else EMPTY_FORM, case.form, changed, case_id=case.id, cipher=self.cipher
        )
        public = to_public_events(new_events, case, form, self._event_context(case, actor))
        event_version = (before.event_version if before else 0) + len(public)
        uow.emit(*public, version=event_version)
        finished_now = uow.now if case.state is CaseState.FINAL else None
        self.records[case.id] = CaseRecord(
            case,
            form,
            event_version,
            opened_at=before.opened_at if before else uow.now,
            finished_at=(before.finished_at if before else None) or finished_now,
            assignment=before.assignment if before and _assignment_of(before.case) == _assignment_of(case) else None,
            ended_at=_ended_at(before, case, now=uow.now),
        )
        fields = form if not before else self._encrypted_fields(new_events, case.id)
        history = HistoryRow(case.id, case.version, new_events, fields, actor.officer, actor.device_id, actor.entry_id)
        noted = tuple(event for event in new_events if type(event) in NOTED_EVENTS)
        self.changes.append(CaseChange(case, before is None, noted, history, actor))

    async def save(self) -> None:
        if not self.changes:
            return
        also = [
            history_statements.insert_history(
                [change.history for change in self.changes], now=self.uow.now, cipher=self.cipher
            )
        ]
        noted = [change for change in self.changes if change.noted]
        if payments := list(_payments(noted, self.uow)):
            also.append(payment_statements.insert_payments(payments))
        if refunds := list(_refunds(noted, self.uow)):
            also.append(payment_statements.insert_refunds(refunds))
        if taken := list(_more_stands(noted)):
            also.append(case_statements.insert_more_stands(taken))
        if with_due_dates := {change.case.id for change in noted for event in change.noted if type(event) in DATED}:
            also += due_date_statements.save_due_dates([self.records[case_id].case for case_id in with_due_dates])
        if noted and (documents := await self._documents(noted)):
            also.append(document_statements.upsert_documents(documents))
        is_new = {change.case.id for change in self.changes if change.is_new}
        ids = dict.fromkeys(change.case.id for change in self.changes)
        new = [self.records[case_id] for case_id in ids if case_id in is_new]
        changed = [self.records[case_id] for case_id in ids if case_id not in is_new]
        case_statements.save_cases(self.uow, changed, new=new, also=also, cipher=self.cipher)
        self.changes = []

    def _event_context(self, case: Case, actor: Actor) -> EventContext:
        pinned = self.catalogue.pinned_edition(case.edition)
        if isinstance(pinned, Refusal):
            raise LookupError(pinned.hint)
        return EventContext(
            edition=pinned.edition,
            officer=actor.officer,
            now=self.uow.now,
            seal=self.cipher.seal,
            assert_question=self._assertion_of,
            rules_of=self._lookup_rules_of,
        )

    def _assertion_of(self, asked: RegisterAsked, case: Case, question: Sealed, officer: str) -> str | None:
        """Signed: for which officer, case and purpose the register is asked what."""
        if not self.cipher.assertion_signer:
            return None
        assertion = Assertion(
            officer=officer,
            case_id=case.id,
            request_id=asked.request_id,
            register=asked.register_name,
            operation=asked.operation,
            purpose=asked.purpose,
            question=question,
        )
        return self.cipher.assertion_signer.sign(assertion, until=asked.deadline)

    def _lookup_rules_of(self, case: Case) -> LookupRules:
        """From the edition of the case: a later one changes nothing. Without a key to hash with, about nobody."""
        signer = self.cipher.assertion_signer
        applicant_hash = signer.hash_applicant(case.id, case.applicant) if signer else ""
        pinned = self.catalogue.pinned_edition(case.edition)
        return LookupRules(() if isinstance(pinned, Refusal) else pinned.edition.allowed_queries, applicant_hash)

    def _encrypted_fields(self, new_events: NewEvents, case_id: CaseId) -> EncryptedForm:
        filled = next((event for event in new_events if isinstance(event, Filled)), None)
        return encrypt_form(filled.fields, case_id, self.cipher) if filled else EMPTY_FORM

    async def _documents(self, noted: Iterable[CaseChange]) -> list[Document]:
        """The new documents, and before them those to revoke, since a case has at most one valid document; a revoked
        one may be new in this transaction."""
        decided = decide_documents(noted, self.status_list_indexes, now=self.uow.now)
        cases, ids = decided.void, decided.corrected
        existing = await document_statements.lock_documents(self.uow, cases, ids) if cases or ids else []
        changed = []
        for document in [*existing, *decided.provisional]:
            if document in decided.provisional and not decided.revokes(document):
                continue
            decision = revoke(document, now=self.uow.now)
            self.uow.emit(*decision.events, version=decision.state.version)
            changed.append(decision.state)
        changed += [document for document in decided.provisional if not decided.revokes(document)]
        return changed + await self._order_documents(decided.finished)

    async def _order_documents(self, finished_cases: Mapping[CaseId, str | None]) -> list[Document]:
        """Orders the documents of finished cases, under the trace of the entry that finished each case."""
        uow = self.uow
        finished = [(self.records[case_id].case, traceparent) for case_id, traceparent in finished_cases.items()]
        known = self.to_finish
        known_id = known.record.case.id if known else None
        unnumbered = sum(not case.provisional_document and case.id != known_id for case, _ in finished)
        serials = iter(await document_statements.next_serials(uow, unnumbered) if unnumbered else [])
        ordered = []
        for case, traceparent in finished:
            provisional = case.provisional_document
            with span_from_traceparent("order document", traceparent):
                document_id = provisional.document_id if provisional else DocumentId(uow.new_id())
                uow.enqueue(IssueDocument(case_id=case.id, document_id=document_id))
            if not provisional:
                serial = known.serial if known and case.id == known_id else next(serials)
                number = document_number(uow.now.year, serial)
                document = Document(document_id, case.id, number, uow.now, status_index=serial)
                ordered.append(document)
                if known and case.id == known_id:
                    document_statements.remember(uow, document, self.records[case.id], known.place)
        return ordered


class DecidedDocuments(NamedTuple):
    """`void`: cases of which no document from before is valid. `corrected`: provisional documents that are not valid
    either. `finished`: cases that are to get one, with the trace of the entry that finished each."""

    provisional: list[Document]
    void: set[CaseId]
    corrected: set[DocumentId]
    finished: dict[CaseId, str | None]

    def revokes(self, document: Document) -> bool:
        """Of the documents that devices gave. One that was given after a correction is valid."""
        return document.document_id in self.corrected


def decide_documents(
    noted: Iterable[CaseChange], status_list_indexes: Mapping[str, int], *, now: datetime
) -> DecidedDocuments:
    """`noted`: in their order, also several of one case."""
    decided = DecidedDocuments([], set(), set(), {})
    for change in noted:
        case = change.case
        for event in change.noted:
            match event:
                case Compensated() | Withdrawn() | Reopened():
                    decided.void.add(case.id)
                    decided.corrected.update(new.document_id for new in decided.provisional if new.case_id == case.id)
                    decided.finished.pop(case.id, None)  # one message may finish a case and withdraw it
                case ProvisionalRevoked(document_id):
                    decided.corrected.add(document_id)
                case Finished():
                    decided.finished[case.id] = change.actor.traceparent
                case ProvisionalDocumentGiven():
                    if case.void:  # it has ended without success in the meantime
                        decided.corrected.add(event.document_id)
                    finished_now = case.id in decided.finished
                    document = provisional_document(
                        case.id,
                        event,
                        status_index=status_list_indexes.get(event.number),
                        second_copy=case.state in FINAL_STATES and not case.void and not finished_now,
                        now=now,
                    )
                    decided.provisional.append(document)
    return decided


def _payments(noted: Iterable[CaseChange], uow: UnitOfWork) -> Iterator[Payment]:
    for case, _, events, _, actor in noted:
        for event in events:
            if isinstance(event, Paid):
                yield Payment(
                    event.receipt,
                    case.id,
                    actor.stand_id or case.stand_id,
                    actor.device_id or case.device_id,
                    event.till_id,
                    actor.officer,
                    event.payment,
                    event.cents,
                    uow.now,
                )


def _refunds(noted: Iterable[CaseChange], uow: UnitOfWork) -> Iterator[Refund]:
    for case, _, events, _, _ in noted:
        for event in events:
            if isinstance(event, Compensated | Withdrawn) and event.refund_cents:
                reason = event.reason if isinstance(event, Compensated) else "withdrawn"
                yield Refund(uow.new_id(), case.id, case.stand_id, event.refund_cents, reason, uow.now)


def _more_stands(noted: Iterable[CaseChange]) -> Iterator[tuple[CaseId, StandId]]:
    for change in noted:
        for event in change.noted:
            if isinstance(event, TakenToStand):
                yield change.case.id, event.stand_id


def _ended_at(before: CaseRecord | None, case: Case, *, now: datetime) -> datetime | None:
    """Since when it is in this state, if it has ended."""
    if not case.ended:
        return None
    return before.ended_at if before and before.case.state is case.state else now


def _assignment_of(case: Case) -> tuple[str, str]:
    return case.owner, case.reason


async def load_to_finish(case_id: CaseId, uow: UnitOfWork, *, cipher: FieldCipher, catalogue: Catalogue) -> CaseChanges:
    """Locks the case if it exists, for a change that usually finishes it."""
    to_finish = await case_statements.lock_case_to_finish(uow, case_id, cipher)
    records = {case_id: to_finish.record} if to_finish else {}
    return CaseChanges(uow, cipher, catalogue, records, to_finish=to_finish)


async def load_for_update(
    case_ids: Iterable[CaseId], uow: UnitOfWork, *, cipher: FieldCipher, catalogue: Catalogue
) -> CaseChanges:
    """Locks the cases that exist; they are in `records`."""
    return CaseChanges(uow, cipher, catalogue, await case_statements.lock_cases(uow, case_ids, cipher))

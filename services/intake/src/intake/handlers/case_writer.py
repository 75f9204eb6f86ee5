"""Collects what happened to cases in one transaction and writes it: case files, history, events, refunds, documents.

Invariants: everything is written in one transaction; every case is locked before it is changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from wanderamt.backbone.observability.tracing import span_from_traceparent
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId, DocumentId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.assertions import Assertion
from wanderamt.security.keys import FieldCipher

from intake.domain.actor import Actor
from intake.domain.case.case_events import (
    CaseHistoryEvent,
    Compensated,
    Filled,
    Finished,
    Paid,
    ProvisionalDocumentGiven,
    RegisterAsked,
    Reopened,
    TakenToStand,
    Withdrawn,
)
from intake.domain.case.crew_actions import NewEvents
from intake.domain.case.state import Case, CaseState
from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.documents import Document, IssueDocument, document_number, provisional_document, revoke
from intake.domain.event_mapping import EMPTY_FORM, EncryptedForm, LookupRules, to_public_events
from intake.domain.till import Payment, Refund
from intake.store import case_statements, document_statements, history_statements, payment_statements
from intake.store.case_statements import CaseRecord, CaseToFinish
from intake.store.forms import encrypt_changed, encrypt_form
from intake.store.history_statements import HistoryRow

FINAL_STATES = frozenset({CaseState.FINAL, CaseState.CLOSED})  # the back office has issued a document of its own
REVOKING_EVENTS = (Compensated, Withdrawn, Reopened)  # an earlier document of the case is no longer valid
NOTED_EVENTS = frozenset({*REVOKING_EVENTS, Paid, ProvisionalDocumentGiven, Finished, TakenToStand})  # more is written


@dataclass
class CaseWriter:
    """Call `add` for each change in its order, then `flush` once: it writes all changes in a few statements.

    `records`: the locked cases. `status_list_indexes`: of the numbers that devices gave to documents. `to_finish`: the
    case that will probably be finished; a serial that is left over is a harmless gap.
    """

    uow: UnitOfWork
    cipher: FieldCipher
    catalogue: Catalogue
    records: dict[CaseId, CaseRecord] = field(default_factory=dict)
    status_list_indexes: dict[str, int] = field(default_factory=dict)
    to_finish: CaseToFinish | None = None
    _history_rows: list[HistoryRow] = field(default_factory=list)
    _payments: list[Payment] = field(default_factory=list)
    _refunds: list[Refund] = field(default_factory=list)
    _provisional: list[Document] = field(default_factory=list)
    _finished: list[tuple[CaseId, str | None]] = field(default_factory=list)
    _void: set[CaseId] = field(default_factory=set)
    _taken: list[tuple[CaseId, StandId]] = field(default_factory=list)
    _changed: dict[CaseId, bool] = field(default_factory=dict)  # whether it is new

    def add(self, case: Case, new_events: NewEvents, actor: Actor) -> None:
        """`case`: its state after `new_events`. Emits the public events, under the current trace."""
        if not new_events:
            return
        uow, before = self.uow, self.records.get(case.id)
        changed = [name for event in new_events if isinstance(event, Filled) for name in event.fields]
        form = encrypt_changed(
            before.form if before else EMPTY_FORM, case.form, changed, case_id=case.id, cipher=self.cipher
        )
        public = to_public_events(
            new_events,
            case,
            form,
            officer=actor.officer,
            now=uow.now,
            assertion_of=self._assertion_of,
            rules_of=self._lookup_rules_of,
        )
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
        )
        self._changed.setdefault(case.id, before is None)
        fields = form if not before else self._encrypted_fields(new_events, case.id)
        self._history_rows.append(
            HistoryRow(case.id, case.version, new_events, fields, actor.officer, actor.device_id, actor.entry_id)
        )
        for event in new_events:
            if type(event) in NOTED_EVENTS:
                self._note_money(case, event, actor)
                self._note_document(case, event, actor)

    async def flush(self) -> None:
        if not self._changed:
            return
        also = [history_statements.insert_history(self._history_rows, now=self.uow.now, cipher=self.cipher)]
        if self._payments:
            also.append(payment_statements.insert_payments(self._payments))
        if self._refunds:
            also.append(payment_statements.insert_refunds(self._refunds))
        if self._taken:
            also.append(case_statements.insert_more_stands(self._taken))
        if documents := await self._decide_documents():
            also.append(document_statements.upsert_documents(documents))
        new = [self.records[case_id] for case_id, is_new in self._changed.items() if is_new]
        changed = [self.records[case_id] for case_id, is_new in self._changed.items() if not is_new]
        case_statements.save_cases(self.uow, changed, new=new, also=also, cipher=self.cipher)

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

    def _note_money(self, case: Case, event: CaseHistoryEvent, actor: Actor) -> None:
        if isinstance(event, Paid):
            self._payments.append(
                Payment(
                    event.receipt,
                    case.id,
                    actor.stand_id or case.stand_id,
                    actor.device_id or case.device_id,
                    event.till_id,
                    actor.officer,
                    event.payment,
                    event.cents,
                    self.uow.now,
                )
            )
        elif isinstance(event, Compensated | Withdrawn) and event.refund_cents:
            reason = event.reason if isinstance(event, Compensated) else "withdrawn"
            refund = Refund(self.uow.new_id(), case.id, case.stand_id, event.refund_cents, reason, self.uow.now)
            self._refunds.append(refund)

    def _note_document(self, case: Case, event: CaseHistoryEvent, actor: Actor) -> None:
        if isinstance(event, REVOKING_EVENTS):
            self._void.add(case.id)
        elif isinstance(event, ProvisionalDocumentGiven):
            self._note_provisional(case, event)
        elif isinstance(event, TakenToStand):
            self._taken.append((case.id, event.stand_id))
        elif isinstance(event, Finished):
            self._finished.append((case.id, actor.traceparent))

    def _note_provisional(self, case: Case, event: ProvisionalDocumentGiven) -> None:
        """When the case has ended without success in the meantime, the document is revoked as it is recorded."""
        if case.void:
            self._void.add(case.id)
        finished_now = any(case_id == case.id for case_id, _ in self._finished)
        document = provisional_document(
            case.id,
            event,
            status_index=self.status_list_indexes.get(event.number),
            second_copy=case.state in FINAL_STATES and not case.void and not finished_now,
            now=self.uow.now,
        )
        self._provisional.append(document)

    async def _decide_documents(self) -> list[Document]:
        """The new documents, and before them those to revoke, since a case has at most one valid document; a revoked
        one may be new in this transaction."""
        existing = await document_statements.lock_documents_of_cases(self.uow, self._void) if self._void else []
        changed = []
        for document in [*existing, *(new for new in self._provisional if new.case_id in self._void)]:
            decision = revoke(document, now=self.uow.now)
            self.uow.emit(*decision.events, version=decision.state.version)
            changed.append(decision.state)
        changed += [document for document in self._provisional if document.case_id not in self._void]
        return changed + await self._order_documents()

    async def _order_documents(self) -> list[Document]:
        """Orders the documents of finished cases, under the trace of the entry that finished each case."""
        uow = self.uow
        finished = [(self.records[case_id].case, traceparent) for case_id, traceparent in self._finished]
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


def _assignment_of(case: Case) -> tuple[str, str]:
    return case.owner, case.reason


async def load_to_finish(case_id: CaseId, uow: UnitOfWork, *, cipher: FieldCipher, catalogue: Catalogue) -> CaseWriter:
    """Locks the case if it exists, for a change that usually finishes it."""
    to_finish = await case_statements.lock_case_to_finish(uow, case_id, cipher)
    records = {case_id: to_finish.record} if to_finish else {}
    return CaseWriter(uow, cipher, catalogue, records, to_finish=to_finish)


async def load_for_update(
    case_ids: Iterable[CaseId], uow: UnitOfWork, *, cipher: FieldCipher, catalogue: Catalogue
) -> CaseWriter:
    """Locks the cases that exist; they are in `records`."""
    return CaseWriter(uow, cipher, catalogue, await case_statements.lock_cases(uow, case_ids, cipher))

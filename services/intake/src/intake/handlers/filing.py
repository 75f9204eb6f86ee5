"""What has happened to cases goes to where it belongs: the file, the history, the topics, the printing room.

Kept true: all of it in one transaction; whoever files has locked the case.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from wanderamt.backbone.tracing import traced
from wanderamt.backbone.work import Work
from wanderamt.contracts import RegisterRequested
from wanderamt.kernel.ids import CaseId, DeviceId, DocumentId, EntryId, StandId
from wanderamt.security.assertions import Assertion
from wanderamt.security.keys import Sealer

from intake.domain.documents import Document, IssueDocument, document_number, given_provisionally, revoke
from intake.domain.process.case import VOID, Case, CaseState
from intake.domain.process.desk import Happenings
from intake.domain.process.happening import (
    Compensated,
    Filled,
    Finished,
    Paid,
    ReceiptGiven,
    Reopened,
    Withdrawn,
)
from intake.domain.telling import Parts, told
from intake.domain.till import Movement, Refund
from intake.store import cases, documents, history, money
from intake.store.cases import Filed
from intake.store.forms import reseal, seal_form
from intake.store.history import Chapter

MADE = frozenset({CaseState.FINAL, CaseState.CLOSED})  # the office has made a paper of its own
TAKES_BACK = (Compensated, Withdrawn, Reopened)  # a paper of before does not count any more


class By(NamedTuple):
    """Who did it: an officer, with the device, stand and entry it came by, or a register or the clock."""

    officer: str
    device_id: DeviceId | None = None
    stand_id: StandId | None = None
    entry_id: EntryId | None = None
    traceparent: str | None = None


@dataclass
class Filing:
    """Of one transaction. `turn` what happened, each in its turn; `close` writes all of it in a few statements.

    `places`: in the status list, of numbers that devices gave to papers.
    """

    work: Work
    sealer: Sealer
    files: dict[CaseId, Filed] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    _chapters: list[Chapter] = field(default_factory=list)
    _movements: list[Movement] = field(default_factory=list)
    _refunds: list[Refund] = field(default_factory=list)
    _papers: list[Document] = field(default_factory=list)
    _wanted: list[tuple[CaseId, str | None]] = field(default_factory=list)
    _void: set[CaseId] = field(default_factory=set)
    _touched: set[CaseId] = field(default_factory=set)

    def turn(self, case: Case, happened: Happenings, by: By) -> None:
        """`case`: as it is after what happened. Tells what leaves the house, under the trace at hand."""
        if not happened:
            return
        work, before = self.work, self.files.get(case.id)
        changed = [name for one in happened if isinstance(one, Filled) for name in one.fields]
        parts = reseal(before.parts if before else Parts(), case.form, changed, case_id=case.id, sealer=self.sealer)
        events = told(happened, case, parts, officer=by.officer, now=work.now)
        events = [vouched(one, self.sealer) if type(one) is RegisterRequested else one for one in events]
        number = (before.told if before else 0) + len(events)
        work.emit(*events, version=number)
        ended = work.now if case.state is CaseState.FINAL else None
        self.files[case.id] = Filed(
            case,
            parts,
            number,
            opened_at=before.opened_at if before else work.now,
            finished_at=(before.finished_at if before else None) or ended,
        )
        self._touched.add(case.id)
        fields = parts if not before else self._sealed_fields(happened, case.id)
        self._chapters.append(Chapter(case.id, case.version, happened, fields, by.officer, by.device_id, by.entry_id))
        self._note_money(case, happened, by)
        self._note_papers(case, happened, by)

    async def close(self) -> None:
        if not self._touched:
            return
        beside = [history.chapters_added(self._chapters, now=self.work.now)]
        if self._movements:
            beside.append(money.movements_added(self._movements))
        if self._refunds:
            beside.append(money.refunds_added(self._refunds))
        await cases.save_cases(self.work, [self.files[case_id] for case_id in self._touched], beside=beside)
        await self._order_documents()

    def _sealed_fields(self, happened: Happenings, case_id: CaseId) -> Parts:
        filled = next((one for one in happened if isinstance(one, Filled)), None)
        return seal_form(filled.fields, case_id, self.sealer) if filled else Parts()

    def _note_money(self, case: Case, happened: Happenings, by: By) -> None:
        for one in happened:
            if isinstance(one, Paid):
                self._movements.append(
                    Movement(
                        one.receipt,
                        case.id,
                        by.stand_id or case.stand_id,
                        by.device_id or case.device_id,
                        one.till_id,
                        by.officer,
                        one.payment,
                        one.cents,
                        self.work.now,
                    )
                )
            elif isinstance(one, Compensated | Withdrawn) and one.refund_cents:
                reason = one.reason if isinstance(one, Compensated) else "withdrawn"
                refund = Refund(self.work.new_id(), case.id, case.stand_id, one.refund_cents, reason, self.work.now)
                self._refunds.append(refund)

    def _note_papers(self, case: Case, happened: Happenings, by: By) -> None:
        for one in happened:
            if isinstance(one, TAKES_BACK):
                self._void.add(case.id)
            if isinstance(one, ReceiptGiven):
                self._note_receipt(case, one)
            if isinstance(one, Finished):
                self._wanted.append((case.id, by.traceparent))

    def _note_receipt(self, case: Case, given: ReceiptGiven) -> None:
        """A case that has come to an end without success meanwhile takes the paper back as it is written down."""
        if case.state in VOID:
            self._void.add(case.id)
        finished_now = any(case_id == case.id for case_id, _ in self._wanted)
        beside = case.state in MADE and not finished_now
        place = self.places.get(given.number)
        self._papers.append(given_provisionally(case.id, given, place=place, beside=beside, now=self.work.now))

    async def _order_documents(self) -> None:
        """What is taken back first: one paper of a case counts at a time. It may have been given just now."""
        lying = await documents.lock_documents_of_cases(self.work, self._void) if self._void else []
        changed = []
        for paper in [*lying, *(one for one in self._papers if one.case_id in self._void)]:
            decision = revoke(paper, now=self.work.now)
            self.work.emit(*decision.events, version=decision.state.version)
            changed.append(decision.state)
        changed += [one for one in self._papers if one.case_id not in self._void]
        changed += await self._new_papers()
        if changed:
            await documents.save_documents(self.work, changed)

    async def _new_papers(self) -> list[Document]:
        """Ordered under the trace of the entry that finished the case, or under the current one."""
        work = self.work
        wanted = [(self.files[case_id].case, traceparent) for case_id, traceparent in self._wanted]
        unnumbered = sum(not case.receipt for case, _ in wanted)
        serials = iter(await documents.next_serials(work, unnumbered) if unnumbered else [])
        ordered = []
        for case, traceparent in wanted:
            with traced("order document", traceparent):
                document_id = case.receipt.document_id if case.receipt else DocumentId(work.new_id())
                work.enqueue(IssueDocument(case_id=case.id, document_id=document_id))
            if not case.receipt:
                serial = next(serials)
                number = document_number(work.now.year, serial)
                ordered.append(Document(document_id, case.id, number, work.now, status_index=serial))
        return ordered


def vouched(event: RegisterRequested, sealer: Sealer) -> RegisterRequested:
    """A request to a register says in whose name it is asked, and by our key that it is so."""
    if not sealer.voucher:
        return event
    assertion = Assertion(
        officer=event.officer,
        case_id=event.case_id,
        request_id=event.request_id,
        register=event.register_name,
        operation=event.operation,
        purpose=event.purpose,
    )
    return event.model_copy(update={"assertion": sealer.voucher.sign(assertion, until=event.deadline)})


async def lock(case_ids: Iterable[CaseId], work: Work, *, sealer: Sealer) -> Filing:
    """The cases that exist are locked and in `files`."""
    return Filing(work, sealer, await cases.lock_cases(work, case_ids, sealer))

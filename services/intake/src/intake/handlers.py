"""Every message into intake: entries from the field, events from the topics, outcomes of jobs."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from wanderamt.backbone.tracing import traced
from wanderamt.backbone.work import Work
from wanderamt.contracts import Event, RegisterAnswered, StandCancelled, StandScheduled
from wanderamt.kernel.decision import Attempt, Expired, Retry
from wanderamt.kernel.ids import CaseId, DeviceId, DocumentId, EntryId, RequestId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.keys import Sealer
from wanderamt.security.tokens import Caller

from intake import store
from intake.domain.case import Case, Opening, hear_register, open_case
from intake.domain.catalogue.book import Book
from intake.domain.documents import Document, IssueDocument, issue, order_document
from intake.domain.entry import Entry, UnreadableEntry
from intake.domain.refusals import ENTRY_ID_REUSED, NO_CASE, NO_DEVICE, NO_DOCUMENT, NOT_ENROLLED, OTHER_STAND
from intake.domain.sheet import MadeSheet, Sheet

KEPT_RAW_BYTES = 64 * 1024  # an unreadable entry above this is remembered by its hash; the device keeps the original


@dataclass(frozen=True, slots=True)
class Answer:
    """To one entry. Without a refusal it is taken; `duplicate`: it was taken before."""

    entry_id: UUID | None
    duplicate: bool = False
    refusal: Refusal | None = None
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sync:
    caller: Caller
    device_id: DeviceId
    entries: tuple[Entry | UnreadableEntry, ...]


async def take(sync: Sync, work: Work, *, sealer: Sealer, book: Book) -> list[Answer] | Refusal:
    """One transaction for the whole request; one answer per entry, in the order they came."""
    if not await store.device_enrolled(work, sync.device_id):
        return NOT_ENROLLED
    unreadable = [entry for entry in sync.entries if isinstance(entry, UnreadableEntry)]
    if unreadable:
        await store.keep_unreadable(work, [(one, _sealed_raw(one, sync, sealer)) for one in unreadable], sync.device_id)
    readable = [entry for entry in sync.entries if isinstance(entry, Entry)]
    answers = await _take_readable(readable, sync, work, sealer, book) if readable else {}
    return [
        Answer(entry.entry_id, refusal=entry.refusal, errors=entry.errors)
        if isinstance(entry, UnreadableEntry)
        else answers[id(entry)]
        for entry in sync.entries
    ]


async def _take_readable(
    entries: Sequence[Entry], sync: Sync, work: Work, sealer: Sealer, book: Book
) -> dict[int, Answer]:
    """Answers by the identity of the entry: the same id may stand twice in one request."""
    allowed = [entry for entry in entries if entry.stand_id == sync.caller.stand_id]
    new = await store.take_entries(work, allowed, sync.device_id) if allowed else set()
    known = len(new) < len(allowed)  # an id came before, or twice in this request
    old = await store.taken_entries(work, {entry.entry_id for entry in allowed}) if known else {}
    cases = await store.lock_cases(work, {entry.case_id for entry in allowed if entry.entry_id in new})
    answers: dict[int, Answer] = {}
    touched: dict[CaseId, Case] = {}
    refused: dict[UUID, str] = {}
    finished: list[tuple[Case, str | None]] = []
    for entry in entries:
        if entry.stand_id != sync.caller.stand_id:
            answers[id(entry)] = Answer(entry.entry_id, refusal=OTHER_STAND)
            continue
        if entry.entry_id not in new:
            answers[id(entry)] = _remembered(entry, old.get(entry.entry_id))
            continue
        new.discard(EntryId(entry.entry_id))
        with traced(f"take {entry.type}", entry.traceparent):
            opening = _opening(entry, sync, work, sealer)
            outcome = open_case(cases.get(CaseId(entry.case_id)), opening, book, now=work.now)
            if isinstance(outcome, Refusal):
                refused[entry.entry_id] = outcome.code
                answers[id(entry)] = Answer(entry.entry_id, refusal=outcome)
                continue
            cases[outcome.state.id] = touched[outcome.state.id] = outcome.state
            work.emit(*outcome.events, version=outcome.state.version)
            if outcome.state.finished_at:
                finished.append((outcome.state, entry.traceparent))
            answers[id(entry)] = Answer(entry.entry_id)
    if refused:
        await store.save_refusals(work, refused)
    if touched:
        await store.save_cases(work, list(touched.values()))
    await _order_documents(finished, work)
    return answers


async def on_register_answered(event: RegisterAnswered, work: Work) -> None:
    case = (await store.lock_cases(work, [event.case_id])).get(CaseId(event.case_id))
    outcome = hear_register(case, event, now=work.now) if case else None
    if not outcome:
        return
    work.emit(*outcome.events, version=outcome.state.version)
    await store.save_cases(work, [outcome.state])
    if outcome.state.finished_at:
        await _order_documents([(outcome.state, None)], work)


async def on_stand_scheduled(event: StandScheduled, work: Work) -> None:
    await store.save_stand(work, event)


async def on_stand_cancelled(event: StandCancelled, work: Work) -> None:
    await store.cancel_stand(work, StandId(event.stand_id))


async def claim_sheet(job: IssueDocument, _: Attempt, work: Work, *, book: Book) -> Sheet | None:
    order = await store.find_order(work, DocumentId(job.document_id))
    if not order or order[0].pdf:
        return None
    document, case, place = order
    pinned = book.pinned(case.edition)
    if isinstance(pinned, Refusal):
        raise LookupError(pinned.hint)
    return Sheet(
        title=pinned.edition.outputs[0].titles.said_in(case.language),
        language=case.language,
        number=document.number,
        place=place,
        issued_on=work.now.date(),
        applicant=case.applicant,
    )


async def record_sheet(job: IssueDocument, outcome: MadeSheet | Expired, work: Work) -> Retry | None:
    if isinstance(outcome, Expired):
        work.enqueue(job)  # a document that could not be made for a day is ordered anew: it must not silently vanish
        return None
    case = (await store.lock_cases(work, [job.case_id]))[CaseId(job.case_id)]
    document = await store.find_document(work, DocumentId(job.document_id))
    if not document or document.pdf:
        return None
    issued = issue(document, case, pdf=outcome.pdf, sha256=outcome.sha256, now=work.now)
    work.emit(*issued.events, version=1)
    await store.save_documents(work, [issued.state])
    return None


async def enrol_device(device_id: DeviceId, work: Work, *, label: str, officer: str) -> None:
    await store.enrol_device(work, device_id, label=label, officer=officer)


async def revoke_device(device_id: DeviceId, work: Work) -> Refusal | None:
    return None if await store.revoke_device(work, device_id) else NO_DEVICE


async def show_case(case_id: CaseId, work: Work) -> tuple[Case, Document | None] | Refusal:
    case = await store.find_case(work, case_id)
    if not case:
        return NO_CASE
    return case, await store.find_document_of_case(work, case_id)


async def show_document(document_id: DocumentId, work: Work) -> Document | Refusal:
    document = await store.find_document(work, document_id)
    return document if document and document.pdf else NO_DOCUMENT


async def _order_documents(finished: Sequence[tuple[Case, str | None]], work: Work) -> None:
    """Each with the trace of the entry that finished its case, or the current one."""
    if not finished:
        return
    documents = []
    serials = await store.next_serials(work, len(finished))
    for (case, traceparent), serial in zip(finished, serials, strict=True):
        with traced("order document", traceparent):
            order = order_document(case, document_id=DocumentId(work.new_id()), serial=serial, now=work.now)
            work.enqueue(*order.jobs)
        documents.append(order.state)
    await store.save_documents(work, documents)


def _remembered(entry: Entry, taken: store.Taken | None) -> Answer:
    if not taken or taken.payload_hash != entry.payload_hash:
        return Answer(entry.entry_id, refusal=ENTRY_ID_REUSED)
    return Answer(entry.entry_id, duplicate=True)


def _opening(entry: Entry, sync: Sync, work: Work, sealer: Sealer) -> Opening:
    contact = entry.body.contact
    reachable = contact.phone or contact.email
    return Opening(
        entry=entry,
        device_id=sync.device_id,
        officer=sync.caller.subject,
        applicant=sealer.seal(entry.case_id, entry.body.applicant.model_dump_json().encode()),
        contact=sealer.seal(entry.case_id, contact.model_dump_json().encode()) if reachable else None,
        request_id=RequestId(work.new_id()),
    )


def _sealed_raw(entry: UnreadableEntry, sync: Sync, sealer: Sealer) -> Sealed | None:
    return sealer.seal(sync.device_id, entry.raw) if len(entry.raw) <= KEPT_RAW_BYTES else None


ON: dict[type[Event], Callable[..., Awaitable[None]]] = {
    RegisterAnswered: on_register_answered,
    StandScheduled: on_stand_scheduled,
    StandCancelled: on_stand_cancelled,
}

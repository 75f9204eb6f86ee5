"""Documents on their way through the printing room."""

from datetime import timedelta

from wanderamt.backbone.work import Work
from wanderamt.kernel.decision import Attempt, Expired, Retry
from wanderamt.kernel.ids import CaseId, DocumentId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import Sealer

from intake.domain.catalogue.book import Book
from intake.domain.catalogue.due import VIENNA
from intake.domain.documents import Document, IssueDocument, issue
from intake.domain.refusals import NO_DOCUMENT
from intake.domain.sheet import MadeSheet, Sheet
from intake.domain.status import StatusList, status_list
from intake.store import cases, documents


async def claim_sheet(job: IssueDocument, _: Attempt, work: Work, *, sealer: Sealer, book: Book) -> Sheet | None:
    order = await documents.find_order(work, DocumentId(job.document_id), sealer)
    if not order or order[0].pdf or order[0].revoked_at:
        return None
    document, filed, place = order
    pinned = book.pinned(filed.case.edition)
    if isinstance(pinned, Refusal):
        raise LookupError(pinned.hint)
    output, today = pinned.edition.outputs[0], work.now.astimezone(VIENNA).date()
    assert document.status_index is not None  # noqa: S101 -- given when it was kept
    return Sheet(
        template=output.template,
        title=output.titles.said_in(filed.case.language),
        language=filed.case.language,
        number=document.number,
        place=place,
        issued_at=work.now,
        issued_on=today,
        valid_until=today + timedelta(days=output.valid) if output.valid else None,
        status_index=document.status_index,
        applicant=filed.parts.applicant,
    )


async def record_sheet(job: IssueDocument, outcome: MadeSheet | Expired, work: Work, *, sealer: Sealer) -> Retry | None:
    if isinstance(outcome, Expired):
        work.enqueue(job)  # a document that could not be made for a day is ordered anew: it must not silently vanish
        return None
    filed = (await cases.lock_cases(work, [job.case_id], sealer))[CaseId(job.case_id)]
    document = await documents.lock_document(work, DocumentId(job.document_id))
    if not document or document.pdf or document.revoked_at:
        return None
    issued = issue(
        document, filed.case, contact=filed.parts.contact, pdf=outcome.pdf, sha256=outcome.sha256, now=work.now
    )
    work.emit(*issued.events, version=issued.state.version)
    await documents.save_documents(work, [issued.state])
    return None


async def show_document(document_id: DocumentId, work: Work) -> Document | Refusal:
    document = await documents.find_document(work, document_id)
    return document if document and document.pdf else NO_DOCUMENT


async def papers_taken_back(work: Work) -> StatusList:
    """Of all papers there are."""
    taken_back, papers = await documents.status_of_papers(work)
    return status_list(taken_back, papers=papers, as_of=work.now)

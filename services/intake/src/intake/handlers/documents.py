"""Documents before and after rendering, and the list of revoked ones."""

from datetime import datetime
from typing import Final
from uuid import UUID

from service_catalogue.authority import Letterhead
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.decision import Attempt, DeadlineExceeded, NeedsOperator, RetryLater
from wanderamt.kernel.ids import DocumentId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import FieldCipher

from intake.domain.case.state import Case
from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.document_content import CannotRender, DocumentContent, RenderedDocument
from intake.domain.documents import Document, IssueDocument, issue
from intake.domain.paper_composer import Issue, compose_paper
from intake.domain.refusals import NO_DOCUMENT
from intake.domain.status_list import StatusList, build_status_list
from intake.store import attachment_statements, attachments, document_statements

PHOTO_RETRY_S: Final = 30.0


async def prepare_document(
    job: IssueDocument,
    _: Attempt,
    uow: UnitOfWork,
    *,
    cipher: FieldCipher,
    catalogue: Catalogue,
    letterhead: Letterhead,
) -> DocumentContent | RetryLater | None:
    """What the job renders. None when the document is rendered or revoked already."""
    order = await document_statements.find_with_case(uow, DocumentId(job.document_id), cipher)
    if not order or order[0].rendered or order[0].revoked_at:
        return None
    document, record, place = order
    pinned = catalogue.pinned_edition(record.case.edition)
    if isinstance(pinned, Refusal):
        raise LookupError(pinned.hint)
    issued_at = _issued_at(document, record.case, now=uow.now)
    paper_issue = Issue(document.number, issued_at, place, letterhead)
    paper = compose_paper(record.case, pinned.edition, paper_issue)
    if not paper:
        raise LookupError(f"no document of {record.case.edition} fits the case")
    photo = await _photo(UUID(paper.photo), record.case, uow, cipher) if paper.photo else None
    if isinstance(photo, RetryLater):
        return photo
    assert document.status_index is not None  # noqa: S101 -- set when the document was ordered
    return DocumentContent(
        document_id=document.document_id,
        template=paper.output.template,
        language=record.case.language,
        printed=paper.content,
        holder=paper.holder,
        issued_at=issued_at,
        issued_on=catalogue.calendar.day_of(issued_at),
        valid_until=paper.valid_until,
        status_index=document.status_index,
        photo=photo,
    )


async def _photo(attachment_id: UUID, case: Case, uow: UnitOfWork, cipher: FieldCipher) -> bytes | RetryLater:
    """A device sends photos after its entries."""
    of_case = await attachments.attachments_of(uow, case.id)
    known = next((attachment for attachment in of_case if attachment.attachment_id == attachment_id), None)
    if not known or not known.completed_at:
        return RetryLater(PHOTO_RETRY_S, "photo_not_here")
    return await attachment_statements.content_of(uow, known, cipher)


def _issued_at(document: Document, case: Case, *, now: datetime) -> datetime:
    """One date on the paper of the stand and on that of the office."""
    stand = case.provisional_document
    return stand.issued_at if stand and stand.document_id == document.document_id and stand.issued_at else now


async def record_document(
    job: IssueDocument,
    outcome: RenderedDocument | CannotRender | DeadlineExceeded,
    uow: UnitOfWork,
    *,
    cipher: FieldCipher,
    owner: str,
) -> NeedsOperator | None:
    """`owner`: looks after a document that cannot be rendered. A later document of the case does not wait for it."""
    if isinstance(outcome, CannotRender | DeadlineExceeded):
        uow.write_later(document_statements.note_problem(DocumentId(job.document_id), outcome.reason, owner=owner))
        uow.log_outcome("document.not_rendered", document_id=job.document_id, case_id=job.case_id)
        return NeedsOperator(outcome.reason, blocks_key=False)
    order = await document_statements.find_with_case(uow, DocumentId(job.document_id), cipher, lock=True)
    if not order or order[0].rendered or order[0].revoked_at:
        return None
    document, record, _ = order
    issued = issue(document, record.case, contact=record.form.contact, sha256=outcome.sha256, now=uow.now)
    uow.emit(*issued.events, version=issued.state.version)
    uow.write_later(document_statements.save_issued(issued.state, outcome.pdf, cipher))
    uow.log_outcome("document.issued", document_id=job.document_id, case_id=job.case_id)
    return None


async def read_file(document_id: DocumentId, uow: UnitOfWork, *, cipher: FieldCipher) -> bytes | Refusal:
    """The PDF. Raises UnreadableCiphertextError."""
    return await document_statements.read_file(uow, document_id, cipher) or NO_DOCUMENT


async def revoked_documents(uow: UnitOfWork) -> StatusList:
    """The status list of all documents."""
    revoked, count = await document_statements.revoked_indexes(uow)
    return build_status_list(revoked, size=count, as_of=uow.now)

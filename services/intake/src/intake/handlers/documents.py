"""Documents before and after rendering, and the list of revoked ones."""

from datetime import timedelta

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.decision import Attempt, DeadlineExceeded, RetryLater
from wanderamt.kernel.ids import DocumentId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import FieldCipher

from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.catalogue.due_dates import VIENNA
from intake.domain.document_content import DocumentContent, RenderedDocument
from intake.domain.documents import Document, IssueDocument, issue
from intake.domain.refusals import NO_DOCUMENT
from intake.domain.status_list import StatusList, build_status_list
from intake.store import document_statements, documents


async def prepare_document(
    job: IssueDocument, _: Attempt, uow: UnitOfWork, *, cipher: FieldCipher, catalogue: Catalogue
) -> DocumentContent | None:
    """What the job renders. None when the document is rendered or revoked already."""
    order = await document_statements.find_with_case(uow, DocumentId(job.document_id), cipher)
    if not order or order[0].pdf or order[0].revoked_at:
        return None
    document, record, place = order
    pinned = catalogue.pinned_edition(record.case.edition)
    if isinstance(pinned, Refusal):
        raise LookupError(pinned.hint)
    output, today = pinned.edition.outputs[0], uow.now.astimezone(VIENNA).date()
    assert document.status_index is not None  # noqa: S101 -- set when the document was ordered
    return DocumentContent(
        template=output.template,
        title=output.titles.in_language(record.case.language),
        language=record.case.language,
        number=document.number,
        place=place,
        issued_at=uow.now,
        issued_on=today,
        valid_until=today + timedelta(days=output.valid) if output.valid else None,
        status_index=document.status_index,
        applicant=record.form.applicant,
    )


async def record_document(
    job: IssueDocument, outcome: RenderedDocument | DeadlineExceeded, uow: UnitOfWork, *, cipher: FieldCipher
) -> RetryLater | None:
    if isinstance(outcome, DeadlineExceeded):
        uow.log_outcome("document.delayed", document_id=job.document_id, case_id=job.case_id)
        uow.enqueue(job)  # rendering failed for a day; order it again, since a document must not vanish silently
        return None
    order = await document_statements.find_with_case(uow, DocumentId(job.document_id), cipher, lock=True)
    if not order or order[0].pdf or order[0].revoked_at:
        return None
    document, record, _ = order
    issued = issue(
        document, record.case, contact=record.form.contact, pdf=outcome.pdf, sha256=outcome.sha256, now=uow.now
    )
    uow.emit(*issued.events, version=issued.state.version)
    uow.write_later(document_statements.upsert_documents([issued.state]))
    uow.log_outcome("document.issued", document_id=job.document_id, case_id=job.case_id)
    return None


async def show_document(document_id: DocumentId, uow: UnitOfWork) -> Document | Refusal:
    document = await documents.find_document(uow, document_id)
    return document if document and document.pdf else NO_DOCUMENT


async def revoked_documents(uow: UnitOfWork) -> StatusList:
    """The status list of all documents."""
    revoked, count = await document_statements.revoked_indexes(uow)
    return build_status_list(revoked, size=count, as_of=uow.now)

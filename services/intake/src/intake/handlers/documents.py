"""Documents before and after rendering, and the list of revoked ones."""

from datetime import datetime, timedelta

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.decision import Attempt, DeadlineExceeded, NeedsOperator
from wanderamt.kernel.ids import DocumentId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import FieldCipher

from intake.domain.case.state import Case, is_account
from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.catalogue.due_dates import VIENNA
from intake.domain.document_content import CannotRender, DocumentContent, RenderedDocument
from intake.domain.documents import Document, IssueDocument, issue
from intake.domain.refusals import NO_DOCUMENT
from intake.domain.status_list import StatusList, build_status_list
from intake.store import document_statements


async def prepare_document(
    job: IssueDocument, _: Attempt, uow: UnitOfWork, *, cipher: FieldCipher, catalogue: Catalogue
) -> DocumentContent | None:
    """What the job renders. None when the document is rendered or revoked already."""
    order = await document_statements.find_with_case(uow, DocumentId(job.document_id), cipher)
    if not order or order[0].rendered or order[0].revoked_at:
        return None
    document, record, place = order
    pinned = catalogue.pinned_edition(record.case.edition)
    if isinstance(pinned, Refusal):
        raise LookupError(pinned.hint)
    case, output = record.case, pinned.edition.outputs[0]
    issued_at = _issued_at(document, case, now=uow.now)
    day = issued_at.astimezone(VIENNA).date()
    assert document.status_index is not None  # noqa: S101 -- set when the document was ordered
    return DocumentContent(
        document_id=document.document_id,
        template=output.template,
        title=output.titles.in_language(case.language),
        language=case.language,
        number=document.number,
        place=place,
        issued_at=issued_at,
        issued_on=day,
        valid_until=day + timedelta(days=output.valid) if output.valid else None,
        status_index=document.status_index,
        applicant=record.form.applicant,
        file_number=case.number or "",
        officer=case.owner if is_account(case.owner) else "",
        law=pinned.edition.competence.law,
        paid_cents=case.paid_cents,
        receipts=case.receipts,
    )


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

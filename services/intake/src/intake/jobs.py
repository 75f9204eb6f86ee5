"""The slow work of intake: rendering documents.

Invariants: this module sees no transaction.
"""

from dataclasses import replace
from hashlib import sha256

import structlog
from wanderamt.kernel.ids import DocumentId
from wanderamt.kernel.line_text import as_printable, without_marks

from intake.documents_pdf.pdf_renderer import PdfRenderer, RenderTask
from intake.documents_pdf.worker_pool import TaskError
from intake.domain.document_content import CannotRender, DocumentContent, RenderedDocument
from intake.domain.document_status import HOLDER_MAX_BYTES, shorten

log = structlog.get_logger()


async def render_document(content: DocumentContent, *, renderer: PdfRenderer) -> RenderedDocument | CannotRender:
    """Characters that the fonts lack are replaced: a text that was stored long ago must not stop the printer."""
    printed = content.printed.with_texts(as_printable)
    if printed != content.printed:
        log.warning("document.characters_replaced", document_id=str(content.document_id))
    task = RenderTask(
        template=content.template,
        language=content.language,
        holder=shorten(as_printable(content.holder), HOLDER_MAX_BYTES),
        issued_at=content.issued_at,
        issued_on=content.issued_on,
        valid_until=content.valid_until,
        status_index=content.status_index,
        content=printed,
        photo=content.photo,
    )
    try:
        pdf = await _print(task, renderer, content.document_id)
    except TaskError as error:
        return CannotRender(f"template {content.template}: {error}")
    return RenderedDocument(pdf, sha256(pdf).hexdigest())


async def _print(task: RenderTask, renderer: PdfRenderer, document_id: DocumentId) -> bytes:
    """Each character is in a font, but an accent and its letter may be in none together: then without accents. Raises
    TaskError."""
    try:
        return await renderer.render(task)
    except TaskError:
        plain = task.content.with_texts(without_marks)
        if plain == task.content:
            raise
        log.warning("document.accents_replaced", document_id=str(document_id))
        return await renderer.render(replace(task, content=plain, holder=without_marks(task.holder)))

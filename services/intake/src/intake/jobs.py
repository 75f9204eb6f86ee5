"""The slow work of intake: rendering documents.

Invariants: this module sees no transaction; personal data is decrypted here and nowhere earlier.
"""

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import structlog
from service_catalogue.authority import Letterhead
from service_catalogue.paper_texts import paper_texts
from wanderamt.kernel.ids import DocumentId
from wanderamt.kernel.line_text import as_printable, without_marks
from wanderamt.security.keys import FieldCipher

from intake.documents_pdf.pdf_renderer import PdfRenderer, RenderTask
from intake.documents_pdf.worker_pool import TaskError
from intake.domain.document_content import CannotRender, DocumentContent, RenderedDocument
from intake.domain.document_status import HOLDER_MAX_BYTES, shorten
from intake.domain.printed_content import PrintedContent, main_facts, printed_day, printed_money

log = structlog.get_logger()


async def render_document(
    content: DocumentContent, *, renderer: PdfRenderer, cipher: FieldCipher
) -> RenderedDocument | CannotRender:
    """Characters that the fonts lack are replaced: a text that was stored long ago must not stop the printer."""
    person = json.loads(cipher.open(content.applicant)) if content.applicant else {}
    written = _printed_content(content, person, renderer.letterhead)
    printed = written.with_texts(as_printable)
    if printed != written:
        log.warning("document.characters_replaced", document_id=str(content.document_id))
    holder = as_printable(" ".join(filter(None, (*_names(person), _birth(person, content.language)))))
    try:
        pdf = await _print(_task(content, printed, holder), renderer, content.document_id)
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


def _task(content: DocumentContent, printed: PrintedContent, holder: str) -> RenderTask:
    return RenderTask(
        template=content.template,
        language=content.language,
        holder=shorten(holder, HOLDER_MAX_BYTES),
        issued_at=content.issued_at,
        issued_on=content.issued_on,
        valid_until=content.valid_until,
        status_index=content.status_index,
        content=printed,
    )


def _printed_content(content: DocumentContent, person: dict[str, Any], letterhead: Letterhead) -> PrintedContent:
    """What the paper says; the field app composes the same in issueDocument (apps/field/src/domain/case_actions.ts)."""
    language, texts = content.language, paper_texts(content.language)
    given_name, family_name = _names(person)
    known = (
        (texts["content.family_name"], family_name),
        (texts["content.given_name"], given_name),
        (texts["content.birth"], _birth(person, language)),
    )
    rows = tuple(row for row in known if row[1])
    receipts = ", ".join(content.receipts)
    fee = f"{printed_money(content.paid_cents, language)} ({texts['content.receipt']} {receipts})"
    return PrintedContent(
        kind=content.template,
        title=content.title,
        number=content.number,
        file_number=content.file_number,
        authority=letterhead.profile.name.in_language(language),
        place=content.place,
        issued_on=printed_day(content.issued_on.isoformat(), language),
        valid_until=printed_day(content.valid_until.isoformat(), language) if content.valid_until else "",
        officer=content.officer,
        intro=texts["content.intro"],
        rows=rows,
        law=content.law,
        fee=fee if content.paid_cents else "",
        main=main_facts(rows),
    )


def _names(person: dict[str, Any]) -> tuple[str, str]:
    return person.get("given_name") or "", person.get("family_name") or ""


def _birth(person: dict[str, Any], language: str) -> str:
    """As precise as known: the full date, only the year, or empty."""
    return printed_day(person.get("birth_date") or str(person.get("birth_year") or ""), language)

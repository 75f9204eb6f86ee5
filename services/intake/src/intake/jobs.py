"""The slow work of intake: rendering documents.

Invariants: this module sees no transaction; personal data is decrypted here and nowhere earlier.
"""

import json
from datetime import date
from hashlib import sha256
from typing import Any

import structlog
from wanderamt.kernel.line_text import as_printable, without_marks
from wanderamt.security.keys import FieldCipher

from intake.documents_pdf.pdf_renderer import PdfRenderer, RenderTask
from intake.documents_pdf.worker_pool import TaskError
from intake.domain.document_content import CannotRender, DocumentContent, RenderedDocument
from intake.domain.document_status import shorten_holder

log = structlog.get_logger()


async def render_document(
    content: DocumentContent, *, renderer: PdfRenderer, cipher: FieldCipher
) -> RenderedDocument | CannotRender:
    """Characters that the fonts lack are replaced: a text that was stored long ago must not stop the printer."""
    person = json.loads(cipher.open(content.applicant)) if content.applicant else {}
    given_name, family_name = person.get("given_name") or "", person.get("family_name") or ""
    birth_date = _birth_date(person)
    fields = {
        "title": content.title,
        "place": content.place,
        "given_name": given_name,
        "family_name": family_name,
        "birth_date": birth_date,
        "issued_on": _austrian_date(content.issued_on),
        "valid_until": _austrian_date(content.valid_until) if content.valid_until else "",
    }
    printed = {name: as_printable(text) for name, text in fields.items()}
    if replaced := sorted(name for name, text in fields.items() if printed[name] != text):
        log.warning("document.characters_replaced", document_id=str(content.document_id), fields=replaced)
    try:
        pdf = await _print(content, printed, renderer)
    except TaskError as error:
        return CannotRender(f"template {content.template}: {error}")
    return RenderedDocument(pdf, sha256(pdf).hexdigest())


async def _print(content: DocumentContent, printed: dict[str, str], renderer: PdfRenderer) -> bytes:
    """Each character is in a font, but an accent and its letter may be in none together: then without accents. Raises
    TaskError."""
    try:
        return await renderer.render(_task(content, printed))
    except TaskError:
        plain = {name: without_marks(text) for name, text in printed.items()}
        if plain == printed:
            raise
        log.warning("document.accents_replaced", document_id=str(content.document_id))
        return await renderer.render(_task(content, plain))


def _task(content: DocumentContent, printed: dict[str, str]) -> RenderTask:
    holder = " ".join(printed[name] for name in ("given_name", "family_name", "birth_date") if printed[name])
    return RenderTask(
        template=content.template,
        language=content.language,
        number=content.number,
        holder=shorten_holder(holder),
        issued_at=content.issued_at,
        issued_on=content.issued_on,
        valid_until=content.valid_until,
        status_index=content.status_index,
        fields=printed,
    )


def _birth_date(person: dict[str, Any]) -> str:
    """As precise as known: the full date, only the year, or empty."""
    if person.get("birth_date"):
        return _austrian_date(date.fromisoformat(person["birth_date"]))
    return str(person.get("birth_year") or "")


def _austrian_date(day: date) -> str:
    return day.strftime("%d.%m.%Y")

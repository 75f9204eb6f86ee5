"""The slow work of intake: rendering documents.

Invariants: this module sees no transaction; personal data is decrypted here and nowhere earlier.
"""

import json
from datetime import date
from hashlib import sha256
from typing import Any

from wanderamt.security.keys import FieldCipher

from intake.documents_pdf.pdf_renderer import PdfRenderer, RenderTask
from intake.domain.document_content import DocumentContent, RenderedDocument


async def render_document(content: DocumentContent, *, renderer: PdfRenderer, cipher: FieldCipher) -> RenderedDocument:
    person = json.loads(cipher.open(content.applicant)) if content.applicant else {}
    given_name, family_name = person.get("given_name") or "", person.get("family_name") or ""
    birth_date = _birth_date(person)
    task = RenderTask(
        template=content.template,
        language=content.language,
        number=content.number,
        holder=" ".join(part for part in (given_name, family_name, birth_date) if part),
        issued_at=content.issued_at,
        issued_on=content.issued_on,
        valid_until=content.valid_until,
        status_index=content.status_index,
        fields={
            "title": content.title,
            "place": content.place,
            "given_name": given_name,
            "family_name": family_name,
            "birth_date": birth_date,
            "issued_on": _austrian_date(content.issued_on),
            "valid_until": _austrian_date(content.valid_until) if content.valid_until else "",
        },
    )
    pdf = await renderer.render(task)
    return RenderedDocument(pdf, sha256(pdf).hexdigest())


def _birth_date(person: dict[str, Any]) -> str:
    """As precise as known: the full date, only the year, or empty."""
    if person.get("birth_date"):
        return _austrian_date(date.fromisoformat(person["birth_date"]))
    return str(person.get("birth_year") or "")


def _austrian_date(day: date) -> str:
    return day.strftime("%d.%m.%Y")

"""A PDF renderer with its own key, and a certificate for it: both sides of a benchmark render the same."""

from intake.documents_pdf.pdf_renderer import PdfRenderer, RenderTask
from intake.domain.printed_content import PrintedContent, main_facts
from intake.signing.authority import Authority, new_authority
from pydantic import SecretStr
from service_catalogue.authority import load_letterhead
from wanderamt.backbone.environment import utc_now


def new_renderer() -> PdfRenderer:
    key, certificate = new_authority("Stadt Linz", now=utc_now())
    return PdfRenderer(Authority.load("at-linz", SecretStr(key), certificate), load_letterhead())


def certificate_task(number: str, *, given_name: str, family_name: str, birth_date: str) -> RenderTask:
    now = utc_now()
    rows = (("Familienname", family_name), ("Vorname", given_name), ("Geboren", birth_date))
    return RenderTask(
        template="certificate",
        language="de",
        holder=f"{given_name} {family_name} {birth_date}",
        issued_at=now,
        issued_on=now.date(),
        valid_until=None,
        status_index=1,
        content=PrintedContent(
            kind="certificate",
            title="Meldebestätigung",
            number=number,
            issued_on=now.strftime("%d.%m.%Y"),
            rows=rows,
            main=main_facts(rows),
        ),
    )

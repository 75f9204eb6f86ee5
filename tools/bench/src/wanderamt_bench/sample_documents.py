"""A PDF renderer with its own key, and a certificate for it: both sides of a benchmark render the same."""

from intake.documents_pdf.pdf_renderer import PdfRenderer, RenderTask
from intake.signing.authority import Authority, new_authority
from pydantic import SecretStr
from wanderamt.backbone.environment import utc_now


def new_renderer() -> PdfRenderer:
    key, certificate = new_authority("Stadt Linz", now=utc_now())
    return PdfRenderer(Authority.load("at-linz", SecretStr(key), certificate))


def certificate_task(number: str, *, given_name: str, family_name: str, birth_date: str) -> RenderTask:
    now = utc_now()
    return RenderTask(
        template="confirmation",
        language="de",
        number=number,
        holder=f"{given_name} {family_name} {birth_date}",
        issued_at=now,
        issued_on=now.date(),
        valid_until=None,
        status_index=1,
        fields={
            "title": "Meldebestätigung",
            "place": "",
            "issued_on": now.strftime("%d.%m.%Y"),
            "given_name": given_name,
            "family_name": family_name,
            "birth_date": birth_date,
        },
    )

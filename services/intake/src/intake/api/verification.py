"""Public verification: is a document genuine, and is it still valid?

Invariants: nobody needs a token, so an answer reveals nothing that is not in the document; every answer takes the
same time, whatever it is; a separate process parses the uploaded content.
"""

import asyncio
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, File, Form, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from wanderamt.contracts import Language
from wanderamt.kernel.refusal import Refusal, RefusalKind
from wanderamt.shell.client_address import ClientNetwork
from wanderamt.shell.large_bodies import KIB, MIB, max_body
from wanderamt.shell.problems import HEADERS, STATUS, or_refuse
from wanderamt.shell.web_forms import STRICT_CSP

from intake.api.dependencies import Context
from intake.domain.document_status import Claims, DocumentStatus, document_status
from intake.domain.status_list import StatusList
from intake.handlers.context import IntakeContext
from intake.handlers.status_list import MAX_AGE
from intake.pages.render import verification_page
from intake.signing.qr_seal import MAX_TEXT

ANSWER_S = 0.5  # every answer comes this long after its question
MAX_FILE_BYTES = 10 * MIB
LARGE_FORM = max_body(MAX_FILE_BYTES + 64 * KIB, media_type="multipart/form-data")  # with the form around the file
STANDALONE_FORM = {"Content-Security-Policy": STRICT_CSP}
TRY_AGAIN = {RefusalKind.TOO_MANY, RefusalKind.BUSY}  # the others are answers about the document
PUBLIC_FILE = {"Cache-Control": f"public, max-age={MAX_AGE.seconds}"}

FILE_TOO_LARGE = Refusal(
    "verification.too_large",
    f"A file may have at most {MAX_FILE_BYTES // 2**20} MiB. Take a smaller picture.",
    RefusalKind.TOO_LARGE,
)

router = APIRouter(tags=["verification"])


class VerifyIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    stamp: str = Field(min_length=1, max_length=MAX_TEXT, description="The text of the QR code on the document.")


class VerificationOut(BaseModel):
    """The claims of a genuine document, to compare with the printed text, and whether it is valid today."""

    status: DocumentStatus
    kind: str = Field(description="Kind of document as printed; empty for seals of earlier releases.")
    main: str = Field(description="Its main facts as printed; empty for seals of earlier releases.")
    authority: str
    number: str
    holder: str
    issued_at: datetime
    valid_until: date | None
    as_of: datetime = Field(description="Time of the list of revoked documents.")
    given_at_stand: bool = Field(description="A device sealed it before the back office knew of it.")


@router.get("/status-list", response_class=Response)
async def download_status_list(context: Context) -> Response:
    """Signed (CWT). With a copy on a device, documents can be checked for three days without a network."""
    _, token = await context.status_list.get()
    return Response(token, media_type="application/statuslist+cwt", headers=PUBLIC_FILE)


@router.get("/authority.pem", response_class=Response)
async def download_certificates(context: Context) -> Response:
    """The certificates that count, the present one first. Compare their fingerprints over another channel."""
    pem = "".join(certificate.pem for certificate in context.trusted)
    return Response(pem, media_type="application/x-pem-file", headers=PUBLIC_FILE)


@router.post("/verify")
async def verify_seal(order: VerifyIn, network: ClientNetwork, context: Context) -> VerificationOut:
    """Checks the QR code of a document."""
    return or_refuse(await _check(order.stamp.encode(), network, context))


@router.get("/verify", response_class=Response)
async def show_verification_page(context: Context, lang: Language = Language.DE) -> Response:
    """A page where everybody can check documents."""
    return _page(lang, context)


@router.post("/verify.html", response_class=Response, openapi_extra=LARGE_FORM)
async def answer_verification_page(
    network: ClientNetwork,
    context: Context,
    stamp: Annotated[str, Form(max_length=MAX_TEXT)] = "",
    file: Annotated[UploadFile | None, File(description="The signed PDF, or a picture of the page.")] = None,
    lang: Language = Language.DE,
) -> Response:
    """Checks what the page sends: the text of a QR code, a picture of it, or the file."""
    content = await file.read(MAX_FILE_BYTES + 1) if file and file.size else stamp.encode()
    if not content.strip():
        return _page(lang, context)
    answer = FILE_TOO_LARGE if len(content) > MAX_FILE_BYTES else await _check(content, network, context)
    return _page(lang, context, answer)


async def _check(content: bytes, network: str, context: IntakeContext) -> VerificationOut | Refusal:
    """`content`: a file, a picture, or the text of a QR code. Always takes `ANSWER_S` or longer."""
    loop = asyncio.get_running_loop()
    answer_at = loop.time() + ANSWER_S
    answer: VerificationOut | Refusal
    claims = await context.read_document(content, network)
    if isinstance(claims, Refusal):
        answer = claims
    else:
        status_list, _ = await context.status_list.get(claims.status_index)
        answer = _verification_out(claims, status_list, now=context.database.environment.clock())
    await asyncio.sleep(max(0.0, answer_at - loop.time()))
    return answer


def _page(language: Language, context: IntakeContext, answer: VerificationOut | Refusal | None = None) -> Response:
    profile = context.letterhead.profile
    names = {profile.code: profile.name.in_language(language)}
    html = verification_page(answer, language=language, authorities=names, zone=profile.calendar.zone)
    status = STATUS[answer.kind] if isinstance(answer, Refusal) and answer.kind in TRY_AGAIN else 200
    headers = STANDALONE_FORM | HEADERS.get(status, {})
    return Response(html, status, media_type="text/html; charset=utf-8", headers=headers)


def _verification_out(claims: Claims, status_list: StatusList, *, now: datetime) -> VerificationOut:
    return VerificationOut(
        status=document_status(claims, status_list, now=now),
        kind=claims.kind,
        main=claims.main,
        authority=claims.authority,
        number=claims.number,
        holder=claims.holder,
        issued_at=claims.issued_at,
        valid_until=claims.valid_until,
        as_of=status_list.as_of,
        given_at_stand=bool(claims.given_by),
    )

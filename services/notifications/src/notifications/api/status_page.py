"""The status page for citizens, without a sign-in: they look up a case by its code and their date of birth.

Invariants: the page shows nothing beyond what anybody with the receipt and the date of birth may know; every look-up
takes the same time; pages load nothing, run no script and are never cached.
"""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Response
from pydantic import Field
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import Channel, Language, normalize_case_code
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.signed_links import sign_token, verify_token
from wanderamt.shell.client_address import ClientNetwork
from wanderamt.shell.http import Transaction
from wanderamt.shell.web_forms import NOT_INDEXED, STRICT_CSP, parse_date, same_answer_time

from notifications.api.dependencies import Context
from notifications.domain.kinds import PAGE_TOKENS, AboutRef, LinkKind
from notifications.domain.refusals import CASE_NOT_FOUND, LINK_EXPIRED
from notifications.handlers import status_page as handlers
from notifications.handlers.context import NotificationContext
from notifications.handlers.status_page import ChosenPreferences, StatusView
from notifications.pages.render import StatusPage, render

HEADERS = NOT_INDEXED | {"Content-Security-Policy": STRICT_CSP}
STATUS_CODES = {
    "status.not_known": 404,
    "status.too_many": 429,
    "status.pass_over": 403,
    "status.wrong_code": 403,
    "status.too_many_codes": 429,
}
PAGES: dict[int | str, dict[str, Any]] = {
    status: {"description": description, "content": {"text/html": {"schema": {"type": "string"}}}}
    for status, description in (
        (200, "A page"),
        (403, "The page was too old: the first page; or the code to subscribe was wrong"),
        (404, "No case has this code and date of birth: the first page"),
        (429, "Too many attempts: the first page; or too many codes to this address"),
    )
}
ShortText = Annotated[str, Form(max_length=60)]
Token = Annotated[str, Form(max_length=200)]
DistrictName = Annotated[str, Field(max_length=100)]

router = APIRouter(tags=["citizen"], responses=PAGES)


@router.get("/status", response_class=Response)
async def show_form(context: Context, lang: Language = Language.DE) -> Response:
    """The form for code and date of birth."""
    return _respond(context, StatusPage(lang))


@router.post("/status", response_class=Response)
async def look_up(
    network: ClientNetwork, context: Context, code: ShortText, born: ShortText, lang: Language = Language.DE
) -> Response:
    """The status of a case. A wrong code and a wrong date get the same response."""
    page: StatusPage | Refusal
    birth_date = parse_date(born)
    async with same_answer_time() as answer, context.database.unit_of_work() as uow:
        case, answer.seconds = await handlers.look_up(
            normalize_case_code(code), birth_date or date.min, uow, network=network, context=context
        )
        page = case if isinstance(case, Refusal) else CASE_NOT_FOUND
        if not isinstance(case, Refusal) and birth_date:
            status = await handlers.show_status(case.ref, uow, context=context)
            token = _page_token(case.ref, uow, context)
            page = status if isinstance(status, Refusal) else StatusPage(lang, status, token)
    return _respond(context, page, lang)


@router.post("/status/preferences", response_class=Response)
async def save_preferences(
    token: Token,
    context: Context,
    uow: Transaction,
    channel: ShortText = "",
    language: ShortText = "de",
    district: Annotated[list[DistrictName], Form(max_length=100)] = [],  # noqa: B006 -- FastAPI copies it
    lang: Language = Language.DE,
) -> Response:
    """The channel and the language of the messages about one case, and districts whose stands the citizen wants notices
    of: new ones count once the code that is now sent to the address was entered."""
    ref = _ref_of(token, uow, context)
    if not ref:
        return _respond(context, LINK_EXPIRED, lang)
    chosen = ChosenPreferences(Channel(channel) if channel in set(Channel) else None, language[:5], tuple(district))
    saved = await handlers.save_preferences(ref, chosen, uow, context=context)
    if isinstance(saved, Refusal):
        return _respond(context, saved, lang)
    if saved.refusal:
        page = StatusPage(lang, saved.status, token, error=_text_of(saved.refusal))
        return _respond(context, page, lang, status=STATUS_CODES[saved.refusal.code])
    confirmation = "code_sent" if saved.code_sent else "saved"
    return _respond(context, StatusPage(lang, saved.status, token, confirmation=confirmation), lang)


@router.post("/status/districts", response_class=Response)
async def confirm_districts(
    token: Token, address_code: ShortText, context: Context, uow: Transaction, lang: Language = Language.DE
) -> Response:
    """Subscribes to the chosen districts with the code that was sent to the address."""
    ref = _ref_of(token, uow, context)
    if not ref:
        return _respond(context, LINK_EXPIRED, lang)
    outcome = await handlers.confirm_districts(ref, address_code, uow, context=context)
    status = await handlers.show_status(ref, uow, context=context)
    if isinstance(status, Refusal):
        return _respond(context, status, lang)
    if isinstance(outcome, Refusal):
        page = StatusPage(lang, status, token, error=_text_of(outcome))
        return _respond(context, page, lang, status=STATUS_CODES[outcome.code])
    return _respond(context, StatusPage(lang, status, token, confirmation="subscribed"), lang)


@router.post("/status/opt-out", response_class=Response)
async def opt_out(token: Token, context: Context, uow: Transaction, lang: Language = Language.DE) -> Response:
    """No more messages about this case. The case goes on."""
    ref = _ref_of(token, uow, context)
    if not ref:
        return _respond(context, LINK_EXPIRED, lang)
    status = await handlers.opt_out_of_case(ref, uow, context=context)
    return _confirm(context, status, token, lang, confirmation="stopped")


@router.post("/status/unsubscribe", response_class=Response)
async def unsubscribe_with_one_click(
    token: Annotated[str, Query(max_length=200)], context: Context, uow: Transaction, lang: Language = Language.DE
) -> Response:
    """The request of an e-mail program whose user unsubscribes (RFC 8058): no more messages to the mailbox."""
    notice_id = verify_token(token, context.cipher.keyed_hash, kind=LinkKind.UNSUBSCRIBE, now=uow.now)
    refusal = await handlers.unsubscribe(notice_id, uow) if notice_id else LINK_EXPIRED
    return _respond(context, refusal or StatusPage(lang, confirmation="unsubscribed"), lang)


def _ref_of(token: str, uow: UnitOfWork, context: NotificationContext) -> AboutRef | None:
    for kind, about in PAGE_TOKENS.items():
        if id_ := verify_token(token, context.cipher.keyed_hash, kind=kind, now=uow.now):
            return AboutRef(about, id_)
    return None


def _page_token(ref: AboutRef, uow: UnitOfWork, context: NotificationContext) -> str:
    kind = next(kind for kind, about in PAGE_TOKENS.items() if about is ref.about)
    return sign_token(ref.id, context.cipher.keyed_hash, kind=kind, now=uow.now)


def _confirm(
    context: NotificationContext, status: StatusView | Refusal, token: str, lang: Language, *, confirmation: str
) -> Response:
    if isinstance(status, Refusal):
        return _respond(context, status, lang)
    return _respond(context, StatusPage(lang, status, token, confirmation=confirmation), lang)


def _text_of(refusal: Refusal) -> str:
    return refusal.code.rpartition(".")[2]


def _respond(
    context: NotificationContext, page: StatusPage | Refusal, lang: Language = Language.DE, *, status: int = 200
) -> Response:
    if isinstance(page, Refusal):
        html = render(StatusPage(lang, error=_text_of(page)), context.authority)
        status = STATUS_CODES[page.code]
    else:
        html = render(page, context.authority)
    return Response(html, status, media_type="text/html; charset=utf-8", headers=HEADERS)

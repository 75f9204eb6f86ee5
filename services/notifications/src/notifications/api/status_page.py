"""The status page for citizens, without a sign-in: they look up a case by its code and their date of birth.

Invariants: the page shows nothing beyond what anybody with the receipt and the date of birth may know; every look-up
takes the same time; pages load nothing, run no script and are never cached.
"""

import asyncio
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import Channel, Language, normalize_case_code
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.signed_links import sign_token, verify_token
from wanderamt.shell.http import Transaction
from wanderamt.shell.web_forms import NO_STORE, STRICT_CSP, client_address, parse_date

from notifications.api.dependencies import Context
from notifications.domain.refusals import CASE_NOT_FOUND, LINK_EXPIRED
from notifications.handlers import status_page as handlers
from notifications.handlers.context import NotificationContext
from notifications.handlers.status_page import ChosenPreferences, StatusView
from notifications.pages.render import StatusPage, render

RESPONSE_S = 0.5  # every look-up takes this long
HEADERS = NO_STORE | {"Content-Security-Policy": STRICT_CSP}
STATUS_CODES = {"status.not_known": 404, "status.too_many": 429, "status.pass_over": 403}
PAGES: dict[int | str, dict[str, Any]] = {
    status: {"description": description, "content": {"text/html": {"schema": {"type": "string"}}}}
    for status, description in (
        (200, "A page"),
        (403, "The page was too old: the first page"),
        (404, "No case has this code and date of birth: the first page"),
        (429, "Too many attempts: the first page"),
    )
}
ShortText = Annotated[str, Form(max_length=60)]
Token = Annotated[str, Form(max_length=200)]

router = APIRouter(tags=["citizen"], responses=PAGES)


@router.get("/status", response_class=Response)
async def show_form(lang: Language = Language.DE) -> Response:
    """The form for code and date of birth."""
    return _respond(StatusPage(lang))


@router.post("/status", response_class=Response)
async def look_up(
    request: Request, context: Context, code: ShortText, born: ShortText, lang: Language = Language.DE
) -> Response:
    """The status of a case. A wrong code and a wrong date get the same response."""
    loop = asyncio.get_running_loop()
    respond_at = loop.time() + RESPONSE_S
    page: StatusPage | Refusal
    birth_date = parse_date(born)
    client = client_address(request, context.client_header)
    # opened here instead of by a dependency: it must end before the wait, which must not hold a connection
    async with context.database.unit_of_work() as uow:
        case = await handlers.look_up(
            normalize_case_code(code), birth_date or date.min, uow, client=client, context=context
        )
        page = case if isinstance(case, Refusal) else CASE_NOT_FOUND
        if not isinstance(case, Refusal) and birth_date:
            status = await handlers.show_status(case.id, uow, context=context)
            token = sign_token(case.id, context.cipher.keyed_hash, now=uow.now)
            page = status if isinstance(status, Refusal) else StatusPage(lang, status, token)
    await asyncio.sleep(max(0.0, respond_at - loop.time()))
    return _respond(page, lang)


@router.post("/status/preferences", response_class=Response)
async def save_preferences(
    token: Token,
    context: Context,
    uow: Transaction,
    channel: ShortText = "",
    language: ShortText = "de",
    district: Annotated[list[str], Form(max_length=100)] = [],  # noqa: B006 -- FastAPI copies it
    lang: Language = Language.DE,
) -> Response:
    """The channel, the language, and the districts whose stands the citizen wants notices of."""
    case_id = verify_token(token, context.cipher.keyed_hash, now=uow.now)
    if not case_id:
        return _respond(LINK_EXPIRED, lang)
    chosen = ChosenPreferences(Channel(channel) if channel in set(Channel) else None, language[:5], tuple(district))
    status = await handlers.save_preferences(case_id, chosen, uow, context=context)
    return _confirm(status, token, lang, confirmation="saved")


@router.post("/status/opt-out", response_class=Response)
async def opt_out(token: Token, context: Context, uow: Transaction, lang: Language = Language.DE) -> Response:
    """No more messages. The case goes on."""
    return await _opt_out(token, uow, context, lang)


@router.post("/status/unsubscribe", response_class=Response)
async def unsubscribe_with_one_click(
    token: Annotated[str, Query(max_length=200)], context: Context, uow: Transaction, lang: Language = Language.DE
) -> Response:
    """The request of an e-mail program whose user unsubscribes (RFC 8058)."""
    return await _opt_out(token, uow, context, lang)


async def _opt_out(token: str, uow: UnitOfWork, context: NotificationContext, lang: Language) -> Response:
    case_id = verify_token(token, context.cipher.keyed_hash, now=uow.now)
    if not case_id:
        return _respond(LINK_EXPIRED, lang)
    status = await handlers.opt_out_of_case(case_id, uow, context=context)
    return _confirm(status, token, lang, confirmation="stopped")


def _confirm(status: StatusView | Refusal, token: str, lang: Language, *, confirmation: str) -> Response:
    if isinstance(status, Refusal):
        return _respond(status, lang)
    return _respond(StatusPage(lang, status, token, confirmation=confirmation), lang)


def _respond(page: StatusPage | Refusal, lang: Language = Language.DE) -> Response:
    if isinstance(page, Refusal):
        html = render(StatusPage(lang, error=page.code.rpartition(".")[2]))
        status = STATUS_CODES[page.code]
    else:
        html, status = render(page), 200
    return Response(html, status, media_type="text/html; charset=utf-8", headers=HEADERS)

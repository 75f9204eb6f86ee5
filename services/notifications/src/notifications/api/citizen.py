"""For citizens, without a login: how their case stands, by its code and their date of birth; what they prefer.

Kept true: nothing is told that could not be told to anybody who holds the receipt and knows the date; every answer to a
look-up takes the same time; pages fetch nothing, run nothing and stand in no cache.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from wanderamt.backbone.database import Database
from wanderamt.contracts import Channel, Language, plain_code
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.passes import read_pass, sign_pass
from wanderamt.shell.forms import NO_STORE, NOTHING_FETCHED, asked_from, read_day

from notifications.domain.refusals import NOT_KNOWN, PASS_OVER
from notifications.handlers.citizen import Shown, Wanted, choose, look_up, opt_out, show
from notifications.handlers.ground import Ground
from notifications.pages.render import Page, page

ANSWER_S = 0.5  # every look-up is answered so long after it was asked
HEADERS = NO_STORE | {"Content-Security-Policy": NOTHING_FETCHED}
STATUS = {"status.not_known": 404, "status.too_many": 429, "status.pass_over": 403}
PAGES: dict[int | str, dict[str, Any]] = {
    status: {"description": what, "content": {"text/html": {"schema": {"type": "string"}}}}
    for status, what in (
        (200, "A page"),
        (403, "The page was too old: the first one"),
        (404, "The first page: nothing fits"),
        (429, "The first page: too many tries"),
    )
}
Text = Annotated[str, Form(max_length=60)]
Pass = Annotated[str, Form(max_length=200)]


def citizen_routes(database: Database, ground: Ground, *, wording: str, client_header: str = "") -> APIRouter:
    """Open to everybody: there is no token to ask for. `client_header`: believed, so only our own proxy may set it."""
    router = APIRouter(tags=["citizen"], responses=PAGES)

    @router.get("/status", response_class=Response)
    async def form(lang: Language = Language.DE) -> Response:
        """The page that asks for code and date of birth."""
        return _answer(Page(lang))

    @router.post("/status", response_class=Response)
    async def look(request: Request, code: Text, born: Text, lang: Language = Language.DE) -> Response:
        """How it stands. What does not fit is answered alike, whatever it is."""
        loop = asyncio.get_running_loop()
        due = loop.time() + ANSWER_S
        found: Page | Refusal
        day = read_day(born)
        async with database.work() as work:
            subject = await look_up(
                plain_code(code), day or date.min, work, place=asked_from(request, client_header), ground=ground
            )
            found = subject if isinstance(subject, Refusal) else NOT_KNOWN
            if not isinstance(subject, Refusal) and day:
                shown = await show(subject.id, work, ground=ground)
                ticket = sign_pass(subject.id, ground.sealer.fingerprint, now=work.now)
                found = shown if isinstance(shown, Refusal) else Page(lang, shown, ticket)
        await asyncio.sleep(max(0.0, due - loop.time()))
        return _answer(found, lang)

    @router.post("/status/preferences", response_class=Response)
    async def prefer(
        ticket: Pass,
        channel: Text = "",
        language: Text = "de",
        district: Annotated[list[str], Form(max_length=100)] = [],  # noqa: B006 -- FastAPI copies it
        lang: Language = Language.DE,
    ) -> Response:
        """Which channel, which language, and stands in which districts."""
        wish = Wanted(Channel(channel) if channel in set(Channel) else None, language[:5], tuple(district))

        async def act(subject_id, work) -> Shown | Refusal:  # type: ignore[no-untyped-def]
            return await choose(subject_id, wish, work, wording=wording, ground=ground)

        return await _with_pass(ticket, lang, act, said="saved")

    @router.post("/status/opt-out", response_class=Response)
    async def stop(ticket: Pass, lang: Language = Language.DE) -> Response:
        """No more messages. The case goes on all the same."""

        async def act(subject_id, work) -> Shown | Refusal:  # type: ignore[no-untyped-def]
            return await opt_out(subject_id, work, ground=ground)

        return await _with_pass(ticket, lang, act, said="stopped")

    @router.post("/status/unsubscribe", response_class=Response)
    async def one_click(ticket: Annotated[str, Query(max_length=200)], lang: Language = Language.DE) -> Response:
        """What a mail program posts when its reader wants no more of these (RFC 8058)."""
        return await stop(ticket, lang)

    async def _with_pass(
        ticket: str, lang: Language, act: Callable[..., Awaitable[Shown | Refusal]], *, said: str
    ) -> Response:
        async with database.work() as work:
            subject_id = read_pass(ticket, ground.sealer.fingerprint, now=work.now)
            shown = await act(subject_id, work) if subject_id else PASS_OVER
        return _answer(shown if isinstance(shown, Refusal) else Page(lang, shown, ticket, said=said), lang)

    return router


def _answer(found: Page | Refusal, lang: Language = Language.DE) -> Response:
    refused = isinstance(found, Refusal)
    html = page(Page(lang, wrong=found.code.rpartition(".")[2]) if isinstance(found, Refusal) else found)
    status = STATUS[found.code] if refused and isinstance(found, Refusal) else 200
    return Response(html, status, media_type="text/html; charset=utf-8", headers=HEADERS)

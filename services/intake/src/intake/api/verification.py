"""For everybody: is this paper genuine, and does it still count?

Kept true: nobody needs a token, so nothing is told that the paper does not show; every answer takes the same time,
whatever it is; what strangers send is taken apart in a process of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from wanderamt.backbone.database import Database
from wanderamt.contracts import Language
from wanderamt.kernel.refusal import Ground, Refusal

from intake.api.outcome import told
from intake.domain.proof import Claims, Standing, standing
from intake.domain.status import StatusList
from intake.handlers.documents import papers_taken_back
from intake.pages.render import verification_page
from intake.proof.authority import Authority, Trust
from intake.proof.stamp import MAX_TEXT, sign_list

ANSWER_S = 0.5  # every answer comes so long after its question
LIST_FOR = timedelta(seconds=30)
NEW_PAPER = timedelta(seconds=1)
MAX_FILE_BYTES = 10 * 1024 * 1024
FORM_ALONE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}

FILE_TOO_LARGE = Refusal(
    "verification.too_large",
    f"A file holds at most {MAX_FILE_BYTES // 2**20} MiB. Take a smaller picture.",
    Ground.TOO_LARGE,
)


class StampIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    stamp: str = Field(min_length=1, max_length=MAX_TEXT, description="The text of the code on the paper.")


class StandingOut(BaseModel):
    """What a genuine paper says, to be compared with what is printed on it, and whether it counts today."""

    standing: Standing
    authority: str
    number: str
    holder: str
    issued_at: datetime
    valid_until: date | None
    as_of: datetime = Field(description="Of the list of papers that were taken back.")
    given_at_stand: bool = Field(description="Stamped by a device before the office had heard of it.")


class Taken:
    """The list of papers that were taken back, read anew at most every 30 s however many ask."""

    def __init__(self, database: Database, authority: Authority) -> None:
        self._database = database
        self._authority = authority
        self._one_at_a_time = asyncio.Lock()
        self._made: tuple[StatusList, bytes] | None = None

    async def back(self, status_index: int = 0) -> tuple[StatusList, bytes]:
        """The list, and the same signed. One that is too old to know this paper is made anew, once a second."""
        async with self._one_at_a_time:
            if not self._made or self._is_old(self._made[0], status_index):
                async with self._database.work() as work:
                    listed = await papers_taken_back(work)
                self._made = listed, await asyncio.to_thread(sign_list, listed, self._authority)
            return self._made

    def _is_old(self, listed: StatusList, status_index: int) -> bool:
        age = self._database.sources.clock() - listed.as_of
        return age > (LIST_FOR if listed.covers(status_index) else NEW_PAPER)


Read = Callable[[bytes], Awaitable[Claims | Refusal]]


def verification_routes(database: Database, authority: Authority, trusted: list[Trust], read: Read) -> APIRouter:
    """`trusted`: certificates that count. `read`: what a file, a picture or the text of a code claims, or why not."""
    router = APIRouter(tags=["verification"])
    taken = Taken(database, authority)

    async def check(paper: bytes) -> StandingOut | Refusal:
        loop = asyncio.get_running_loop()
        due = loop.time() + ANSWER_S
        answer: StandingOut | Refusal
        found = await read(paper)
        if isinstance(found, Refusal):
            answer = found
        else:
            listed, _ = await taken.back(found.status_index)
            answer = _standing_out(found, listed, now=database.sources.clock())
        await asyncio.sleep(max(0.0, due - loop.time()))
        return answer

    @router.get("/status-list", response_class=Response)
    async def status_list() -> Response:
        """Signed (CWT): keep it on a device, and papers can be checked for three days without a network."""
        _, token = await taken.back()
        headers = {"Cache-Control": f"public, max-age={LIST_FOR.seconds}"}
        return Response(token, media_type="application/statuslist+cwt", headers=headers)

    @router.get("/authority.pem", response_class=Response)
    async def certificate() -> Response:
        """The certificates of papers that count, the present one first. Compare fingerprints got by another way."""
        return Response("".join(trust.pem for trust in trusted), media_type="application/x-pem-file")

    @router.post("/verify")
    async def verify(asked: StampIn) -> StandingOut:
        """Checks the code of a paper."""
        answer: StandingOut = told(await check(asked.stamp.encode()))
        return answer

    @router.get("/verify", response_class=Response)
    async def page(lang: Language = Language.DE) -> Response:
        """A page to check papers with, for everybody."""
        return _page(lang)

    @router.post("/verify.html", response_class=Response)
    async def answer_page(
        request: Request,
        stamp: Annotated[str, Form(max_length=MAX_TEXT)] = "",
        file: Annotated[UploadFile | None, File(description="The signed PDF, or a picture of the page.")] = None,
        lang: Language = Language.DE,
    ) -> Response:
        """What the page asks: by the text of a code, by a picture of it, or by the file."""
        paper = await file.read(MAX_FILE_BYTES + 1) if file and file.size else stamp.encode()
        if not paper.strip():
            return _page(lang)
        answer = FILE_TOO_LARGE if len(paper) > MAX_FILE_BYTES else await check(paper)
        return _page(lang, answer)

    return router


def _page(language: Language, answer: StandingOut | Refusal | None = None) -> Response:
    html = verification_page(answer, language=language)
    return Response(html, media_type="text/html; charset=utf-8", headers=FORM_ALONE)


def _standing_out(claims: Claims, listed: StatusList, *, now: datetime) -> StandingOut:
    return StandingOut(
        standing=standing(claims, listed, now=now),
        authority=claims.authority,
        number=claims.number,
        holder=claims.holder,
        issued_at=claims.issued_at,
        valid_until=claims.valid_until,
        as_of=listed.as_of,
        given_at_stand=bool(claims.given_by),
    )

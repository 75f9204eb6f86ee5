"""Public pages, for everybody: where the administration comes to, and appointments there.

Kept true: pages run nothing, fetch nothing but map tiles of the city's own server, and stand in no cache where they
show somebody's appointment; who acts on one holds a pass that ends.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from wanderamt.backbone.database import Database
from wanderamt.backbone.work import Work
from wanderamt.contracts import Language, case_code, plain_code
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.passes import read_pass, sign_pass
from wanderamt.shell.forms import NO_STORE, NOTHING_FETCHED, asked_from, read_day
from wanderamt.shell.problems import STATUS, Problem

from scheduling.api.booking import Ask, read_person
from scheduling.domain.appointment import Appointment, State
from scheduling.domain.offer import offer_of
from scheduling.domain.refusals import NO_APPOINTMENT, NO_SLOT, NO_STAND, PASS_OVER
from scheduling.domain.stand import Stand
from scheduling.handlers import appointments, queue, visiting
from scheduling.handlers.ground import Ground
from scheduling.pages.chart import Place, chart
from scheduling.pages.render import page

REFRESH_S = 10
HTML = "text/html; charset=utf-8"
PAGES: dict[int | str, dict[str, Any]] = {
    status: {"description": what, "content": {"text/html": {"schema": {"type": "string"}}}}
    for status, what in (
        (200, "A page"),
        (403, "The page was too old: the first one"),
        (404, "A page: there is no such stand or appointment"),
        (409, "A page: it was taken meanwhile, or is over"),
        (422, "A page: something is missing or wrong"),
    )
}
PAGES[422]["content"]["application/problem+json"] = {"schema": Problem.model_json_schema()}
Text = Annotated[str, Form(max_length=200)]
Act = Callable[[UUID, Work], Awaitable[Appointment | Refusal]]


class Pages:
    """Renders for one city. `tiles_url`: of its own map server; empty: no tiles."""

    def __init__(self, ground: Ground, tiles_url: str) -> None:
        self.ground, self.tiles_url = ground, tiles_url
        parts = urlsplit(tiles_url)
        images = f"; img-src {parts.scheme}://{parts.netloc}" if tiles_url else ""
        self._headers = NO_STORE | {"Content-Security-Policy": NOTHING_FETCHED + images}

    def show(self, name: str, lang: Language, switch: str, *, status: int = 200, **shown: Any) -> Response:
        other = "en" if lang is Language.DE else "de"
        html = page(
            name, lang, self.ground.zone, switch=f"{switch}{'&' if '?' in switch else '?'}lang={other}", **shown
        )
        return Response(html, status, media_type=HTML, headers=self._headers)

    async def stand(
        self,
        stand_id: StandId,
        work: Work,
        lang: Language,
        *,
        service: str = "",
        wrong: Refusal | None = None,
        said: str = "",
    ) -> Response:
        found = await visiting.look_at(stand_id, work)
        if isinstance(found, Refusal):
            return await self.list(work, lang, status=404)
        stand, pitch = found
        offers = [offer_of(self.ground.offers, code) for code in stand.plan.services]
        chosen = next((one for one in offers if one.code == service), None)
        times = await appointments.free_times(stand, service, work, ground=self.ground) if chosen else []
        return self.show(
            "stand",
            lang,
            f"/visit/{stand.id}{f'?service={service}' if chosen else ''}",
            status=STATUS[wrong.ground] if wrong else 200,
            stand=stand,
            pitch=pitch,
            offers=offers,
            chosen=chosen,
            times=times,
            open=visiting.is_open(stand, work.now),
            wrong=_word(wrong),
            said=said,
        )

    async def list(
        self, work: Work, lang: Language, *, service: str = "", district: str = "", group: str = "", status: int = 200
    ) -> Response:
        found = await visiting.shown(work, service=service, district=district, group=group)
        codes = visiting.offered(found.all)
        return self.show(
            "list",
            lang,
            "/visit",
            status=status,
            stands=found.stands,
            districts=found.districts,
            groups=found.groups,
            services=[(code, offer_of(self.ground.offers, code).titles[lang]) for code in codes],
            service=service,
            district=district,
            chart=chart(_places(found.stands, lang), tiles_url=self.tiles_url),
        )

    async def mine(
        self, id_: UUID, work: Work, lang: Language, *, wrong: Refusal | None = None, said: str = ""
    ) -> Response:
        found = await visiting.mine(id_, work)
        if isinstance(found, Refusal):
            return self.ask(lang, found)
        one, stand = found
        movable = one.state in {State.BOOKED, State.CONFLICT}
        return self.show(
            "mine",
            lang,
            "/visit/appointment",
            status=STATUS[wrong.ground] if wrong else 200,
            appointment=one,
            stand=stand,
            code=case_code(one.id),
            offer=offer_of(self.ground.offers, one.service),
            choices=await visiting.choices(one, stand, work, ground=self.ground) if movable else [],
            ticket=self.ticket(one.id, work),
            wrong=_word(wrong),
            said=said,
        )

    def ask(self, lang: Language, wrong: Refusal | None = None) -> Response:
        """The page that asks for code and date of birth."""
        status = STATUS[wrong.ground] if wrong else 200
        return self.show(
            "mine", lang, "/visit/appointment", status=status, appointment=None, wrong=_word(wrong), said=""
        )

    async def held(self, one: Appointment, work: Work, lang: Language, *, wrong: Refusal | None = None) -> Response:
        found = await visiting.mine(one.id, work)
        if isinstance(found, Refusal):
            return self.ask(lang, found)
        return self.show(
            "held",
            lang,
            f"/visit/{one.stand_id}?service={one.service}",
            status=STATUS[wrong.ground] if wrong else 200,
            appointment=one,
            stand=found[1],
            offer=offer_of(self.ground.offers, one.service),
            ticket=self.ticket(one.id, work),
            wrong=_word(wrong),
        )

    def ticket(self, id_: UUID, work: Work) -> str:
        return sign_pass(id_, self.ground.sealer.fingerprint, now=work.now)

    def read(self, ticket: str, work: Work) -> UUID | None:
        return read_pass(ticket, self.ground.sealer.fingerprint, now=work.now)


def visit_routes(database: Database, ground: Ground, *, client_header: str, tiles_url: str, wording: str) -> APIRouter:
    """Open to everybody. `wording`: the version of what is agreed to on the page."""
    router = APIRouter(tags=["public pages"], responses=PAGES)
    pages = Pages(ground, tiles_url)
    _add_booking(router, database, pages, client_header=client_header, wording=wording)
    _add_mine(router, database, pages)

    @router.get("/visit", response_class=Response)
    async def list_(
        lang: Language = Language.DE,
        service: Annotated[str, Query(max_length=100)] = "",
        district: Annotated[str, Query(max_length=100)] = "",
        group: Annotated[str, Query(max_length=100)] = "",
    ) -> Response:
        """Map and list of stands."""
        async with database.work() as work:
            return await pages.list(work, lang, service=service, district=district, group=group)

    @router.get("/visit/{stand_id}", response_class=Response)
    async def stand(
        stand_id: UUID, lang: Language = Language.DE, service: Annotated[str, Query(max_length=100)] = ""
    ) -> Response:
        """One stand: what is offered, what to bring, free times."""
        async with database.work() as work:
            return await pages.stand(StandId(stand_id), work, lang, service=service)

    @router.get("/visit/{stand_id}/display", response_class=Response)
    async def display(stand_id: UUID, lang: Language = Language.DE, live: bool = False) -> Response:  # noqa: FBT001, FBT002
        """For a screen at the stand: who is called to which desk, who is next. `live`: loads itself again and again."""
        async with database.work() as work:
            there = await queue.room(StandId(stand_id), work, ground=ground)
            if isinstance(there, Refusal):
                return await pages.list(work, lang, status=404)
        answer = pages.show(
            "display",
            lang,
            f"/visit/{stand_id}/display",
            stand=there.stand,
            called=there.called,
            next=there.next[:12],
            waits={id_: -(-round(wait.total_seconds()) // 300) * 5 for id_, wait in there.waits.items()},
            live=live,
        )
        if live:  # asked for by a link on the page, and ended by one
            answer.headers["Refresh"] = str(REFRESH_S)
        return answer

    return router


def _add_booking(router: APIRouter, database: Database, pages: Pages, *, client_header: str, wording: str) -> None:
    ground = pages.ground

    def typed(born: Text, phone: Text = "", email: Text = "", consent: Text = "", lang: Language = Language.DE) -> Ask:
        return Ask(phone=phone, email=email, born=born, consent=wording if consent else "", language=lang)

    @router.post("/visit/{stand_id}/hold", response_class=Response)
    async def hold(
        request: Request, stand_id: UUID, service: Text, time: Text, lang: Language = Language.DE
    ) -> Response:
        """Keeps a time for some minutes, and asks who comes."""
        at = _moment(time)
        async with database.work() as work:
            place = asked_from(request, client_header)
            one: Appointment | Refusal = NO_SLOT
            if at:
                one = await appointments.hold_time(
                    work.new_id(), StandId(stand_id), service, at, work, place=place, ground=ground
                )
            if isinstance(one, Refusal):
                return await pages.stand(StandId(stand_id), work, lang, service=service, wrong=one)
            return await pages.held(one, work, lang)

    @router.post("/visit/confirm", response_class=Response)
    async def confirm(ticket: Text, asked: Annotated[Ask, Depends(typed)], lang: Language = Language.DE) -> Response:
        """Books what was held."""
        async with database.work() as work:
            id_ = pages.read(ticket, work)
            if not id_:
                return pages.ask(lang, PASS_OVER)
            person = read_person(id_, asked, ground)
            outcome = (
                person
                if isinstance(person, Refusal)
                else await appointments.confirm_hold(id_, person, work, ground=ground)
            )
            if isinstance(outcome, Refusal):
                found = await visiting.mine(id_, work)
                if isinstance(found, Refusal) or found[0].state is not State.HELD:
                    return pages.ask(lang, outcome)
                return await pages.held(found[0], work, lang, wrong=outcome)
            return await pages.mine(id_, work, lang, said="booked")

    @router.post("/visit/{stand_id}/wait", response_class=Response)
    async def wait(
        stand_id: UUID, service: Text, asked: Annotated[Ask, Depends(typed)], lang: Language = Language.DE
    ) -> Response:
        """Joins the waiting list of a stand that is full."""
        async with database.work() as work:
            id_ = work.new_id()
            person = read_person(id_, asked, ground)
            refused = person if isinstance(person, Refusal) else None
            if not isinstance(person, Refusal):
                refused = await appointments.wait_for_place(id_, StandId(stand_id), service, person, work)
            said = "" if refused else "waiting"
            return await pages.stand(StandId(stand_id), work, lang, service=service, wrong=refused, said=said)


def _add_mine(router: APIRouter, database: Database, pages: Pages) -> None:
    @router.get("/visit/appointment", response_class=Response)
    async def form(lang: Language = Language.DE) -> Response:
        """Asks for code and date of birth."""
        return pages.ask(lang)

    @router.post("/visit/appointment", response_class=Response)
    async def look(code: Text, born: Text, lang: Language = Language.DE) -> Response:
        """Somebody's own appointment. What does not fit is answered alike."""
        day = read_day(born)
        async with database.work() as work:
            found: Appointment | Refusal = NO_APPOINTMENT
            if day:
                found = await appointments.look_up(plain_code(code), day, work, ground=pages.ground)
            return pages.ask(lang, found) if isinstance(found, Refusal) else await pages.mine(found.id, work, lang)

    @router.post("/visit/appointment/move", response_class=Response)
    async def move(ticket: Text, place: Text, lang: Language = Language.DE) -> Response:
        """To another time, here or at another stand. `place`: the stand's id, a blank, the time."""
        stand_id, _, time = place.partition(" ")
        at, other = _moment(time), _id(stand_id)

        async def act(id_: UUID, work: Work) -> Appointment | Refusal:
            return await appointments.move_appointment(id_, StandId(other), at, work) if at and other else NO_SLOT

        return await with_pass(ticket, lang, act, said="moved")

    @router.post("/visit/appointment/cancel", response_class=Response)
    async def cancel(ticket: Text, lang: Language = Language.DE) -> Response:
        """Gives the time to somebody else."""

        async def act(id_: UUID, work: Work) -> Appointment | Refusal:
            return await appointments.cancel_appointment(id_, work, by_citizen=True)

        return await with_pass(ticket, lang, act, said="cancelled")

    async def with_pass(ticket: str, lang: Language, act: Act, *, said: str) -> Response:
        async with database.work() as work:
            id_ = pages.read(ticket, work)
            if not id_:
                return pages.ask(lang, PASS_OVER)
            outcome = await act(id_, work)
            refused = outcome if isinstance(outcome, Refusal) else None
            return await pages.mine(id_, work, lang, wrong=refused, said="" if refused else said)


def _word(refused: Refusal | None) -> str:
    """Its key among the words of the pages."""
    if refused is None:
        return ""
    return "not_found" if refused in {NO_STAND, NO_APPOINTMENT} else refused.code.rpartition(".")[2]


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _places(stands: list[Stand], lang: Language) -> list[Place]:
    return [
        Place(
            one.plan.latitude,
            one.plan.longitude,
            str(number),
            f"{one.plan.place}, {one.plan.starts_at:%d.%m.%Y}",
            f"/visit/{one.id}?lang={lang}",
        )
        for number, one in enumerate(stands, 1)
        if one.plan.latitude is not None and one.plan.longitude is not None
    ]

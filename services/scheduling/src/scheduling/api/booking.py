"""JSON for city websites: stands, free times, booking; and calendars. Open to everybody, from every site.

The same steps as on our pages: hold a time, confirm it with an address, look it up with code and date of birth, move
or cancel it with the pass that the look-up gives.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from wanderamt.backbone.database import Database
from wanderamt.contracts import Language, plain_code
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.passes import read_pass, sign_pass
from wanderamt.shell.forms import asked_from, read_day
from wanderamt.shell.problems import Refused

from scheduling.api.outcome import told
from scheduling.api.queue import AppointmentOut, appointment_out
from scheduling.domain.appointment import Person
from scheduling.domain.contact import reachable
from scheduling.domain.offer import offer_of
from scheduling.domain.refusals import NO_BIRTH_DATE, PASS_OVER
from scheduling.domain.stand import Stand
from scheduling.handlers import appointments, visiting
from scheduling.handlers.ground import Ground
from scheduling.pages.calendar import calendar

FEED = {"Cache-Control": "public, max-age=900"}
Name = Annotated[str, Path(max_length=100)]


@dataclass(frozen=True, slots=True)
class Ask:
    """Who books, as typed."""

    phone: str
    email: str
    born: str
    consent: str
    language: Language


class ServiceOut(BaseModel):
    service: str
    title: dict[str, str]
    bring: dict[str, tuple[str, ...]]
    minutes: int


class PublicStand(BaseModel):
    stand_id: UUID
    place: str
    district: str
    starts_at: datetime
    ends_at: datetime
    occasion: str | None
    target_group: str | None
    latitude: float | None
    longitude: float | None
    services: list[ServiceOut]


class HoldIn(BaseModel):
    """`hold_id`: made by the caller (UUIDv7), so that asking twice holds once."""

    model_config = ConfigDict(extra="forbid")

    hold_id: UUID
    service: str = Field(min_length=1, max_length=100, examples=["active_pass"])
    starts_at: AwareDatetime


class HoldOut(BaseModel):
    hold_id: UUID
    starts_at: datetime
    ends_at: datetime
    hold_until: datetime | None


class ConfirmIn(BaseModel):
    """A telephone number or an e-mail address. `consent`: the version of the wording agreed to; empty: none."""

    model_config = ConfigDict(extra="forbid")

    phone: str = Field("", max_length=40, examples=["+436601234567"])
    email: str = Field("", max_length=200)
    born: date
    consent: str = Field("", max_length=40, examples=["2026-1"])
    language: Language = Language.DE


class LookIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str = Field(max_length=20, examples=["7K3MZ-Q8XWT"])
    born: date


class MineOut(BaseModel):
    """`ticket`: what moving and cancelling ask for; good for twenty minutes."""

    appointment: AppointmentOut
    ticket: str


class MoveIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ticket: str = Field(max_length=200)
    stand_id: UUID
    starts_at: AwareDatetime


class CancelIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ticket: str = Field(max_length=200)


def booking_routes(database: Database, ground: Ground, *, client_header: str, public_url: str) -> APIRouter:
    router = APIRouter(tags=["public"])
    _add_calendars(router, database, ground, public_url)
    _add_mine(router, database, ground)

    @router.get("/public/stands")
    async def stands(
        service: Annotated[str, Query(max_length=100)] = "",
        district: Annotated[str, Query(max_length=100)] = "",
        group: Annotated[str, Query(max_length=100)] = "",
    ) -> list[PublicStand]:
        """Stands one may come to, the next first. Empty: nothing is planned for this choice."""
        async with database.work() as work:
            found = await visiting.shown(work, service=service, district=district, group=group)
        return [_public(one, ground) for one in found.stands]

    @router.get("/public/stands/{stand_id}/times")
    async def times(
        stand_id: UUID, service: Annotated[str, Query(max_length=100)], response: Response
    ) -> list[datetime]:
        """When an appointment for a service could begin. Empty: all is taken, or it is not offered there."""
        async with database.work() as work:
            stand, _ = told(await visiting.look_at(StandId(stand_id), work))
            offered = service in stand.plan.services
            return await appointments.free_times(stand, service, work, ground=ground) if offered else []

    @router.post("/public/stands/{stand_id}/holds", status_code=201)
    async def hold(request: Request, stand_id: UUID, order: HoldIn) -> HoldOut:
        """Keeps a time for some minutes."""
        place = asked_from(request, client_header)
        async with database.work() as work:
            one = told(
                await appointments.hold_time(
                    order.hold_id, StandId(stand_id), order.service, order.starts_at, work, place=place, ground=ground
                )
            )
        return HoldOut(hold_id=one.id, starts_at=one.starts_at, ends_at=one.ends_at, hold_until=one.hold_until)

    @router.post("/public/holds/{hold_id}/confirm", status_code=201)
    async def confirm(hold_id: UUID, order: ConfirmIn) -> AppointmentOut:
        """Books what was held. The appointment's code is what the citizen calls it by."""
        asked = Ask(order.phone, order.email, order.born.isoformat(), order.consent, order.language)
        person = told(read_person(hold_id, asked, ground))
        async with database.work() as work:
            return appointment_out(told(await appointments.confirm_hold(hold_id, person, work, ground=ground)))

    return router


def _add_mine(router: APIRouter, database: Database, ground: Ground) -> None:
    @router.post("/public/appointments/look-up")
    async def look_up(order: LookIn) -> MineOut:
        """Somebody's own appointment. What does not fit is answered alike."""
        async with database.work() as work:
            found = await appointments.look_up(plain_code(order.code), order.born, work, ground=ground)
            ticket = "" if isinstance(found, Refusal) else sign_pass(found.id, ground.sealer.fingerprint, now=work.now)
        return MineOut(appointment=appointment_out(told(found)), ticket=ticket)

    @router.post("/public/appointments/move")
    async def move(order: MoveIn) -> AppointmentOut:
        """To another time, here or at another stand."""
        async with database.work() as work:
            id_ = _holder(order.ticket, ground, work.now)
            moved = await appointments.move_appointment(id_, StandId(order.stand_id), order.starts_at, work)
            return appointment_out(told(moved))

    @router.post("/public/appointments/cancel")
    async def cancel(order: CancelIn) -> AppointmentOut:
        """Gives the time to somebody else."""
        async with database.work() as work:
            id_ = _holder(order.ticket, ground, work.now)
            return appointment_out(told(await appointments.cancel_appointment(id_, work, by_citizen=True)))


def _add_calendars(router: APIRouter, database: Database, ground: Ground, public_url: str) -> None:
    link = f"{public_url}/visit/{{id}}"
    text = {"text/calendar": {"schema": {"type": "string"}}}
    shape: dict[int | str, dict[str, Any]] = {200: {"description": "iCalendar (RFC 5545)", "content": text}}

    async def answer(name: str, lang: Language, *, district: str = "", group: str = "") -> Response:
        async with database.work() as work:
            found = await visiting.feed(work, district=district, group=group)
            body = calendar(
                found, name=name, language=lang, offers=ground.offers, zone=ground.zone, link=link, now=work.now
            )
        return Response(body, media_type="text/calendar; charset=utf-8", headers=FEED)

    @router.get("/calendar.ics", response_class=Response, responses=shape)
    async def everything(lang: Language = Language.DE) -> Response:
        """All stands, as a calendar to subscribe to."""
        return await answer("Linz", lang)

    @router.get("/calendar/district/{district}.ics", response_class=Response, responses=shape)
    async def of_district(district: Name, lang: Language = Language.DE) -> Response:
        """The stands of a district. An unknown one gives an empty calendar: there may be stands later."""
        return await answer(district, lang, district=district)

    @router.get("/calendar/group/{group}.ics", response_class=Response, responses=shape)
    async def of_group(group: Name, lang: Language = Language.DE) -> Response:
        """The stands for a group."""
        return await answer(group, lang, group=group)


def read_person(id_: UUID, asked: Ask, ground: Ground) -> Person | Refusal:
    """Whoever books, sealed. A refusal says what is wrong with the address or the date."""
    born = read_day(asked.born)
    if not born or born.year < 1900:
        return NO_BIRTH_DATE
    ways = reachable(asked.phone, asked.email)
    if isinstance(ways, Refusal):
        return ways
    phone, email = ways
    return appointments.person_of(
        id_, phone=phone, email=email, born=born, language=asked.language, consent=asked.consent, ground=ground
    )


def _holder(ticket: str, ground: Ground, now: datetime) -> UUID:
    id_ = read_pass(ticket, ground.sealer.fingerprint, now=now)
    if not id_:
        raise Refused(PASS_OVER)
    return id_


def _public(stand: Stand, ground: Ground) -> PublicStand:
    plan = stand.plan
    offers = [offer_of(ground.offers, code) for code in plan.services]
    return PublicStand(
        stand_id=stand.id,
        place=plan.place,
        district=plan.district,
        starts_at=plan.starts_at,
        ends_at=plan.ends_at,
        occasion=plan.occasion,
        target_group=plan.target_group,
        latitude=plan.latitude,
        longitude=plan.longitude,
        services=[
            ServiceOut(service=one.code, title=one.titles, bring=one.bring, minutes=one.minutes) for one in offers
        ],
    )

"""JSON for city websites, open to everybody from every site: stands, bookable times, booking, calendars.

The steps are those of our own pages: hold a time, confirm it with a contact and the token that the hold returns, look
it up with code and date of birth, move or cancel it with the token that the look-up returns. More than one appointment
of a contact needs a code that is sent to it: `/public/holds/{hold_id}/code`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from wanderamt.backbone.environment import Environment
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import Language, normalize_case_code
from wanderamt.kernel.bounded import NO_CONTROLS, VERSION_PATTERN, BoundedDay, BoundedTime
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.line_text import LineText
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.signed_links import sign_token, verify_token
from wanderamt.shell.client_address import ClientNetwork
from wanderamt.shell.http import Transaction
from wanderamt.shell.problems import RefusalError, or_refuse
from wanderamt.shell.web_forms import parse_date, same_answer_time

from scheduling.api.dependencies import Context, OwnTransaction
from scheduling.api.queue import AppointmentOut, appointment_out
from scheduling.domain.appointment import Citizen, TokenKind
from scheduling.domain.bookable_service import service_of
from scheduling.domain.contact import normalise_contact
from scheduling.domain.refusals import LINK_EXPIRED, NO_BIRTH_DATE, WRONG_HOLD_TOKEN
from scheduling.domain.stand import Stand
from scheduling.handlers import appointments, booking_limits, public_queries
from scheduling.handlers.context import SchedulingContext
from scheduling.pages.calendar import calendar

STAND_LIST_HEADERS = {"Cache-Control": "public, max-age=60"}
CALENDAR_HEADERS = {"Cache-Control": "public, max-age=900"}
CALENDAR_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "iCalendar (RFC 5545)", "content": {"text/calendar": {"schema": {"type": "string"}}}}
}
FilterText = Annotated[str, Query(max_length=100)]
PathName = Annotated[str, Path(max_length=100, pattern=NO_CONTROLS)]

router = APIRouter(tags=["public"])


@dataclass(frozen=True, slots=True)
class CitizenForm:
    """The input of a citizen who books."""

    phone: str
    email: str
    born: str
    consent: str
    language: Language


class BookableServiceOut(BaseModel):
    service: str
    title: dict[str, str]
    bring: dict[str, tuple[str, ...]]
    minutes: int


class PublicStandOut(BaseModel):
    stand_id: UUID
    place: str
    district: str
    starts_at: datetime
    ends_at: datetime
    occasion: str | None
    target_group: str | None
    latitude: float | None
    longitude: float | None
    services: list[BookableServiceOut]


class HoldIn(BaseModel):
    """`hold_id`: made by the caller (UUIDv7) and kept secret, so that a repeated request holds once.

    The answer has the hold's own id, which the server makes.
    """

    model_config = ConfigDict(extra="forbid")

    hold_id: UUID | None = None
    service: LineText = Field(min_length=1, max_length=100, examples=["active_pass"])
    starts_at: BoundedTime


class HoldOut(BaseModel):
    """`token`: required to confirm the hold; valid as long as the hold."""

    hold_id: UUID
    token: str
    starts_at: datetime
    ends_at: datetime
    hold_until: datetime | None


class ConfirmHoldIn(BaseModel):
    """A telephone number or an e-mail address. `consent`: version of the accepted consent text; empty: no consent.

    `token`: as the reservation returned it.
    """

    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=200)
    phone: str = Field("", max_length=40, examples=["+436601234567"])
    email: str = Field("", max_length=200)
    born: BoundedDay
    consent: str = Field("", max_length=40, pattern=f"^$|{VERSION_PATTERN}", examples=["2026-1"])
    language: Language = Language.DE
    contact_code: str = Field("", max_length=20, description="the code sent to the contact, if one is needed")


class SendCodeIn(BaseModel):
    """The contact with which the held time will be confirmed."""

    model_config = ConfigDict(extra="forbid")

    phone: str = Field("", max_length=40, examples=["+436601234567"])
    email: str = Field("", max_length=200)
    language: Language = Language.DE


class SentCodeOut(BaseModel):
    """`expires_at`: also the time from which another code can be sent. `tries`: wrong entries until it expires."""

    expires_at: datetime
    tries: int


class LookUpIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str = Field(max_length=20, examples=["7K3MZ-Q8XWT"])
    born: BoundedDay


class MyAppointmentOut(BaseModel):
    """`token`: required to move or cancel the appointment; valid for twenty minutes."""

    appointment: AppointmentOut
    token: str


class MoveAppointmentIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=200)
    stand_id: UUID
    starts_at: BoundedTime


class CancelAppointmentIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=200)


@router.get("/calendar.ics", response_class=Response, responses=CALENDAR_RESPONSES)
async def calendar_of_all(context: Context, uow: Transaction, lang: Language = Language.DE) -> Response:
    """All stands, as a calendar to subscribe to."""
    return await _calendar(context.authority.place, lang, uow, context)


@router.get("/calendar/district/{district}.ics", response_class=Response, responses=CALENDAR_RESPONSES)
async def calendar_of_district(
    district: PathName, context: Context, uow: Transaction, lang: Language = Language.DE
) -> Response:
    """The stands of a district. An unknown district has an empty calendar: it may get stands later."""
    return await _calendar(district, lang, uow, context, district=district)


@router.get("/calendar/group/{group}.ics", response_class=Response, responses=CALENDAR_RESPONSES)
async def calendar_of_group(
    group: PathName, context: Context, uow: Transaction, lang: Language = Language.DE
) -> Response:
    """The stands for a target group."""
    return await _calendar(group, lang, uow, context, group=group)


@router.post("/public/appointments/look-up")
async def look_up(
    body: LookUpIn, network: ClientNetwork, context: Context, database: OwnTransaction
) -> MyAppointmentOut:
    """One's own appointment. Every mismatch gets the same answer after the same time."""
    async with same_answer_time() as answer, database.unit_of_work() as uow:
        outcome, answer.seconds = await appointments.look_up(
            normalize_case_code(body.code), body.born, uow, network=network, context=context
        )
        now = uow.now
    # refused after the commit: wrong tries must last
    appointment = or_refuse(outcome)
    token = sign_token(appointment.id, context.cipher.keyed_hash, kind=TokenKind.BOOKING, now=now)
    return MyAppointmentOut(appointment=appointment_out(appointment), token=token)


@router.post("/public/appointments/move")
async def move_appointment(body: MoveAppointmentIn, context: Context, uow: Transaction) -> AppointmentOut:
    """To another time, at the same or at another stand."""
    id_ = _appointment_of(body.token, context, uow.now)
    outcome = await appointments.move_appointment(id_, StandId(body.stand_id), body.starts_at, uow, context=context)
    return appointment_out(or_refuse(outcome))


@router.post("/public/appointments/cancel")
async def cancel_appointment(body: CancelAppointmentIn, context: Context, uow: Transaction) -> AppointmentOut:
    """Releases the time for other citizens."""
    id_ = _appointment_of(body.token, context, uow.now)
    return appointment_out(or_refuse(await appointments.cancel_appointment(id_, uow, by_citizen=True)))


@router.get("/public/stands")
async def list_public_stands(
    context: Context,
    uow: Transaction,
    response: Response,
    service: FilterText = "",
    district: FilterText = "",
    group: FilterText = "",
) -> list[PublicStandOut]:
    """Public stands, the next one first. Empty: no stand is planned for this filter."""
    response.headers.update(STAND_LIST_HEADERS)
    stands = await public_queries.public_stands(uow, service=service, district=district, group=group)
    return [_public_stand_out(stand, context) for stand in stands.matching]


@router.get("/public/stands/{stand_id}/times")
async def list_times(stand_id: UUID, service: FilterText, context: Context, uow: Transaction) -> list[datetime]:
    """Bookable times for a service. Empty: all times are taken, or the stand does not offer the service."""
    stand, _ = or_refuse(await public_queries.public_stand(StandId(stand_id), uow))
    if service not in stand.details.services:
        return []
    return await appointments.available_times(stand, service, uow, context=context)


@router.post("/public/stands/{stand_id}/holds", status_code=201)
async def hold_slot(
    stand_id: UUID, body: HoldIn, network: ClientNetwork, context: Context, uow: Transaction
) -> HoldOut:
    """Reserves a time for some minutes."""
    id_ = await appointments.id_of_hold(body.hold_id, uow, network=network, context=context)
    outcome = await appointments.hold_slot(
        id_, StandId(stand_id), body.service, body.starts_at, uow, network=network, context=context
    )
    held = or_refuse(outcome)
    return HoldOut(
        hold_id=held.id,
        token=sign_token(held.id, context.cipher.keyed_hash, kind=TokenKind.HOLD, now=uow.now, lifetime=context.hold),
        starts_at=held.starts_at,
        ends_at=held.ends_at,
        hold_until=held.hold_until,
    )


async def _citizen(request: Request, hold_id: UUID, body: ConfirmHoldIn, context: Context) -> Citizen:
    """The checked and encrypted body; refused before a transaction begins.

    Raises RefusalError for a caller who did not make the hold.
    """
    environment: Environment = request.app.state.environment
    now = environment.clock()
    if verify_token(body.token, context.cipher.keyed_hash, kind=TokenKind.HOLD, now=now) != hold_id:
        raise RefusalError(WRONG_HOLD_TOKEN)
    form = CitizenForm(body.phone, body.email, body.born.isoformat(), body.consent, body.language)
    return or_refuse(read_citizen(hold_id, form, context))


@router.post("/public/holds/{hold_id}/code", status_code=201)
async def send_code(
    hold_id: UUID, body: SendCodeIn, network: ClientNetwork, context: Context, uow: Transaction
) -> SentCodeOut:
    """Sends a code to the contact, valid for ten minutes. Confirming with it books more than one appointment."""
    contact = or_refuse(normalise_contact(body.phone, body.email))
    outcome = await booking_limits.send_contact_code(
        hold_id, contact, body.language, uow, network=network, context=context
    )
    sent = or_refuse(outcome)
    return SentCodeOut(expires_at=sent.expires_at, tries=sent.tries)


@router.post("/public/holds/{hold_id}/confirm", status_code=201)
async def confirm_hold(
    hold_id: UUID,
    body: ConfirmHoldIn,
    citizen: Annotated[Citizen, Depends(_citizen)],
    network: ClientNetwork,
    context: Context,
    database: OwnTransaction,
) -> AppointmentOut:
    """Books the held time. Citizens look their appointment up by its code."""
    async with database.unit_of_work() as uow:
        outcome = await appointments.book(
            hold_id, citizen, uow, network=network, contact_code=body.contact_code, context=context
        )
    # refused after the commit: the tries of a wrong code must last
    return appointment_out(or_refuse(outcome))


def read_citizen(id_: UUID, form: CitizenForm, context: SchedulingContext) -> Citizen | Refusal:
    """The citizen who books, with an encrypted contact. Refuses an invalid contact or date of birth.

    `id_`: of the appointment or of the waiting-list entry.
    """
    born = parse_date(form.born)
    if not born or born.year < 1900:
        return NO_BIRTH_DATE
    contact = normalise_contact(form.phone, form.email)
    if isinstance(contact, Refusal):
        return contact
    phone, email = contact
    return appointments.encrypt_citizen(
        id_, phone=phone, email=email, born=born, language=form.language, consent=form.consent, context=context
    )


async def _calendar(
    name: str, lang: Language, uow: UnitOfWork, context: SchedulingContext, *, district: str = "", group: str = ""
) -> Response:
    stands = await public_queries.calendar_stands(uow, district=district, group=group)
    body = calendar(
        stands,
        name=name,
        language=lang,
        services=context.services,
        zone=context.zone,
        link=f"{context.public.public_url}/visit/{{id}}",
        now=uow.now,
    )
    return Response(body, media_type="text/calendar; charset=utf-8", headers=CALENDAR_HEADERS)


def _appointment_of(token: str, context: SchedulingContext, now: datetime) -> UUID:
    id_ = verify_token(token, context.cipher.keyed_hash, kind=TokenKind.BOOKING, now=now)
    if not id_:
        raise RefusalError(LINK_EXPIRED)
    return id_


def _public_stand_out(stand: Stand, context: SchedulingContext) -> PublicStandOut:
    details = stand.details
    services = [service_of(context.services, code) for code in details.services]
    return PublicStandOut(
        stand_id=stand.id,
        place=details.place,
        district=details.district,
        starts_at=details.starts_at,
        ends_at=details.ends_at,
        occasion=details.occasion,
        target_group=details.target_group,
        latitude=details.latitude,
        longitude=details.longitude,
        services=[
            BookableServiceOut(service=service.code, title=service.titles, bring=service.bring, minutes=service.minutes)
            for service in services
        ],
    )

"""Renders the public pages: answers in HTML for `visit`."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Response
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import Language, case_code
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.signed_links import sign_token
from wanderamt.shell.problems import STATUS
from wanderamt.shell.web_forms import NOT_INDEXED, STRICT_CSP

from scheduling.api.booking import CitizenForm
from scheduling.domain.appointment import Appointment, AppointmentState, TokenKind
from scheduling.domain.bookable_service import service_of
from scheduling.domain.refusals import CODE_NEEDED, CODE_WRONG, NO_APPOINTMENT, NO_STAND
from scheduling.domain.stand import Stand
from scheduling.handlers import appointments, public_queries
from scheduling.handlers.booking_limits import SentCode
from scheduling.handlers.context import SchedulingContext
from scheduling.pages.map import MapPlace, draw_map
from scheduling.pages.render import render_page

MEDIA_TYPE = "text/html; charset=utf-8"
FORM_PATH = "/visit/appointment"


def html_response(
    name: str, lang: Language, switch: str, context: SchedulingContext, *, status: int = 200, **values: Any
) -> Response:
    """`name`: of the template. `switch`: path of the same page, for the link to the other language."""
    other = Language.EN if lang is Language.DE else Language.DE
    link = f"{switch}{'&' if '?' in switch else '?'}lang={other}"
    html = render_page(name, lang, context.authority, switch=link, **values)
    return Response(html, status, media_type=MEDIA_TYPE, headers=_headers(context.public.tiles_url))


async def list_page(
    uow: UnitOfWork,
    lang: Language,
    context: SchedulingContext,
    *,
    service: str = "",
    district: str = "",
    group: str = "",
    status: int = 200,
) -> Response:
    stands = await public_queries.public_stands(uow, service=service, district=district, group=group)
    codes = public_queries.offered_services(stands.all)
    return html_response(
        "list",
        lang,
        "/visit",
        context,
        status=status,
        stands=stands.matching,
        districts=stands.districts,
        groups=stands.groups,
        services=[(code, service_of(context.services, code).titles[lang]) for code in codes],
        service=service,
        district=district,
        map=draw_map(_map_places(stands.matching, lang), tiles_url=context.public.tiles_url),
    )


async def stand_page(
    stand_id: StandId,
    uow: UnitOfWork,
    lang: Language,
    context: SchedulingContext,
    *,
    service: str = "",
    refusal: Refusal | None = None,
    done: str = "",
) -> Response:
    """`done`: key of the message about what the citizen has just done."""
    outcome = await public_queries.public_stand(stand_id, uow)
    if isinstance(outcome, Refusal):
        return await list_page(uow, lang, context, status=404)
    stand, pitch = outcome
    services = [service_of(context.services, code) for code in stand.details.services]
    chosen = next((offered for offered in services if offered.code == service), None)
    times = await appointments.available_times(stand, service, uow, context=context) if chosen else []
    return html_response(
        "stand",
        lang,
        f"/visit/{stand.id}{f'?service={service}' if chosen else ''}",
        context,
        status=_status(refusal),
        stand=stand,
        pitch=pitch,
        services=services,
        chosen=chosen,
        times=times,
        open=public_queries.is_open(stand, uow.now),
        wrong=_message_key(refusal),
        done=done,
        form=None,
    )


async def appointment_page(
    id_: UUID,
    uow: UnitOfWork,
    lang: Language,
    context: SchedulingContext,
    *,
    refusal: Refusal | None = None,
    done: str = "",
) -> Response:
    outcome = await public_queries.my_appointment(id_, uow)
    if isinstance(outcome, Refusal):
        return look_up_page(lang, context, outcome)
    appointment, stand = outcome
    alternatives = []
    if appointment.state in {AppointmentState.BOOKED, AppointmentState.NEEDS_REBOOKING}:
        alternatives = await public_queries.alternatives(appointment, stand, uow, context=context)
    return html_response(
        "mine",
        lang,
        FORM_PATH,
        context,
        status=_status(refusal),
        appointment=appointment,
        stand=stand,
        code=case_code(appointment.id),
        service=service_of(context.services, appointment.service),
        alternatives=alternatives,
        token=_token(TokenKind.BOOKING, appointment.id, uow.now, context),
        wrong=_message_key(refusal),
        done=done,
    )


def look_up_page(lang: Language, context: SchedulingContext, refusal: Refusal | None = None) -> Response:
    """Asks for code and date of birth."""
    return html_response(
        "mine",
        lang,
        FORM_PATH,
        context,
        status=_status(refusal),
        appointment=None,
        wrong=_message_key(refusal),
        done="",
    )


async def held_page(
    appointment: Appointment,
    uow: UnitOfWork,
    lang: Language,
    context: SchedulingContext,
    *,
    refusal: Refusal | None = None,
    form: CitizenForm | None = None,
    sent: SentCode | None = None,
) -> Response:
    """Asks the citizen who holds a time for the contact, and for the code that was sent to it or is needed.

    `form`: what the citizen entered before.
    """
    outcome = await public_queries.my_appointment(appointment.id, uow)
    if isinstance(outcome, Refusal):
        return look_up_page(lang, context, outcome)
    return html_response(
        "held",
        lang,
        f"/visit/{appointment.stand_id}?service={appointment.service}",
        context,
        status=_status(refusal),
        appointment=appointment,
        stand=outcome[1],
        service=service_of(context.services, appointment.service),
        token=_token(TokenKind.HOLD, appointment.id, uow.now, context),
        wrong=_message_key(refusal),
        form=form,
        sent=sent,
        code_needed=refusal in {CODE_NEEDED, CODE_WRONG},
    )


def _token(kind: TokenKind, id_: UUID, now: datetime, context: SchedulingContext) -> str:
    return sign_token(id_, context.cipher.keyed_hash, kind=kind, now=now)


def _headers(tiles_url: str) -> dict[str, str]:
    """Pages load nothing but map tiles from the city's own server."""
    parts = urlsplit(tiles_url)
    images = f"; img-src {parts.scheme}://{parts.netloc}" if tiles_url else ""
    return NOT_INDEXED | {"Content-Security-Policy": STRICT_CSP + images}


def _status(refusal: Refusal | None) -> int:
    return STATUS[refusal.kind] if refusal else 200


def _message_key(refusal: Refusal | None) -> str:
    """The key of the refusal among the texts of the pages."""
    if refusal is None:
        return ""
    return "not_found" if refusal in {NO_STAND, NO_APPOINTMENT} else refusal.code.rpartition(".")[2]


def _map_places(stands: list[Stand], lang: Language) -> list[MapPlace]:
    return [
        MapPlace(
            stand.details.latitude,
            stand.details.longitude,
            str(number),
            f"{stand.details.place}, {stand.details.starts_at:%d.%m.%Y}",
            f"/visit/{stand.id}?lang={lang}",
        )
        for number, stand in enumerate(stands, 1)
        if stand.details.latitude is not None and stand.details.longitude is not None
    ]

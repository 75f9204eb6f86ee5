"""Public pages, open to everybody: stands, and appointments there.

Invariants: pages run no scripts, load nothing but map tiles from the city's own server, and are never cached where they
show an appointment. Changing an appointment requires a token that expires.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Response
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import Language, normalize_case_code
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.signed_links import verify_token
from wanderamt.shell.client_address import ClientNetwork
from wanderamt.shell.http import Transaction
from wanderamt.shell.problems import Problem
from wanderamt.shell.web_forms import parse_date, parse_time, same_answer_time

from scheduling.api import visit_pages
from scheduling.api.booking import CitizenForm, read_citizen
from scheduling.api.dependencies import Context, OwnTransaction
from scheduling.domain.appointment import Appointment, AppointmentState, Citizen, TokenKind
from scheduling.domain.contact import normalise_contact
from scheduling.domain.refusals import LINK_EXPIRED, NO_SLOT
from scheduling.handlers import appointments, booking_limits, public_queries, queue, waiting_list
from scheduling.handlers.context import SchedulingContext

REFRESH_S = 10
MAX_NEXT = 12  # entries on the display
WAIT_STEP_S = 300  # the display rounds waits up to five minutes
PAGE_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": description, "content": {"text/html": {"schema": {"type": "string"}}}}
    for status, description in (
        (200, "A page"),
        (403, "The page was too old: the first page"),
        (404, "A page: the stand or appointment does not exist"),
        (409, "A page: the time was taken in the meantime, or is over"),
        (422, "A page: a value is missing or wrong"),
        (429, "A page: too many times, codes or tries"),
    )
}
PAGE_RESPONSES[422]["content"]["application/problem+json"] = {"schema": Problem.model_json_schema()}
FormText = Annotated[str, Form(max_length=200)]
FilterText = Annotated[str, Query(max_length=100)]
Change = Callable[[UUID], Awaitable[Appointment | Refusal]]

router = APIRouter(tags=["public pages"], responses=PAGE_RESPONSES)


async def _citizen_form(
    context: Context,
    born: FormText,
    phone: FormText = "",
    email: FormText = "",
    consent: FormText = "",
    lang: Language = Language.DE,
) -> CitizenForm:
    version = context.public.consent_version if consent else ""
    return CitizenForm(phone=phone, email=email, born=born, consent=version, language=lang)


@router.post("/visit/{stand_id}/hold", response_class=Response)
async def hold_slot(
    stand_id: UUID,
    service: FormText,
    time: FormText,
    network: ClientNetwork,
    context: Context,
    uow: Transaction,
    lang: Language = Language.DE,
) -> Response:
    """Reserves a time for some minutes, and asks for the contact."""
    at = parse_time(time)
    outcome: Appointment | Refusal = NO_SLOT
    if at:
        outcome = await appointments.hold_slot(
            uow.new_id(), StandId(stand_id), service, at, uow, network=network, context=context
        )
    if isinstance(outcome, Refusal):
        return await visit_pages.stand_page(StandId(stand_id), uow, lang, context, service=service, refusal=outcome)
    return await visit_pages.held_page(outcome, uow, lang, context)


@router.post("/visit/confirm", response_class=Response)
async def confirm_hold(
    token: FormText,
    form: Annotated[CitizenForm, Depends(_citizen_form)],
    network: ClientNetwork,
    context: Context,
    uow: Transaction,
    contact_code: FormText = "",
    lang: Language = Language.DE,
) -> Response:
    """Books the held time. The page asks for a code if one is needed."""
    id_ = verify_token(token, context.cipher.keyed_hash, kind=TokenKind.HOLD, now=uow.now)
    if not id_:
        return visit_pages.look_up_page(lang, context, LINK_EXPIRED)
    outcome: Citizen | Appointment | Refusal = read_citizen(id_, form, context)
    if isinstance(outcome, Citizen):
        outcome = await appointments.book(
            id_, outcome, uow, network=network, contact_code=contact_code, context=context
        )
    if isinstance(outcome, Refusal):
        return await _held_again(id_, form, uow, lang, context, network=network, refusal=outcome)
    return await visit_pages.appointment_page(id_, uow, lang, context, done="booked")


@router.post("/visit/code", response_class=Response)
async def send_code(
    token: FormText,
    form: Annotated[CitizenForm, Depends(_citizen_form)],
    network: ClientNetwork,
    context: Context,
    uow: Transaction,
    lang: Language = Language.DE,
) -> Response:
    """Sends a code to the contact, and asks for it."""
    id_ = verify_token(token, context.cipher.keyed_hash, kind=TokenKind.HOLD, now=uow.now)
    if not id_:
        return visit_pages.look_up_page(lang, context, LINK_EXPIRED)
    contact = normalise_contact(form.phone, form.email)
    outcome = (
        contact
        if isinstance(contact, Refusal)
        else await booking_limits.send_contact_code(id_, contact, lang, uow, network=network, context=context)
    )
    refusal = outcome if isinstance(outcome, Refusal) else None
    return await _held_again(id_, form, uow, lang, context, network=network, refusal=refusal)


@router.post("/visit/{stand_id}/wait", response_class=Response)
async def join_waiting_list(
    stand_id: UUID,
    service: FormText,
    form: Annotated[CitizenForm, Depends(_citizen_form)],
    network: ClientNetwork,
    context: Context,
    uow: Transaction,
    lang: Language = Language.DE,
) -> Response:
    """Joins the waiting list of a fully booked stand."""
    id_ = uow.new_id()
    citizen = read_citizen(id_, form, context)
    refusal = (
        citizen
        if isinstance(citizen, Refusal)
        else await waiting_list.join_waiting_list(
            id_, StandId(stand_id), service, citizen, uow, network=network, context=context
        )
    )
    done = "" if refusal else "waiting"
    return await visit_pages.stand_page(
        StandId(stand_id), uow, lang, context, service=service, refusal=refusal, done=done
    )


@router.get("/visit/appointment", response_class=Response)
async def show_look_up_form(context: Context, lang: Language = Language.DE) -> Response:
    """Asks for code and date of birth."""
    return visit_pages.look_up_page(lang, context)


@router.post("/visit/appointment", response_class=Response)
async def look_up(
    code: FormText,
    born: FormText,
    network: ClientNetwork,
    context: Context,
    database: OwnTransaction,
    lang: Language = Language.DE,
) -> Response:
    """One's own appointment. Every mismatch gets the same answer after the same time."""
    async with same_answer_time() as answer, database.unit_of_work() as uow:
        outcome, answer.seconds = await appointments.look_up(
            normalize_case_code(code), parse_date(born), uow, network=network, context=context
        )
        if isinstance(outcome, Refusal):
            return visit_pages.look_up_page(lang, context, outcome)
        return await visit_pages.appointment_page(outcome.id, uow, lang, context)


@router.post("/visit/appointment/move", response_class=Response)
async def move_appointment(
    token: FormText, place: FormText, context: Context, uow: Transaction, lang: Language = Language.DE
) -> Response:
    """To another time, at the same or at another stand. `place`: the stand's id, a blank, the time."""
    stand_text, _, time = place.partition(" ")
    at, stand_id = parse_time(time), _parse_id(stand_text)

    async def change(id_: UUID) -> Appointment | Refusal:
        if not at or not stand_id:
            return NO_SLOT
        return await appointments.move_appointment(id_, StandId(stand_id), at, uow, context=context)

    return await _change_appointment(token, change, uow, lang, context, done="moved")


@router.post("/visit/appointment/cancel", response_class=Response)
async def cancel_appointment(
    token: FormText, context: Context, uow: Transaction, lang: Language = Language.DE
) -> Response:
    """Releases the time for other citizens."""

    async def change(id_: UUID) -> Appointment | Refusal:
        return await appointments.cancel_appointment(id_, uow, by_citizen=True)

    return await _change_appointment(token, change, uow, lang, context, done="cancelled")


@router.get("/visit", response_class=Response)
async def list_stands(
    context: Context,
    uow: Transaction,
    lang: Language = Language.DE,
    service: FilterText = "",
    district: FilterText = "",
    group: FilterText = "",
) -> Response:
    """Map and list of stands."""
    return await visit_pages.list_page(uow, lang, context, service=service, district=district, group=group)


@router.get("/visit/{stand_id}", response_class=Response)
async def show_stand(
    stand_id: UUID, context: Context, uow: Transaction, lang: Language = Language.DE, service: FilterText = ""
) -> Response:
    """One stand: services, documents to bring, bookable times."""
    return await visit_pages.stand_page(StandId(stand_id), uow, lang, context, service=service)


@router.get("/visit/{stand_id}/display", response_class=Response)
async def show_display(
    stand_id: UUID,
    context: Context,
    uow: Transaction,
    lang: Language = Language.DE,
    live: bool = False,  # noqa: FBT001, FBT002
) -> Response:
    """For a screen at the stand: numbers called to desks, and the next ones. `live`: the page refreshes itself."""
    state = await queue.queue_state(StandId(stand_id), uow, context=context)
    if isinstance(state, Refusal) or state.stand.is_hidden:
        return await visit_pages.list_page(uow, lang, context, status=404)
    response = visit_pages.html_response(
        "display",
        lang,
        f"/visit/{stand_id}/display",
        context,
        stand=state.stand,
        called=state.called,
        next=state.next[:MAX_NEXT],
        waits={id_: -(-round(wait.total_seconds()) // WAIT_STEP_S) * 5 for id_, wait in state.waits.items()},
        live=live,
    )
    if live:  # the user starts and stops it by a link on the page
        response.headers["Refresh"] = str(REFRESH_S)
    return response


async def _held_again(
    id_: UUID,
    form: CitizenForm,
    uow: UnitOfWork,
    lang: Language,
    context: SchedulingContext,
    *,
    network: str,
    refusal: Refusal | None,
) -> Response:
    """The page of a held time once more, with what the citizen entered."""
    known = await public_queries.my_appointment(id_, uow)
    if isinstance(known, Refusal) or known[0].state is not AppointmentState.HELD:
        return visit_pages.look_up_page(lang, context, refusal or LINK_EXPIRED)
    contact = normalise_contact(form.phone, form.email)
    sent = (
        None
        if isinstance(contact, Refusal)
        else await booking_limits.find_sent_code(contact, uow, network=network, context=context)
    )
    return await visit_pages.held_page(known[0], uow, lang, context, refusal=refusal, form=form, sent=sent)


async def _change_appointment(
    token: str, change: Change, uow: UnitOfWork, lang: Language, context: SchedulingContext, *, done: str
) -> Response:
    """Verifies the token, changes the appointment, and shows it."""
    id_ = verify_token(token, context.cipher.keyed_hash, kind=TokenKind.BOOKING, now=uow.now)
    if not id_:
        return visit_pages.look_up_page(lang, context, LINK_EXPIRED)
    outcome = await change(id_)
    refusal = outcome if isinstance(outcome, Refusal) else None
    done = "" if refusal else done
    return await visit_pages.appointment_page(id_, uow, lang, context, refusal=refusal, done=done)


def _parse_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None

"""Decides whether a network address and a contact may hold, book or wait, and confirms contacts by a code.

Invariants: the keys of all limits are locked before slots and appointments, so that no deadlock can occur; a refusal
leaves no trace but the tries of a wrong code and of the waiting list; an empty network stands for the service
itself and has no limits.
"""

import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from wanderamt.backbone.persistence.rate_limits import RateLimit, add_uses, count_uses
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import ContactCodeRequested, Language
from wanderamt.kernel.digit_code import format_digit_code, normalise_digit_code
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.mailbox import mailbox_of
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.appointment import Appointment, AppointmentState, Citizen
from scheduling.domain.booking_limits import DAY, HOUR, NetworkBookings
from scheduling.domain.contact import Contact, can_receive_code
from scheduling.domain.contact_code import LIFETIME, TRIES, ContactCode
from scheduling.domain.refusals import (
    CODE_NEEDED,
    CODE_WRONG,
    HOLD_EXPIRED,
    NO_APPOINTMENT,
    NO_CODE_THERE,
    NO_WISH_NOW,
    TOO_MANY_APPOINTMENTS,
    TOO_MANY_AT_STAND,
    TOO_MANY_CODES,
    TOO_MANY_FROM_HERE,
    TOO_MANY_HOLDS,
    TOO_MANY_WISHES,
    code_already_sent,
)
from scheduling.domain.waiting_list import WaitingEntry
from scheduling.handlers.context import SchedulingContext
from scheduling.store import appointments, contact_codes, slot_statements, waiting

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class UnconfirmedUses:
    """Bookings without a code of the last day, counted under the lock of their keys."""

    keys: tuple[bytes, ...]
    by_contact: int
    by_network: int


@dataclass(frozen=True, slots=True)
class SentCode:
    """`expires_at`: also the time from which another code can be sent."""

    expires_at: datetime
    tries: int


def holder_of(network: str, context: SchedulingContext) -> bytes | None:
    """The keyed hash under which times of a network are held."""
    return context.cipher.keyed_hash(f"place:{network}".encode()) if network else None


async def check_hold(
    stand_id: StandId, wanted: int, uow: UnitOfWork, *, network: str, context: SchedulingContext
) -> Refusal | None:
    """`wanted`: places that the appointment takes. The caller counts the hold once it has its places."""
    holder = holder_of(network, context)
    if not holder:
        return None
    limits = context.limits
    key = _key("hold", holder.hex(), context)
    [held_in_hour] = await count_uses(uow, [RateLimit(key, limits.holds_per_hour, HOUR)])
    has = await appointments.bookings_of_network(uow, holder, stand_id)
    if held_in_hour >= limits.holds_per_hour or has.held >= limits.max_holds:
        return TOO_MANY_HOLDS
    if has.booked >= limits.max_open_per_network:
        return TOO_MANY_FROM_HERE
    return await _check_share(stand_id, wanted, has, uow, context)


async def count_hold(uow: UnitOfWork, *, network: str, context: SchedulingContext) -> None:
    if holder := holder_of(network, context):
        await add_uses(uow, [_key("hold", holder.hex(), context)])


async def check_move(
    appointment_id: UUID, stand_id: StandId, wanted: int, uow: UnitOfWork, *, context: SchedulingContext
) -> Refusal | None:
    """Whether an appointment may move to another stand: its network keeps to the share of that stand, too."""
    holder = await appointments.find_holder(uow, appointment_id)
    if not holder:
        return None
    await count_uses(uow, [RateLimit(_key("hold", holder.hex(), context), 0, HOUR)])
    has = await appointments.bookings_of_network(uow, holder, stand_id)
    return await _check_share(stand_id, wanted, has, uow, context)


async def count_unconfirmed(
    citizen: Citizen, uow: UnitOfWork, *, network: str, context: SchedulingContext
) -> UnconfirmedUses:
    """Call it before the appointment is locked."""
    limits = [RateLimit(_key("booked", citizen.address_hash.hex(), context), 1, DAY)]
    if holder := holder_of(network, context):
        limits.append(RateLimit(_key("booked from", holder.hex(), context), context.limits.unconfirmed_per_day, DAY))
    by_contact, *by_network = await count_uses(uow, limits)
    return UnconfirmedUses(tuple(limit.key for limit in limits), by_contact, sum(by_network))


async def check_booking(
    appointment: Appointment,
    citizen: Citizen,
    uses: UnconfirmedUses,
    uow: UnitOfWork,
    *,
    network: str,
    contact_code: str,
    context: SchedulingContext,
) -> Refusal | None:
    """Whether a held time may be booked: the first one of a contact as it is, more with the code sent to it."""
    limits = context.limits
    open_appointments = await appointments.count_open(uow, citizen.address_hash, except_id=appointment.id)
    if open_appointments >= limits.max_appointments:
        return TOO_MANY_APPOINTMENTS
    holder = holder_of(network, context)
    if holder:
        has = await appointments.bookings_of_network(uow, holder, appointment.stand_id)
        if has.booked >= limits.max_open_per_network:
            return TOO_MANY_FROM_HERE
    if contact_code:
        recipient = _recipient(citizen.address_hash, network, context)
        return await _check_code(recipient, contact_code, uow, context)
    if open_appointments or uses.by_contact or uses.by_network >= limits.unconfirmed_per_day:
        return CODE_NEEDED
    await add_uses(uow, uses.keys)
    return None


async def send_contact_code(
    hold_id: UUID, contact: Contact, language: Language, uow: UnitOfWork, *, network: str, context: SchedulingContext
) -> SentCode | Refusal:
    """Sends a code to the contact of somebody who holds a time. It is valid from this network alone, which has at most
    one for the contact: nobody else can use it, use up its tries or learn that it exists."""
    if not can_receive_code(contact):
        return NO_CODE_THERE
    address_hash = hash_address(contact, context)
    recipient = _recipient(address_hash, network, context)
    limits, by_contact = context.limits, _key("code to", address_hash.hex(), context)
    by_network = _key("code from", network, context)
    in_lifetime, in_day, from_network = await count_uses(
        uow,
        [
            RateLimit(recipient, 1, LIFETIME),
            RateLimit(by_contact, limits.codes_per_day, DAY),
            RateLimit(by_network, limits.codes_per_hour, HOUR),
        ],
    )
    appointment = await appointments.find_appointment(uow, hold_id)
    if not appointment or appointment.state is not AppointmentState.HELD:
        return NO_APPOINTMENT
    if appointment.hold_until and appointment.hold_until <= uow.now:
        return HOLD_EXPIRED
    if in_lifetime:
        known = await contact_codes.find_code(uow, recipient)
        return code_already_sent(known.expires_at - uow.now if known else LIFETIME)
    if in_day >= limits.codes_per_day or from_network >= limits.codes_per_hour:
        return TOO_MANY_CODES
    await add_uses(uow, [recipient, by_contact, by_network])
    return await _send_code(contact, recipient, language, uow, context)


async def find_sent_code(
    contact: Contact, uow: UnitOfWork, *, network: str, context: SchedulingContext
) -> SentCode | None:
    """The code that was sent to the contact for this network and has not expired."""
    code = await contact_codes.find_code(uow, _recipient(hash_address(contact, context), network, context))
    return SentCode(code.expires_at, code.tries_left) if code and code.expires_at > uow.now else None


async def check_wish(
    stand_id: StandId, service: str, citizen: Citizen, uow: UnitOfWork, *, network: str, context: SchedulingContext
) -> Refusal | None:
    """One wish per contact and day. Every try counts for the network, and whoever waits, has wished or has an
    appointment gets one answer: the caller may be a stranger who asks about the contact."""
    by_contact = _key("wish", citizen.address_hash.hex(), context)
    by_network = _key("wish from", network, context)
    limits = context.limits
    wished, from_network = await count_uses(
        uow, [RateLimit(by_contact, 1, DAY), RateLimit(by_network, limits.wishes_per_day, DAY)]
    )
    if network and from_network >= limits.wishes_per_day:
        return TOO_MANY_WISHES
    waits = await waiting.is_waiting(uow, stand_id, service, citizen.address_hash)
    open_appointments = await appointments.count_open(uow, citizen.address_hash, except_id=None)
    if wished or waits or open_appointments:
        await add_uses(uow, [by_network])
        log.info("waiting.join_refused", stand_id=str(stand_id))
        return NO_WISH_NOW
    await add_uses(uow, [by_contact, by_network])
    return None


async def count_waiting(
    entries: Sequence[WaitingEntry], uow: UnitOfWork, *, context: SchedulingContext
) -> list[UnconfirmedUses]:
    """For each entry what `count_unconfirmed` returns for a booking. Locks the keys of all at once, in their order."""
    limits: list[RateLimit] = []
    for entry in entries:
        holder = entry.holder.hex() if entry.holder else ""
        limits += [
            RateLimit(_key("booked", entry.citizen.address_hash.hex(), context), 1, DAY),
            RateLimit(_key("booked from", holder, context), context.limits.unconfirmed_per_day, DAY),
            RateLimit(_key("hold", holder, context), 0, HOUR),  # for the lock of the network's share
        ]
    uses = await count_uses(uow, limits)
    return [
        UnconfirmedUses((limits[at].key, limits[at + 1].key), uses[at], uses[at + 1]) for at in range(0, len(uses), 3)
    ]


async def may_book_waiting(
    entry: WaitingEntry, uses: UnconfirmedUses, wanted: int, uow: UnitOfWork, *, context: SchedulingContext
) -> bool:
    """Whether the contact and the network of the entry could book `wanted` places at its stand without a code."""
    if uses.by_contact:
        return False
    if not entry.holder:
        return True
    limits = context.limits
    has = await appointments.bookings_of_network(uow, entry.holder, entry.stand_id)
    if uses.by_network >= limits.unconfirmed_per_day or has.booked >= limits.max_open_per_network:
        return False
    return await _check_share(entry.stand_id, wanted, has, uow, context) is None


async def count_booked(uses: UnconfirmedUses, uow: UnitOfWork) -> None:
    await add_uses(uow, uses.keys)


def hash_address(contact: Contact, context: SchedulingContext) -> bytes:
    """Keyed hash of the telephone number, or of the e-mail address without one: it recognises a contact."""
    phone, email = contact
    return context.cipher.keyed_hash(f"address:{phone or mailbox_of(email or '')}".encode())


async def _check_share(
    stand_id: StandId, wanted: int, has: NetworkBookings, uow: UnitOfWork, context: SchedulingContext
) -> Refusal | None:
    allowed = context.limits.places_for_network(await slot_statements.places_of(uow, stand_id), wanted)
    return TOO_MANY_AT_STAND if has.places_at_stand + wanted > allowed else None


async def _send_code(
    contact: Contact, recipient: bytes, language: Language, uow: UnitOfWork, context: SchedulingContext
) -> SentCode:
    request_id = uow.new_id()
    code = format_digit_code(context.cipher.keyed_hash(b"contact code." + request_id.bytes))
    expires_at = uow.now + LIFETIME
    stored = ContactCode(_hash_code(recipient, code, context), expires_at, TRIES)
    await contact_codes.put_code(uow, recipient, stored)
    phone, email = contact
    sent_to = json.dumps({"phone": phone} if phone else {"email": email})
    event = ContactCodeRequested(
        request_id=request_id,
        language=language,
        contact=context.cipher.seal(request_id, sent_to.encode()),
        code=context.cipher.seal(request_id, code.encode()),
        requested_at=uow.now,
        expires_at=expires_at,
    )
    uow.emit(event, version=1)
    return SentCode(expires_at, TRIES)


async def _check_code(
    recipient: bytes, contact_code: str, uow: UnitOfWork, context: SchedulingContext
) -> Refusal | None:
    known = await contact_codes.find_code(uow, recipient, lock=True)
    if not known or known.expires_at <= uow.now or not known.tries_left:
        return CODE_WRONG
    entered = _hash_code(recipient, normalise_digit_code(contact_code), context)
    if hmac.compare_digest(known.code_hash, entered):
        return None
    await contact_codes.count_try(uow, recipient)
    return CODE_WRONG


def _recipient(address_hash: bytes, network: str, context: SchedulingContext) -> bytes:
    """A contact as the recipient of a code that this network asked for."""
    return _key("code for", f"{address_hash.hex()}:{network}", context)


def _hash_code(recipient: bytes, code: str, context: SchedulingContext) -> bytes:
    return context.cipher.keyed_hash(b"contact code:" + recipient + code.encode())


def _key(name: str, value: str, context: SchedulingContext) -> bytes:
    return context.cipher.keyed_hash(f"{name}:{value}".encode())

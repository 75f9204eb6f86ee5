"""What citizens want of appointments: hold, confirm, move, cancel, look up, wait for a place.

Kept true: a place is taken under the lock of its slots, so two people never get it, however many ask at once; a hold
that is over gives its places back exactly once.
"""

import hmac
import json
from datetime import date, datetime, timedelta
from uuid import UUID

from wanderamt.backbone.work import Work
from wanderamt.contracts import Language
from wanderamt.kernel.decision import Decision
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.appointment import (
    SLOT,
    TAKES_PLACE,
    Appointment,
    Person,
    State,
    arrive,
    cancel,
    confirm,
    hold,
    lasts,
    miss,
    move,
    serve,
    slots_of,
    starts,
)
from scheduling.domain.offer import offer_of
from scheduling.domain.refusals import (
    DOOR_CLOSED,
    ENDED,
    FULL,
    GONE_BY,
    NO_APPOINTMENT,
    NO_SLOT,
    NO_STAND,
    NOT_OFFERED,
    NOT_PUBLIC,
    TOO_MANY,
)
from scheduling.domain.stand import PUBLIC, Stand
from scheduling.handlers.ground import Ground
from scheduling.store import appointments, demand, stands

AT_ONCE = 200
TRIES, WITHIN = 8, timedelta(minutes=15)
NOBODY = bytes(32)


async def free_times(stand: Stand, service: str, work: Work, *, ground: Ground) -> list[datetime]:
    """When an appointment for a service could begin, in order."""
    free = (await appointments.free_places(work, [stand.id])).get(stand.id, {})
    return starts(free, lasts(offer_of(ground.offers, service).minutes), after=work.now)


async def hold_time(
    id_: UUID, stand_id: StandId, service: str, at: datetime, work: Work, *, place: str, ground: Ground
) -> Appointment | Refusal:
    """`id_`: made by the caller, so that asking twice holds once. `place`: where it is asked from, kept as a hash."""
    known = await appointments.find_appointment(work, id_)
    if known:
        return known if (known.stand_id, known.starts_at, known.service) == (stand_id, at, service) else ENDED
    stand = await stands.find_stand(work, stand_id)
    if not stand or stand.state not in PUBLIC:
        return NOT_PUBLIC if stand else NO_STAND
    if service not in stand.plan.services:
        return NOT_OFFERED
    if at <= work.now:
        return GONE_BY
    holder = ground.sealer.fingerprint(f"place:{place}".encode())
    if place and await appointments.count_holds(work, holder) >= ground.most_holds:
        return TOO_MANY
    length = lasts(offer_of(ground.offers, service).minutes)
    one = hold(id_, stand_id, service, at=at, length=length, until=work.now + ground.hold)
    if refusal := await _take(one, work):
        return refusal
    await appointments.add_appointment(work, one, holder=holder)
    return one


async def confirm_hold(id_: UUID, person: Person, work: Work, *, ground: Ground) -> Appointment | Refusal:
    one = await appointments.lock_appointment(work, id_)
    if not one:
        return NO_APPOINTMENT
    stand = await stands.find_stand(work, one.stand_id)
    if not stand:
        return NO_STAND
    outcome = confirm(one, person, place=stand.plan.place, now=work.now)
    if isinstance(outcome, Refusal):
        return outcome
    if one.state is not State.BOOKED and await appointments.count_open(work, person.who, but=id_) >= ground.most_open:
        return TOO_MANY
    return await _save(outcome, one, work)


async def move_appointment(id_: UUID, stand_id: StandId, at: datetime, work: Work) -> Appointment | Refusal:
    """To another time, here or at another stand. The old place is kept until the new one is sure."""
    before = await appointments.find_appointment(work, id_)
    stand = await stands.find_stand(work, stand_id)
    if not before or not stand:
        return NO_APPOINTMENT if not before else NO_STAND
    if stand.state not in PUBLIC:
        return NOT_PUBLIC
    if before.service not in stand.plan.services:
        return NOT_OFFERED
    wanted = [(stand_id, slot) for slot in slots_of(at, at + (before.ends_at - before.starts_at))]
    held = [(before.stand_id, slot) for slot in before.slots] if before.state in TAKES_PLACE else []
    free = await appointments.lock_slots(work, [*wanted, *held])
    one = await appointments.lock_appointment(work, id_)
    if not one or one.version != before.version:
        return ENDED  # somebody changed it meanwhile: what was locked is not what it holds
    outcome = move(one, stand_id=stand_id, at=at, place=stand.plan.place, now=work.now)
    if isinstance(outcome, Refusal) or outcome.state == one:
        return outcome if isinstance(outcome, Refusal) else one
    for place in held:
        if place in free:
            free[place] += 1
    if any(place not in free for place in wanted):
        return NO_SLOT
    if any(free[place] < 1 for place in wanted):
        return FULL
    await appointments.count_slots(work, held, -1)
    await appointments.count_slots(work, wanted, 1)
    return await _save(outcome, one, work)


async def cancel_appointment(id_: UUID, work: Work, *, by_citizen: bool) -> Appointment | Refusal:
    before = await appointments.find_appointment(work, id_)
    if not before:
        return NO_APPOINTMENT
    held = [(before.stand_id, slot) for slot in before.slots] if before.state in TAKES_PLACE else []
    await appointments.lock_slots(work, held)
    one = await appointments.lock_appointment(work, id_)
    if not one or one.version != before.version:
        return ENDED
    if one.state is State.CANCELLED:
        return one
    outcome = cancel(one, by_citizen=by_citizen, now=work.now)
    if isinstance(outcome, Refusal):
        return outcome
    await appointments.count_slots(work, held, -1)
    return await _save(outcome, one, work)


async def note_arrival(id_: UUID, work: Work) -> Appointment | Refusal:
    one = await appointments.lock_appointment(work, id_)
    if not one:
        return NO_APPOINTMENT
    there = arrive(one, now=work.now)
    if not isinstance(there, Refusal):
        await appointments.save_appointments(work, [there])
    return there


async def end_appointment(id_: UUID, work: Work, *, came: bool) -> Appointment | Refusal:
    one = await appointments.lock_appointment(work, id_)
    if not one:
        return NO_APPOINTMENT
    outcome = serve(one, now=work.now) if came else miss(one, now=work.now)
    return outcome if isinstance(outcome, Refusal) else await _save(outcome, one, work)


async def look_up(code: str, born: date, work: Work, *, ground: Ground) -> Appointment | Refusal:
    """By code and date of birth. Who tries a code too often waits; what fits nothing is answered alike."""
    given = born_hash(born, ground)
    found = await appointments.by_code(work, code, within=WITHIN)
    if not found:
        hmac.compare_digest(NOBODY, given)
    for one, tries in found:
        if tries > TRIES:
            return DOOR_CLOSED
        if hmac.compare_digest(one.born or NOBODY, given):
            return one
    return NO_APPOINTMENT


async def wait_for_place(id_: UUID, stand_id: StandId, service: str, person: Person, work: Work) -> Refusal | None:
    """When a place becomes free, it is booked and told. Wishes count as demand that nobody served."""
    stand = await stands.find_stand(work, stand_id)
    if not stand or stand.state not in PUBLIC:
        return NOT_PUBLIC if stand else NO_STAND
    if service not in stand.plan.services:
        return NOT_OFFERED
    if await appointments.add_waiting(work, id_, stand_id, service, person):
        await demand.add_wish(
            work, day=work.now.date(), district=stand.plan.district, service=service, source="searched"
        )
    return None


async def release_holds(work: Work) -> int:
    """Gives back what was held and never confirmed."""
    over = await appointments.overdue_holds(work, limit=AT_ONCE)
    await appointments.lock_slots(work, [(one.stand_id, slot) for one in over for slot in one.slots])
    for one in over:
        if await appointments.drop_hold(work, one.id):
            await appointments.count_slots(work, [(one.stand_id, slot) for slot in one.slots], -1)
    return len(over)


async def book_waiting(work: Work, *, ground: Ground) -> int:
    """Whoever waits longest gets the first time that fits."""
    await appointments.end_past_waiting(work)
    for id_, stand_id, service, person in await appointments.first_waiting(work, limit=20):
        stand = await stands.find_stand(work, stand_id)
        times = await free_times(stand, service, work, ground=ground) if stand else []
        if not stand or not times:
            continue
        length = lasts(offer_of(ground.offers, service).minutes)
        one = hold(id_, stand_id, service, at=times[0], length=length, until=work.now + SLOT)
        if await _take(one, work):
            return 0  # taken meanwhile; its slots are locked, so no others may be in this transaction
        outcome = confirm(one, person, place=stand.plan.place, now=work.now)
        if isinstance(outcome, Refusal):
            raise AssertionError(outcome.code)  # what was held in this very transaction can be confirmed
        await appointments.add_appointment(work, outcome.state, holder=None)
        work.emit(*outcome.events, version=outcome.state.version)
        await appointments.end_waiting(work, id_, "booked")
        return 1  # one a turn: the next locks slots of its own, in order
    return 0


async def note_missed(work: Work, *, ground: Ground) -> int:
    """Who did not come although the stand is over."""
    absent = await appointments.unserved_after(work, grace=ground.grace, limit=AT_ONCE)
    for id_ in absent:
        await end_appointment(id_, work, came=False)
    return len(absent)


async def forget(work: Work, *, ground: Ground) -> int:
    """Who it was is nobody's business any more, once nobody can ask for it."""
    await appointments.forget_people(work, before=work.now - ground.kept)
    return 0


def person_of(
    id_: UUID, *, phone: str | None, email: str | None, born: date, language: Language, consent: str, ground: Ground
) -> Person:
    """`consent`: the version of the wording that was agreed to; empty: nobody is written to."""
    contact = {"phone": phone, "email": email, "born": born.isoformat(), "consent": consent}
    plain = json.dumps({key: value for key, value in contact.items() if value}).encode()
    address = (phone or email or "").casefold()
    return Person(
        language,
        ground.sealer.seal(id_, plain),
        ground.sealer.fingerprint(f"address:{address}".encode()),
        born_hash(born, ground),
    )


def born_hash(born: date, ground: Ground) -> bytes:
    return ground.sealer.fingerprint(f"born:{born.isoformat()}".encode())


async def _take(one: Appointment, work: Work) -> Refusal | None:
    places = [(one.stand_id, slot) for slot in one.slots]
    free = await appointments.lock_slots(work, places)
    if len(free) < len(places):
        return NO_SLOT
    if min(free.values()) < 1:
        return FULL
    await appointments.count_slots(work, places, 1)
    return None


async def _save(outcome: Decision[Appointment], before: Appointment, work: Work) -> Appointment:
    if outcome.state != before:
        await appointments.save_appointments(work, [outcome.state])
        if outcome.events:
            work.emit(*outcome.events, version=outcome.state.version)
    return outcome.state

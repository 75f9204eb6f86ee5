"""What a citizen asks and says on our page: how it stands, what they prefer, that they want no more messages.

Kept true: an unknown code, a wrong date and a code that was tried too often are answered alike, after the same work; a
pass that was given once ends after a while and is good for one case alone.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from wanderamt.backbone.work import Work
from wanderamt.contracts import Channel
from wanderamt.kernel.refusal import Refusal

from notifications.domain.citizen import Subject
from notifications.domain.notice import Notice
from notifications.domain.recipient import Recipient
from notifications.domain.refusals import DOOR_CLOSED, NOT_KNOWN, PASS_OVER
from notifications.handlers.deciding import wants_of
from notifications.handlers.ground import Ground
from notifications.handlers.receipts import stop_person
from notifications.store import notices, partners, people, providers

BY_PLACE = 20  # tries from one address
BY_CODE = 5
WITHIN = timedelta(minutes=15)
NOBODY = Recipient(born="0000-00-00")


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows. `districts`: all there are; `wanted`: those the citizen wants to hear of."""

    subject: Subject
    notices: Sequence[Notice]
    channels: tuple[Channel, ...]
    consented: frozenset[Channel]
    preferred: Channel | None
    language: str
    districts: Sequence[str]
    wanted: Sequence[str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a citizen chose."""

    channel: Channel | None
    language: str
    districts: tuple[str, ...]


async def look_up(code: str, born: date, work: Work, *, place: str, ground: Ground) -> Subject | Refusal:
    """`place`: where the question comes from, such as an IP address; it is kept as a keyed hash."""
    doors = [(ground.sealer.fingerprint(f"place:{place}".encode()), BY_PLACE)]
    doors.append((ground.sealer.fingerprint(f"code:{code}".encode()), BY_CODE))
    tries = []
    for door, _ in doors:
        await people.note_try(work, door)
        tries.append(await people.count_tries(work, door, since=work.now - WITHIN) - 1)
    found = await people.find_subjects_by_code(work, code)
    known: Subject | None = None
    if not found:
        _born_on(NOBODY, born)  # the same work for a code nobody has
    for subject in found:
        if _born_on(_recipient(subject, ground), born):
            known = subject
    if tries[0] >= BY_PLACE:
        return DOOR_CLOSED
    return known if known and tries[1] < BY_CODE else NOT_KNOWN


async def show(subject_id: UUID, work: Work, *, ground: Ground) -> Shown | Refusal:
    subject = await people.find_subject(work, subject_id)
    if not subject or not subject.contact:
        return PASS_OVER
    recipient = _recipient(subject, ground)
    persons = _persons(recipient, ground)
    habits = await people.habits_of(work, persons.values(), since=work.now)
    wants = wants_of(recipient, {channel: habits[person] for channel, person in persons.items()})
    wanted = [one for person in persons.values() for one in await people.subscribed(work, person)]
    return Shown(
        subject=subject,
        notices=await notices.find_notices(work, subject_id),
        channels=tuple(persons),
        consented=wants.consented,
        preferred=wants.channel,
        language=wants.language or subject.language,
        districts=await people.districts(work),
        wanted=sorted(set(wanted)),
    )


async def choose(subject_id: UUID, wanted: Wanted, work: Work, *, wording: str, ground: Ground) -> Shown | Refusal:
    """Preferences for all addresses of the citizen. Wanting to hear of stands is a consent of its own."""
    shown = await show(subject_id, work, ground=ground)
    if isinstance(shown, Refusal):
        return shown
    subject = shown.subject
    assert subject.contact  # noqa: S101 -- by `show`
    persons = _persons(_recipient(subject, ground), ground)
    for person in persons.values():
        await people.set_preference(work, person, channel=wanted.channel, language=wanted.language)
    districts = [one for one in wanted.districts if one in shown.districts]
    channel = wanted.channel or next(iter(persons), None)
    for one, person in persons.items():
        await people.set_subscriptions(
            work,
            person,
            districts if one is channel else (),
            contact=subject.contact,
            subject_id=subject_id,
            language=wanted.language,
        )
        if districts and one is channel:
            await people.add_consents(work, [people.Consent(person, one, UUID(int=work.new_id().int), wording)])
    return await show(subject_id, work, ground=ground)


async def opt_out(subject_id: UUID, work: Work, *, ground: Ground) -> Shown | Refusal:
    """No more messages, on any channel that was left with this case."""
    subject = await people.find_subject(work, subject_id)
    if not subject or not subject.contact:
        return PASS_OVER
    await stop_person(list(_persons(_recipient(subject, ground), ground).values()), work, by="citizen")
    return await show(subject_id, work, ground=ground)


async def forget(work: Work, *, ground: Ground) -> int:
    """Content and recipients of what is over; old tries. Counts stay."""
    kept = ground.retention
    redacted = await notices.redact(work, work.now - kept.content)
    redacted += await people.redact_subjects(work, work.now - kept.content, work.now - kept.silent)
    redacted += await providers.redact_receipts(work, work.now - kept.content)
    await partners.forget_deliveries(work, work.now - kept.content)
    await people.forget_tries(work, work.now - timedelta(hours=1))
    return redacted


def _recipient(subject: Subject, ground: Ground) -> Recipient:
    return (subject.contact and ground.recipient(subject.contact)) or NOBODY


def _born_on(recipient: Recipient, born: date) -> bool:
    """By the whole date, or by the year where no more was known at the stand."""
    told = recipient.born or NOBODY.born or ""
    given = born.isoformat()[: max(4, len(told))]
    return hmac.compare_digest(told.encode(), given.encode())


def _persons(recipient: Recipient, ground: Ground) -> dict[Channel, bytes]:
    return {
        channel: ground.person(channel, address)
        for channel, address in recipient.addresses().items()
        if isinstance(address, str)
    }

"""Wishes become notices: many at a time, in a few statements however many they are.

Kept true: what is new supersedes what waits about the same; what is not new changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from pydantic import TypeAdapter
from pydantic_core import to_json
from wanderamt.backbone.job_rows import forget
from wanderamt.backbone.work import Work
from wanderamt.contracts import Channel
from wanderamt.kernel.ids import NoticeId
from wanderamt.kernel.sealed import Sealed

from notifications.domain.deciding import Choice, Known, Wish, choose, notice_of
from notifications.domain.kinds import RULES, About
from notifications.domain.notice import (
    JOB_OF,
    Dropped,
    End,
    Failed,
    Notice,
    State,
    Why,
    end_notice,
    raise_unreached,
)
from notifications.domain.recipient import Recipient
from notifications.handlers.ground import Ground
from notifications.store import notices, people, providers

SHORT_REFS = 2**16 - 1
_FACTS = TypeAdapter(dict[str, str])
Trace = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ask:
    """A wish, and whom it is for. `overtakes`: what waits about the same is dropped for it."""

    wish: Wish
    contact: Sealed
    language: str
    trace: Trace
    overtakes: bool = True


@dataclass(frozen=True, slots=True)
class Wants:
    """What a citizen agreed to and prefers; None: they never said."""

    consented: frozenset[Channel]
    channel: Channel | None
    language: str | None


@dataclass(slots=True)
class _Person:
    recipient: Recipient
    known: Known


async def decide(asks: Sequence[Ask], work: Work, ground: Ground) -> None:
    """In order: of several about the same the last that overtakes counts, the others are born overtaken."""
    asks = _once(asks)
    if not asks:
        return
    people_ = await _know(asks, work, ground)
    last = {ask.wish.about_id: number for number, ask in enumerate(asks) if _overtakes(ask)}
    decided: list[tuple[Ask, Notice, Choice]] = []
    unreached: list[tuple[Notice, str]] = []
    for number, ask in enumerate(asks):
        person = people_.get(id(ask))
        if not person:
            continue
        late = number < last.get(ask.wish.about_id, -1)
        wish = replace(ask.wish, overtaken=True) if late else ask.wish
        made = _decide_one(wish, person, work, ground)
        decided += [(ask, notice, choice) for notice, choice in made]
        if made and made[-1][0].state is State.FAILED:
            unreached.append((made[-1][0], made[-1][0].reason))
    new = await notices.add_notices(work, [notice for _, notice, _ in decided])
    await _supersede(decided, new, work)
    await _raise([one for one in unreached if one[0].id in new], work)
    for ask, notice, choice in decided:
        if notice.id in new and notice.state is State.DECIDED:
            work.carried = ask.trace
            work.enqueue(JOB_OF[notice.channel](notice_id=notice.id), after_s=choice.after_s)
    work.carried = None


async def fall_back(failed: Sequence[tuple[Notice, Trace]], work: Work, ground: Ground) -> None:
    """After a known failure: another channel the citizen left, while it is worth it; else staff is asked."""
    subjects = await people.lock_subjects(work, {notice.about_id for notice, _ in failed})
    asks, hopeless = [], []
    for notice, trace in failed:
        subject = subjects.get(notice.about_id)
        tried = (*notice.tried, notice.channel)
        contact = subject.contact if subject else None
        if not contact or notice.superseded or notice.valid_until <= work.now or not notice.facts:
            hopeless.append((notice, notice.reason))
            continue
        facts = _FACTS.validate_json(ground.sealer.open_bytes(notice.about_id, notice.facts))
        wish = Wish(notice.kind, notice.about_id, facts, notice.occurrence, until=notice.valid_until, tried=tried)
        asks.append((notice, Ask(wish, contact, notice.language, trace, overtakes=False)))
    people_ = await _know([ask for _, ask in asks], work, ground)
    able = []
    for notice, ask in asks:
        person = people_.get(id(ask))
        choice = choose(ask.wish, person.known, ground.house, now=work.now) if person else None
        if choice and choice.reason != Why.NO_CONSENT:
            able.append(ask)
        else:
            hopeless.append((notice, notice.reason))
    await decide(able, work, ground)
    await _raise([(one, reason) for one, reason in hopeless if not one.superseded], work)


def end(notice: Notice, how: End, work: Work) -> Notice | None:
    """As it ended, and told; the caller saves it. None where it says nothing new."""
    done = end_notice(notice, how, now=work.now)
    if not done:
        return None
    work.emit(done[1], version=done[0].version)
    return done[0]


def wants_of(recipient: Recipient, of: Mapping[Channel, people.Habits]) -> Wants:
    """What was chosen on our page goes before what was said at the stand. `of`: of each of their addresses."""
    told = Channel(recipient.prefer) if recipient.prefer in set(Channel) else None
    return Wants(
        consented=frozenset(channel for channel, one in of.items() if one.consented),
        channel=next((one.channel for one in of.values() if one.channel), told),
        language=next((one.language for one in of.values() if one.language), recipient.language),
    )


async def drop_unended(
    subjects: Iterable[UUID], why: Why, work: Work, *, persons: Sequence[bytes] = (), but: Iterable[NoticeId] = ()
) -> None:
    """What waits is dropped; what is under way goes no further than it went."""
    waiting = await notices.lock_unended(work, subjects, but=but, persons=persons)
    changed = []
    for notice in waiting:
        if notice.state is State.SENDING:
            changed.append(replace(notice, superseded=True))
        else:
            changed.append(end(notice, Dropped(why), work) or notice)
    if changed:
        await notices.save_notices(work, changed)
    for channel, job in JOB_OF.items():
        over = [str(one.id) for one in changed if one.state is State.DROPPED and one.channel is channel]
        if over:
            await forget(work, job, over)


def _decide_one(wish: Wish, person: _Person, work: Work, ground: Ground) -> list[tuple[Notice, Choice]]:
    """With each channel that fails at once, until one does not."""
    made: list[tuple[Notice, Choice]] = []
    while choice := choose(wish, person.known, ground.house, now=work.now):
        notice_id = NoticeId(work.new_id())
        short_ref = notice_id.int % SHORT_REFS + 1
        notice = notice_of(notice_id, wish, choice, person.known, ground.house, short_ref=short_ref, now=work.now)
        waits = choice.state is State.DECIDED
        if waits:
            notice = replace(
                notice,
                address=ground.sealer.seal_bytes(wish.about_id, choice.address.encode()),
                facts=ground.sealer.seal_bytes(wish.about_id, to_json(dict(wish.facts))),
            )
            person.known = replace(person.known, told_today=person.known.told_today + 1)
        made.append((notice, choice))
        if choice.state is not State.FAILED:
            break
        wish = replace(wish, tried=(*wish.tried, choice.channel))
    return made


async def _know(asks: Sequence[Ask], work: Work, ground: Ground) -> dict[int, _Person]:
    """Who the asks are for, by the ask; those nobody can read or who left no address are not in it."""
    opened: dict[int, tuple[Ask, Recipient]] = {}
    for ask in asks:
        recipient = ground.recipient(ask.contact)
        if recipient and (recipient.phone or recipient.email):
            opened[id(ask)] = ask, recipient
    reach = {key: one.addresses() for key, (_, one) in opened.items()}
    persons: dict[int, dict[Channel, bytes]] = {}
    consents = []
    for key, (ask, recipient) in opened.items():
        texts = {Channel.SMS: recipient.phone, Channel.EMAIL: recipient.email}
        persons[key] = {
            channel: ground.person(channel, address if isinstance(address, str) else texts[channel] or "")
            for channel, address in reach[key].items()
        }
        if recipient.consent:
            consents += [
                people.Consent(person, channel, ask.wish.about_id, recipient.consent)
                for channel, person in persons[key].items()
            ]
    await people.add_consents(work, consents)
    day = ground.day_began(work.now)
    everybody = {person for by_channel in persons.values() for person in by_channel.values()}
    habits = await people.habits_of(work, everybody, since=day) if everybody else {}
    return {
        key: _Person(recipient, _known(ask, recipient, reach[key], persons[key], habits))
        for key, (ask, recipient) in opened.items()
    }


def _known(
    ask: Ask,
    recipient: Recipient,
    addresses: Mapping[Channel, object],
    persons: Mapping[Channel, bytes],
    habits: Mapping[bytes, people.Habits],
) -> Known:
    of = {channel: habits[person] for channel, person in persons.items()}
    wants = wants_of(recipient, of)
    return Known(
        addresses=addresses,  # type: ignore[arg-type]  # as Recipient gives them
        persons=persons,
        consented=wants.consented,
        preferred=wants.channel,
        language=wants.language or ask.language,
        told_today=max(one.told_today for one in of.values()),
    )


async def _supersede(decided: Sequence[tuple[Ask, Notice, Choice]], new: set[NoticeId], work: Work) -> None:
    for _, notice, _ in decided:
        if notice.id in new and notice.state is not State.DECIDED:
            _tell_born(notice, work)
    overtaking = {
        notice.about_id
        for ask, notice, _ in decided
        if notice.id in new and notice.state is State.DECIDED and _overtakes(ask)
    }
    if overtaking:
        await drop_unended(overtaking, Why.SUPERSEDED, work, but=new)


def _tell_born(notice: Notice, work: Work) -> None:
    """It was dropped or failed as it was decided: the row says so, and version 1 of its life is the event."""
    fresh = replace(notice, state=State.DECIDED, version=notice.version - 1)
    end(fresh, Dropped(Why(notice.reason)) if notice.state is State.DROPPED else Failed(notice.reason), work)


async def _raise(unreached: Sequence[tuple[Notice, str]], work: Work) -> None:
    raised = []
    for notice, reason in unreached:
        after, event = raise_unreached(notice, reason, now=work.now)
        work.emit(event, version=after.version)
        raised.append(after)
    if raised:
        await notices.save_notices(work, raised)
        await providers.add_tasks(work, unreached)


def _once(asks: Sequence[Ask]) -> list[Ask]:
    """What is wished twice in one batch is one wish: else the second would overtake the first."""
    first: dict[object, Ask] = {}
    for one in asks:
        first.setdefault((one.wish.about_id, one.wish.kind, one.wish.occurrence, one.contact.subject), one)
    return list(first.values())


def _overtakes(ask: Ask) -> bool:
    """Not what is overtaken itself, nor a notice about a stand: it is one of many, each another citizen's."""
    return ask.overtakes and not ask.wish.overtaken and RULES[ask.wish.kind].about is not About.STAND

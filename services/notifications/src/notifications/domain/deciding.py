"""Whether, on which channel and when somebody is told something. Pure: everything known about them comes in.

Kept true: without consent nothing is sent; the channel the citizen prefers comes first, another only after a known
failure; what cannot be sent is a notice too, dropped or failed with its reason, so that nobody wonders.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from wanderamt.contracts import Channel
from wanderamt.kernel.ids import NoticeId
from wanderamt.kernel.refusal import Refusal

from notifications.domain.kinds import RULES, Kind
from notifications.domain.notice import Facts, Notice, State, Why
from notifications.domain.quiet import QuietHours
from notifications.domain.recipient import is_plain
from notifications.domain.refusals import EMPTY_VARIABLE, NOT_PLAIN

ORDER = (Channel.SMS, Channel.EMAIL)  # where nobody said what they prefer


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody should be told this. `until`: no use after it. `not_before`: a reminder. `tried`: in vain."""

    kind: Kind
    about_id: UUID
    facts: Facts
    occurrence: str = ""
    until: datetime | None = None
    not_before: datetime | None = None
    tried: tuple[Channel, ...] = ()
    overtaken: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a person. `told_today`: notices of today that were not dropped."""

    addresses: Mapping[Channel, str | Refusal]
    persons: Mapping[Channel, bytes]
    consented: frozenset[Channel]
    preferred: Channel | None
    language: str
    told_today: int = 0


@dataclass(frozen=True, slots=True)
class House:
    """The rules of the city. `budget`: notices a person gets on one day at most."""

    budget: int
    zone: ZoneInfo
    quiet: QuietHours | None
    templates: Mapping[Kind, int]


@dataclass(frozen=True, slots=True)
class Choice:
    """On which channel, to which address, and what it ends as where it is not sent. `after_s`: until its first try."""

    channel: Channel
    address: str
    state: State
    reason: str
    valid_until: datetime
    after_s: float = 0.0


def choose(wish: Wish, known: Known, house: House, *, now: datetime) -> Choice | None:
    """None when there is nobody to tell: no address was left, or every channel was tried."""
    rule = RULES[wish.kind]
    valid_until = min(filter(None, (wish.until, (wish.not_before or now) + rule.worth)))
    channels = _channels(known, wish.tried)
    if not channels:
        return None
    channel = next((one for one in channels if one in known.consented), channels[0])
    address = known.addresses[channel]
    to = "" if isinstance(address, Refusal) else address
    choice = Choice(channel, to, State.DECIDED, "", valid_until)
    if channel not in known.consented:
        return _dropped(choice, Why.NO_CONSENT)
    if wish.overtaken:
        return _dropped(choice, Why.SUPERSEDED)
    if valid_until <= now:
        return _dropped(choice, Why.STALE)
    if isinstance(address, Refusal):
        return replace(choice, state=State.FAILED, reason=address.code)
    if refusal := wrong_facts(rule.needs, wish.facts):
        return replace(choice, state=State.FAILED, reason=refusal.code)
    if known.told_today >= house.budget:
        return _dropped(choice, Why.BUDGET)
    return _when(choice, wish, house, urgent=rule.urgent, now=now)


def wrong_facts(needs: tuple[str, ...], facts: Facts) -> Refusal | None:
    for name in needs:
        if not facts.get(name, "").strip():
            return EMPTY_VARIABLE
    return None if all(map(is_plain, facts.values())) else NOT_PLAIN


def quiet_wait(
    channel: Channel, moment: datetime, valid_until: datetime, house: House, *, urgent: bool
) -> timedelta | Why | None:
    """None: it goes at this moment. Else how long it waits, or why it never goes. Mail wakes nobody up."""
    ends = house.quiet.until(moment) if house.quiet and channel is Channel.SMS else None
    if not ends:
        return None
    if ends < valid_until:
        return ends - moment
    return None if urgent else Why.QUIET


def _when(choice: Choice, wish: Wish, house: House, *, urgent: bool, now: datetime) -> Choice:
    first = max(now, wish.not_before or now)
    wait = quiet_wait(choice.channel, first, choice.valid_until, house, urgent=urgent)
    if isinstance(wait, Why):
        return _dropped(choice, wait)
    return replace(choice, after_s=(first + (wait or timedelta()) - now).total_seconds())


def _channels(known: Known, tried: tuple[Channel, ...]) -> list[Channel]:
    """Those not tried yet, the preferred one first; one with a real address before one without."""
    left = [one for one in ORDER if one in known.addresses and one not in tried]
    return sorted(left, key=lambda one: (isinstance(known.addresses[one], Refusal), one is not known.preferred))


def _dropped(choice: Choice, why: Why) -> Choice:
    return replace(choice, state=State.DROPPED, reason=why.value)


def notice_of(
    notice_id: NoticeId, wish: Wish, choice: Choice, known: Known, house: House, *, short_ref: int, now: datetime
) -> Notice:
    """Address and facts are sealed by the caller."""
    ended = choice.state is not State.DECIDED
    return Notice(
        id=notice_id,
        version=1 if ended else 0,  # of its end the first event tells
        about=RULES[wish.kind].about,
        about_id=wish.about_id,
        kind=wish.kind,
        occurrence=wish.occurrence,
        template=house.templates[wish.kind],
        channel=choice.channel,
        language=known.language,
        person=known.persons[choice.channel],
        address=None,
        facts=None,
        state=choice.state,
        decided_at=now,
        valid_until=choice.valid_until,
        reason=choice.reason,
        ended_at=now if ended else None,
        short_ref=short_ref,
        tried=wish.tried,
    )

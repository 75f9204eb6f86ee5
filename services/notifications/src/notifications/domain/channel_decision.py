"""Decides whether, on which channel and when a citizen gets a notice. Pure.

Invariants: without consent nothing is sent but what the citizen has just asked for; the citizen's preferred channel
comes first, another channel only after a known failure; an intent that cannot be sent becomes a dropped or failed
notice with its reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from wanderamt.contracts import Channel
from wanderamt.kernel.ids import NoticeId
from wanderamt.kernel.refusal import Refusal

from notifications.domain.kinds import RULES, AboutRef, NoticeKind
from notifications.domain.notice import DropReason, Notice, NoticeState, Variables
from notifications.domain.quiet_hours import QuietHours
from notifications.domain.recipient import is_plain
from notifications.domain.refusals import EMPTY_VARIABLE, NOT_PLAIN

DEFAULT_ORDER = (Channel.SMS, Channel.EMAIL)  # for citizens without a preference


@dataclass(frozen=True, slots=True)
class NoticeIntent:
    """A citizen should get a notice. `until`: useless afterwards. `not_before`: the time of a reminder.

    `tried_channels`: channels that failed. `superseded`: a newer notice exists already.
    """

    kind: NoticeKind
    about_id: UUID
    variables: Variables
    occurrence: str = ""
    until: datetime | None = None
    not_before: datetime | None = None
    tried_channels: tuple[Channel, ...] = ()
    superseded: bool = False

    @property
    def ref(self) -> AboutRef:
        return AboutRef(RULES[self.kind].about, self.about_id)


@dataclass(frozen=True, slots=True)
class RecipientProfile:
    """What is known about a citizen, for one case or appointment: consent and preference are given for that one alone.

    `contact_confirmed`: a clerk took the contact, or the citizen entered a code that was sent to it. What anybody may
    send to any number has a budget of its own. `sent_today`: notices of that budget today that were not dropped.
    """

    addresses: Mapping[Channel, str | Refusal]
    address_hashes: Mapping[Channel, bytes]
    consented: frozenset[Channel]
    preferred: Channel | None
    language: str
    sent_today: int = 0
    contact_confirmed: bool = False


@dataclass(frozen=True, slots=True)
class SendingPolicy:
    """The city's rules. `day_budget`: notices per address and day, see RecipientProfile.

    `template_versions`: the newest ones.

    `case_opened_wait`: how long the notice about a new case waits. At a stand the document often follows within
    seconds: its notice supersedes this one, and the citizen gets one message instead of two.
    """

    day_budget: int
    zone: ZoneInfo
    quiet_hours: QuietHours | None
    template_versions: Mapping[NoticeKind, int]
    case_opened_wait: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class ChannelDecision:
    """`state` and `reason`: created, or how it ended at once. `delay_s`: seconds until the first attempt."""

    channel: Channel
    address: str
    state: NoticeState
    reason: str
    valid_until: datetime
    delay_s: float = 0.0


def decide_channel(
    intent: NoticeIntent, profile: RecipientProfile, policy: SendingPolicy, *, now: datetime
) -> ChannelDecision | None:
    """None if no channel is left: the citizen left no address, or every channel was tried."""
    rule = RULES[intent.kind]
    valid_until = min(filter(None, (intent.until, (intent.not_before or now) + rule.time_to_live)))
    channels = _untried_channels(profile, intent.tried_channels)
    if not channels:
        return None
    channel = next((channel for channel in channels if channel in profile.consented), channels[0])
    address = profile.addresses[channel]
    recipient = "" if isinstance(address, Refusal) else address
    decision = ChannelDecision(channel, recipient, NoticeState.CREATED, "", valid_until)
    if channel not in profile.consented and not rule.requested:
        return _drop(decision, DropReason.NO_CONSENT)
    if intent.superseded:
        return _drop(decision, DropReason.SUPERSEDED)
    if valid_until <= now:
        return _drop(decision, DropReason.STALE)
    if isinstance(address, Refusal):
        return replace(decision, state=NoticeState.FAILED, reason=address.code)
    if refusal := check_variables(rule.required_variables, intent.variables):
        return replace(decision, state=NoticeState.FAILED, reason=refusal.code)
    if profile.sent_today >= policy.day_budget and not rule.requested:
        return _drop(decision, DropReason.BUDGET)
    return _schedule(decision, intent, policy, urgent=rule.urgent, now=now)


def check_variables(required: tuple[str, ...], variables: Variables) -> Refusal | None:
    for name in required:
        if not variables.get(name, "").strip():
            return EMPTY_VARIABLE
    return None if all(map(is_plain, variables.values())) else NOT_PLAIN


def quiet_hours_delay(
    channel: Channel, moment: datetime, valid_until: datetime, policy: SendingPolicy, *, urgent: bool
) -> timedelta | DropReason | None:
    """How long the notice waits, or why it is never sent. None: it may be sent at `moment`. E-mails never wait."""
    ends = policy.quiet_hours.until(moment) if policy.quiet_hours and channel is Channel.SMS else None
    if not ends:
        return None
    if ends < valid_until:
        return ends - moment
    return None if urgent else DropReason.QUIET


def _schedule(
    decision: ChannelDecision, intent: NoticeIntent, policy: SendingPolicy, *, urgent: bool, now: datetime
) -> ChannelDecision:
    waits = intent.kind is NoticeKind.CASE_OPENED and not intent.tried_channels
    earliest = max(now + (policy.case_opened_wait if waits else timedelta()), intent.not_before or now)
    delay = quiet_hours_delay(decision.channel, earliest, decision.valid_until, policy, urgent=urgent)
    if isinstance(delay, DropReason):
        return _drop(decision, delay)
    return replace(decision, delay_s=(earliest + (delay or timedelta()) - now).total_seconds())


def _untried_channels(profile: RecipientProfile, tried: tuple[Channel, ...]) -> list[Channel]:
    """Valid addresses first; among them the preferred channel first."""
    untried = [channel for channel in DEFAULT_ORDER if channel in profile.addresses and channel not in tried]
    return sorted(
        untried,
        key=lambda channel: (isinstance(profile.addresses[channel], Refusal), channel is not profile.preferred),
    )


def _drop(decision: ChannelDecision, reason: DropReason) -> ChannelDecision:
    return replace(decision, state=NoticeState.DROPPED, reason=reason.value)


def new_notice(
    notice_id: NoticeId,
    intent: NoticeIntent,
    decision: ChannelDecision,
    profile: RecipientProfile,
    policy: SendingPolicy,
    *,
    short_ref: int,
    now: datetime,
) -> Notice:
    """The caller adds the encrypted address and variables."""
    ended = decision.state is not NoticeState.CREATED
    return Notice(
        id=notice_id,
        version=1 if ended else 0,  # the first event is about the outcome
        about=RULES[intent.kind].about,
        about_id=intent.about_id,
        kind=intent.kind,
        occurrence=intent.occurrence,
        template_version=policy.template_versions[intent.kind],
        channel=decision.channel,
        language=profile.language,
        address_hash=profile.address_hashes[decision.channel],
        address=None,
        variables=None,
        state=decision.state,
        created_at=now,
        valid_until=decision.valid_until,
        reason=decision.reason,
        ended_at=now if ended else None,
        short_ref=short_ref,
        tried_channels=intent.tried_channels,
        contact_confirmed=profile.contact_confirmed,
    )

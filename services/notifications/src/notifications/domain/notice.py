"""A notice: decided once per person, subject, occasion, template version and channel; sent while it is worth it.

Kept true: that it is decided once stands in the database; what was overtaken, came too late or has no consent is
dropped with its reason and never sent; a notice ends once, and only a receipt may still say better how.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, assert_never
from uuid import UUID

from wanderamt.contracts import (
    Channel,
    CitizenUnreached,
    NoticeDelivered,
    NoticeDropped,
    NoticeFailed,
    NoticeSent,
    NoticeUnknown,
)
from wanderamt.kernel.decision import Event, Job
from wanderamt.kernel.ids import NoticeId

from notifications.domain.kinds import About, Kind

Facts = Mapping[str, str]


class State(StrEnum):
    """sending: a provider has it or may have it. unconfirmed: it may have left, and no receipt ever came."""

    DECIDED = "decided"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    UNCONFIRMED = "unconfirmed"
    DROPPED = "dropped"


class Why(StrEnum):
    """Why nothing is sent."""

    SUPERSEDED = "superseded"
    STALE = "stale"
    QUIET = "quiet"
    NO_CONSENT = "no_consent"
    BUDGET = "budget"
    WITHDRAWN = "withdrawn"


UNENDED = frozenset({State.DECIDED, State.SENDING})
OPEN_TO_RECEIPTS = frozenset({State.SENDING, State.SENT, State.UNKNOWN, State.UNCONFIRMED, State.FAILED})


class SendNotice(Job):
    """Each notice by itself: order between notices is kept by the newer one overtaking the older."""

    QUEUE: ClassVar[str] = "send-notice"
    KEY: ClassVar[str] = "notice_id"
    DEADLINE_S: ClassVar[int] = 30 * 86_400  # the use-by time of the notice ends it long before

    notice_id: UUID


class SendSms(SendNotice):
    QUEUE: ClassVar[str] = "send-sms"


class SendMail(SendNotice):
    QUEUE: ClassVar[str] = "send-email"


JOB_OF: Mapping[Channel, type[SendNotice]] = {Channel.SMS: SendSms, Channel.EMAIL: SendMail}


@dataclass(frozen=True, slots=True)
class Notice:
    """`occurrence`: what tells two notices of one kind about the same apart, such as the time an appointment moved to.

    `person`: keyed hash of the address. `address`, `facts`: sealed; None once they were redacted. `provider`: who has
    it or had it last. `maybe`: a call of it may have happened. `superseded`: a newer one exists, and it is under way.
    """

    id: NoticeId
    version: int
    about: About
    about_id: UUID
    kind: Kind
    occurrence: str
    template: int
    channel: Channel
    language: str
    person: bytes
    address: bytes | None
    facts: bytes | None
    state: State
    decided_at: datetime
    valid_until: datetime
    reason: str = ""
    ended_at: datetime | None = None
    provider: str = ""
    provider_ref: str = ""
    short_ref: int = 0
    tries: int = 0
    maybe: bool = False
    superseded: bool = False
    tried: tuple[Channel, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    provider: str
    provider_ref: str = ""


@dataclass(frozen=True, slots=True)
class Delivered:
    provider: str


@dataclass(frozen=True, slots=True)
class Failed:
    """For good, on this channel: another try would end the same."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer after the message was handed over."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """It may have left, and no receipt came in time."""


@dataclass(frozen=True, slots=True)
class Dropped:
    why: Why


End = Sent | Delivered | Failed | Unknown | Unconfirmed | Dropped


def end_notice(notice: Notice, end: End, *, now: datetime) -> tuple[Notice, Event] | None:
    """None where it says nothing new: an end is final but for what a receipt knows better."""
    if not _says_more(notice.state, end):
        return None
    about = _about(notice)
    match end:
        case Sent(provider, ref):
            after = replace(notice, state=State.SENT, provider=provider, provider_ref=ref or notice.provider_ref)
            told: Event = NoticeSent(**about, provider=provider, sent_at=now)
        case Delivered(provider):
            after = replace(notice, state=State.DELIVERED, provider=provider, reason="")
            told = NoticeDelivered(**about, provider=provider, delivered_at=now)
        case Failed(reason):
            after = replace(notice, state=State.FAILED, reason=reason)
            told = NoticeFailed(**about, reason=reason, failed_at=now)
        case Unknown(reason):
            after = replace(notice, state=State.UNKNOWN, reason=reason)
            told = NoticeUnknown(**about, reason=reason, noticed_at=now)
        case Unconfirmed():
            after = replace(notice, state=State.UNCONFIRMED, reason="no_receipt")
            told = NoticeUnknown(**about, reason="no_receipt", noticed_at=now)
        case Dropped(why):
            after = replace(notice, state=State.DROPPED, reason=why.value)
            told = NoticeDropped(**about, reason=why.value, dropped_at=now)
        case never:
            assert_never(never)
    return replace(after, version=notice.version + 1, ended_at=now, maybe=False), told


def raise_unreached(notice: Notice, reason: str, *, now: datetime) -> tuple[Notice, Event]:
    """Staff must tell the citizen themselves."""
    after = replace(notice, version=notice.version + 1)
    return after, CitizenUnreached(**_about(notice), reason=reason, raised_at=now)


def _says_more(state: State, end: End) -> bool:
    """Ranks grow: delivered beats everything, a known failure beats what nobody knows, and nothing is taken back."""
    match end:
        case Sent():
            return state in {State.DECIDED, State.SENDING, State.UNKNOWN, State.UNCONFIRMED}
        case Delivered():
            return state in OPEN_TO_RECEIPTS
        case Failed():
            return state in UNENDED | {State.SENT, State.UNKNOWN, State.UNCONFIRMED}
        case Unknown():
            return state in UNENDED
        case Unconfirmed():
            return state in {State.SENT, State.UNKNOWN}
        case Dropped():
            return state in UNENDED
    return False


def _about(notice: Notice) -> dict[str, object]:
    return {
        "notice_id": notice.id,
        "about": notice.about.value,
        "about_id": notice.about_id,
        "kind": notice.kind.value,
        "channel": notice.channel.value,
    }

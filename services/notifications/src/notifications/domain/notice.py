"""A notice: one message to one citizen, decided once and sent at most once.

Invariants: a unique index holds that one notice exists per address, case, occurrence, template version and channel; a
notice that is superseded, too late or without consent is dropped with its reason and never sent; a notice has one
outcome, which only a delivery receipt may correct.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Protocol, assert_never
from uuid import UUID

from pydantic import TypeAdapter
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

from notifications.domain.kinds import About, AboutRef, NoticeKind

Variables = Mapping[str, str]
_VARIABLES = TypeAdapter(dict[str, str])


class NoticeState(StrEnum):
    """The states of GOV.UK Notify, where they fit.

    created: waits for its turn. sending: a provider has the message, or may have it. sent: the provider accepted it.
    delivered: a receipt says that it arrived. failed: it will not arrive on this channel. unknown: it may have left,
    and the provider did not answer. no_receipt: it may have left, and no receipt came in time. dropped: not sent, on
    purpose.
    """

    CREATED = "created"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NO_RECEIPT = "no_receipt"
    DROPPED = "dropped"


class DropReason(StrEnum):
    """Why a notice is not sent. stale: too late to be useful. budget: the citizen's daily limit is reached."""

    SUPERSEDED = "superseded"
    STALE = "stale"
    QUIET = "quiet"
    NO_CONSENT = "no_consent"
    BUDGET = "budget"
    WITHDRAWN = "withdrawn"


PENDING_STATES = frozenset({NoticeState.CREATED, NoticeState.SENDING})
OPEN_TO_RECEIPTS = frozenset(
    {NoticeState.SENDING, NoticeState.SENT, NoticeState.UNKNOWN, NoticeState.NO_RECEIPT, NoticeState.FAILED}
)


class SendNotice(Job):
    """One job per notice. Jobs need no order: a newer notice supersedes an older one."""

    QUEUE: ClassVar[str] = "send-notice"
    KEY: ClassVar[str] = "notice_id"
    DEADLINE_S: ClassVar[int] = 30 * 86_400  # `valid_until` of the notice ends the job much earlier

    notice_id: UUID


class SendSms(SendNotice):
    QUEUE: ClassVar[str] = "send-sms"


class SendMail(SendNotice):
    QUEUE: ClassVar[str] = "send-email"


JOB_TYPES: Mapping[Channel, type[SendNotice]] = {Channel.SMS: SendSms, Channel.EMAIL: SendMail}


@dataclass(frozen=True, slots=True)
class Notice:
    """`occurrence`: distinguishes notices of one kind about the same case, such as the new time of an appointment.

    `address_hash`: keyed hash of the address. `address`, `variables`: encrypted; None after redaction. `provider`: the
    provider that has the message, or had it last. `outcome_unknown`: a call to the provider may have happened.
    `superseded`: a newer notice exists while this one is being sent. `tried_channels`: failed before this channel.

    `contact_confirmed`: counts in the budget of citizens who are known, see RecipientProfile.
    """

    id: NoticeId
    version: int
    about: About
    about_id: UUID
    kind: NoticeKind
    occurrence: str
    template_version: int
    channel: Channel
    language: str
    address_hash: bytes
    address: bytes | None
    variables: bytes | None
    state: NoticeState
    created_at: datetime
    valid_until: datetime
    reason: str = ""
    ended_at: datetime | None = None
    provider: str = ""
    provider_ref: str = ""
    short_ref: int = 0
    attempts: int = 0
    outcome_unknown: bool = False
    superseded: bool = False
    tried_channels: tuple[Channel, ...] = ()
    contact_confirmed: bool = False

    @property
    def ref(self) -> AboutRef:
        return AboutRef(self.about, self.about_id)


def address_of(notice_id: UUID) -> str:
    """As what the address of a notice is encrypted, see FieldCipher.seal_bytes."""
    return f"notice.address:{notice_id}"


def variables_of(notice_id: UUID) -> str:
    return f"notice.variables:{notice_id}"


class OpensBytes(Protocol):
    """The part of security.keys.FieldCipher that decrypts."""

    def open_bytes(self, subject: UUID, sealed: bytes, *, purpose: str) -> bytes: ...


def open_variables(sealed: bytes, cipher: OpensBytes, *, about_id: UUID, notice_id: UUID) -> dict[str, str]:
    """Raises UnreadableCiphertextError."""
    return _VARIABLES.validate_json(cipher.open_bytes(about_id, sealed, purpose=variables_of(notice_id)))


@dataclass(frozen=True, slots=True)
class StaffTask:
    """No message reached this citizen: staff must inform them."""

    task_id: UUID
    notice_id: NoticeId
    about: About
    about_id: UUID
    kind: NoticeKind
    reason: str
    raised_at: datetime


@dataclass(frozen=True, slots=True)
class NoticeAccepted:
    """The provider accepted the message."""

    provider: str
    provider_ref: str = ""


@dataclass(frozen=True, slots=True)
class NoticeArrived:
    """A receipt says that the message arrived."""

    provider: str


@dataclass(frozen=True, slots=True)
class PermanentFailure:
    """The message will not arrive on this channel: another attempt would end the same."""

    reason: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The provider did not answer after it got the message."""

    reason: str


@dataclass(frozen=True, slots=True)
class NoReceipt:
    """The message may have left, and no receipt came in time."""


@dataclass(frozen=True, slots=True)
class Dropped:
    reason: DropReason


NoticeOutcome = NoticeAccepted | NoticeArrived | PermanentFailure | NoAnswer | NoReceipt | Dropped


def finish(notice: Notice, outcome: NoticeOutcome, *, now: datetime) -> tuple[Notice, Event] | None:
    """The finished notice and its event. None if `outcome` adds nothing to what is known already."""
    if not _supersedes(notice.state, outcome):
        return None
    identity = _identity(notice)
    match outcome:
        case NoticeAccepted(provider, ref):
            finished = replace(
                notice, state=NoticeState.SENT, provider=provider, provider_ref=ref or notice.provider_ref
            )
            event: Event = NoticeSent(**identity, provider=provider, sent_at=now)
        case NoticeArrived(provider):
            finished = replace(notice, state=NoticeState.DELIVERED, provider=provider, reason="")
            event = NoticeDelivered(**identity, provider=provider, delivered_at=now)
        case PermanentFailure(reason):
            finished = replace(notice, state=NoticeState.FAILED, reason=reason)
            event = NoticeFailed(**identity, reason=reason, failed_at=now)
        case NoAnswer(reason):
            finished = replace(notice, state=NoticeState.UNKNOWN, reason=reason)
            event = NoticeUnknown(**identity, reason=reason, noticed_at=now)
        case NoReceipt():
            finished = replace(notice, state=NoticeState.NO_RECEIPT, reason="no_receipt")
            event = NoticeUnknown(**identity, reason="no_receipt", noticed_at=now)
        case Dropped(drop_reason):
            finished = replace(notice, state=NoticeState.DROPPED, reason=drop_reason.value)
            event = NoticeDropped(**identity, reason=drop_reason.value, dropped_at=now)
        case never:
            assert_never(never)
    return replace(finished, version=notice.version + 1, ended_at=now, outcome_unknown=False), event


def escalate_unreached(notice: Notice, reason: str, *, now: datetime) -> tuple[Notice, Event]:
    """No channel reached the citizen: a task for staff."""
    escalated = replace(notice, version=notice.version + 1)
    return escalated, CitizenUnreached(**_identity(notice), reason=reason, raised_at=now)


def _supersedes(state: NoticeState, outcome: NoticeOutcome) -> bool:
    """The rank only grows: delivered beats everything, a known failure beats an unknown outcome."""
    match outcome:
        case NoticeAccepted():
            return state in {NoticeState.CREATED, NoticeState.SENDING, NoticeState.UNKNOWN, NoticeState.NO_RECEIPT}
        case NoticeArrived():
            return state in OPEN_TO_RECEIPTS
        case PermanentFailure():
            return state in PENDING_STATES | {NoticeState.SENT, NoticeState.UNKNOWN, NoticeState.NO_RECEIPT}
        case NoAnswer():
            return state in PENDING_STATES
        case NoReceipt():
            return state in {NoticeState.SENT, NoticeState.UNKNOWN}
        case Dropped():
            return state in PENDING_STATES
    return False


def _identity(notice: Notice) -> dict[str, object]:
    return {
        "notice_id": notice.id,
        "about": notice.about.value,
        "about_id": notice.about_id,
        "kind": notice.kind.value,
        "channel": notice.channel.value,
    }

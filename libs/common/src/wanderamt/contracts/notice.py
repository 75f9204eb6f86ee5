"""Topic notice.v1, owned by notifications: messages to citizens, and those that could not be delivered."""

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from wanderamt.kernel.decision import Event


class Channel(StrEnum):
    SMS = "sms"
    EMAIL = "email"


class NoticeEvent(Event):
    """`about`: case, appointment or stand; `about_id`: its id. `kind`: the kind of message, such as document_ready."""

    TOPIC: ClassVar[str] = "notice.v1"
    AGGREGATE: ClassVar[str] = "notice_id"

    notice_id: UUID
    about: str = Field(examples=["case"])
    about_id: UUID
    kind: str = Field(examples=["document_ready"])
    channel: str = Field(examples=["sms"])


class NoticeSent(NoticeEvent):
    """A provider accepted the message."""

    TYPE: ClassVar[str] = "at.wanderamt.notice.sent.v1"

    provider: str
    sent_at: AwareDatetime


class NoticeDelivered(NoticeEvent):
    """A provider reports that the message reached the citizen's device or mailbox."""

    TYPE: ClassVar[str] = "at.wanderamt.notice.delivered.v1"

    provider: str
    delivered_at: AwareDatetime


class NoticeFailed(NoticeEvent):
    """The message certainly did not reach the citizen on this channel. Another channel may be tried."""

    TYPE: ClassVar[str] = "at.wanderamt.notice.failed.v1"

    reason: str
    failed_at: AwareDatetime


class NoticeUnknown(NoticeEvent):
    """The message may have been sent, so it is never blindly sent again. A receipt can still clarify it."""

    TYPE: ClassVar[str] = "at.wanderamt.notice.unknown.v1"

    reason: str
    noticed_at: AwareDatetime


class NoticeDropped(NoticeEvent):
    """The message was not sent, on purpose: too late, superseded by a newer one, no consent, or the daily limit."""

    TYPE: ClassVar[str] = "at.wanderamt.notice.dropped.v1"

    reason: str
    dropped_at: AwareDatetime


class CitizenUnreached(NoticeEvent):
    """A task for staff: no channel reached the citizen. Contact them in another way."""

    TYPE: ClassVar[str] = "at.wanderamt.notice.citizen-unreached.v1"

    reason: str
    raised_at: AwareDatetime

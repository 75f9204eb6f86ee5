"""Topic notice.v1, owned by notifications: what was said to citizens, and what could not be.

The first versions of sent, failed and unknown knew two kinds of notices about cases alone; they are told no more, and
stay here so that the log can be read.
"""

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from wanderamt.kernel.decision import Event


class Channel(StrEnum):
    SMS = "sms"
    EMAIL = "email"


class NoticeKind(StrEnum):
    DOCUMENT_READY = "document_ready"
    NEEDS_VISIT = "needs_visit"


class NoticeEvent(Event):
    """`about`: case, appointment or stand; `about_id`: which. `kind`: what was told, such as document_ready."""

    TOPIC: ClassVar[str] = "notice.v1"
    AGGREGATE: ClassVar[str] = "notice_id"

    notice_id: UUID
    about: str = Field(examples=["case"])
    about_id: UUID
    kind: str = Field(examples=["document_ready"])
    channel: str = Field(examples=["sms"])


class NoticeSent(NoticeEvent):
    """A provider took the message."""

    TYPE: ClassVar[str] = "at.wanderamt.notice.sent.v2"

    provider: str
    sent_at: AwareDatetime


class NoticeDelivered(NoticeEvent):
    """A provider says that the message reached the citizen's device or mailbox."""

    TYPE: ClassVar[str] = "at.wanderamt.notice.delivered.v1"

    provider: str
    delivered_at: AwareDatetime


class NoticeFailed(NoticeEvent):
    """This message reaches nobody on this channel, surely. Another channel may be tried."""

    TYPE: ClassVar[str] = "at.wanderamt.notice.failed.v2"

    reason: str
    failed_at: AwareDatetime


class NoticeUnknown(NoticeEvent):
    """The message may have left; it is never blindly sent again. A receipt can still tell."""

    TYPE: ClassVar[str] = "at.wanderamt.notice.unknown.v2"

    reason: str
    noticed_at: AwareDatetime


class NoticeDropped(NoticeEvent):
    """Nothing was sent, on purpose: too late, overtaken by a newer one, no consent, or enough for one day."""

    TYPE: ClassVar[str] = "at.wanderamt.notice.dropped.v1"

    reason: str
    dropped_at: AwareDatetime


class CitizenUnreached(NoticeEvent):
    """A task for staff: the citizen does not know it, on no channel. Reach them another way."""

    TYPE: ClassVar[str] = "at.wanderamt.notice.citizen-unreached.v1"

    reason: str
    raised_at: AwareDatetime


class _FirstNoticeEvent(Event):
    TOPIC: ClassVar[str] = "notice.v1"
    AGGREGATE: ClassVar[str] = "notice_id"

    notice_id: UUID
    case_id: UUID
    kind: NoticeKind
    channel: Channel


class FirstNoticeSent(_FirstNoticeEvent):
    """The provider took the message."""

    TYPE: ClassVar[str] = "at.wanderamt.notice.sent.v1"

    provider: str
    sent_at: AwareDatetime


class FirstNoticeFailed(_FirstNoticeEvent):
    """The message was refused for good or its use-by time passed: staff should reach the citizen another way."""

    TYPE: ClassVar[str] = "at.wanderamt.notice.failed.v1"

    reason: str
    failed_at: AwareDatetime


class FirstNoticeUnknown(_FirstNoticeEvent):
    """The try ended without an answer. The message may have left; it is never blindly sent again."""

    TYPE: ClassVar[str] = "at.wanderamt.notice.unknown.v1"

    reason: str
    noticed_at: AwareDatetime

"""Topic notice.v1, owned by notifications: what was said to citizens, and what could not be."""

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime

from wanderamt.kernel.decision import Event


class Channel(StrEnum):
    SMS = "sms"
    EMAIL = "email"


class NoticeKind(StrEnum):
    DOCUMENT_READY = "document_ready"
    NEEDS_VISIT = "needs_visit"


class NoticeEvent(Event):
    TOPIC: ClassVar[str] = "notice.v1"
    AGGREGATE: ClassVar[str] = "notice_id"

    notice_id: UUID
    case_id: UUID
    kind: NoticeKind
    channel: Channel


class NoticeSent(NoticeEvent):
    """The provider took the message."""

    TYPE: ClassVar[str] = "at.wanderamt.notice.sent.v1"

    provider: str
    sent_at: AwareDatetime


class NoticeFailed(NoticeEvent):
    """The message was refused for good or its use-by time passed: staff should reach the citizen another way."""

    TYPE: ClassVar[str] = "at.wanderamt.notice.failed.v1"

    reason: str
    failed_at: AwareDatetime


class NoticeUnknown(NoticeEvent):
    """The try ended without an answer. The message may have left; it is never blindly sent again."""

    TYPE: ClassVar[str] = "at.wanderamt.notice.unknown.v1"

    reason: str
    noticed_at: AwareDatetime

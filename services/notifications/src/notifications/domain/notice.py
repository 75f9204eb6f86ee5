"""A notice: decided once per case, kind and channel; sent before its use-by time or not at all.

Kept true: (case, kind, channel) is unique in the database; a try without an answer on a channel that cannot tell a
second sending from a first ends as `unknown` and is never blindly sent again.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, assert_never
from uuid import UUID

from wanderamt.contracts import Channel, Language, NoticeFailed, NoticeKind, NoticeSent, NoticeUnknown
from wanderamt.kernel.decision import Decision, Event, Job
from wanderamt.kernel.ids import CaseId, NoticeId
from wanderamt.kernel.sealed import Sealed

VALID_FOR = timedelta(hours=24)


class Occasion(StrEnum):
    """What a citizen is told about; each has its texts."""

    DOCUMENT_READY = "document_ready"
    NEEDS_VISIT = "needs_visit"
    PAPER_VOID = "paper_void"  # a paper given provisionally does not count: come again


TOLD_AS = {
    Occasion.DOCUMENT_READY: NoticeKind.DOCUMENT_READY,
    Occasion.NEEDS_VISIT: NoticeKind.NEEDS_VISIT,
    Occasion.PAPER_VOID: NoticeKind.NEEDS_VISIT,
}


class NoticeState(StrEnum):
    DECIDED = "decided"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"


class SendNotice(Job):
    """Notices of one case on one channel leave one after the other."""

    QUEUE: ClassVar[str] = "send-notice"
    KEY: ClassVar[str] = "lane"
    DEADLINE_S: ClassVar[int] = 24 * 3600

    notice_id: UUID
    lane: str


@dataclass(frozen=True, slots=True)
class Notice:
    id: NoticeId
    version: int
    case_id: CaseId
    kind: Occasion
    channel: Channel
    language: Language
    reference: str
    contact: Sealed
    state: NoticeState
    decided_at: datetime
    valid_until: datetime
    reason: str = ""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What goes to the providers; the recipient is still sealed."""

    notice_id: NoticeId
    kind: Occasion
    channel: Channel
    language: Language
    reference: str
    contact: Sealed


@dataclass(frozen=True, slots=True)
class Sent:
    provider: str


@dataclass(frozen=True, slots=True)
class Failed:
    """For good: another try would end the same."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer after the message was handed over."""

    reason: str


Delivery = Sent | Failed | Unknown


def decide_notice(
    notice_id: NoticeId,
    kind: Occasion,
    channel: Channel,
    *,
    case_id: CaseId,
    language: Language,
    reference: str,
    contact: Sealed,
    now: datetime,
) -> Decision[Notice]:
    notice = Notice(
        id=notice_id,
        version=0,
        case_id=case_id,
        kind=kind,
        channel=channel,
        language=language,
        reference=reference,
        contact=contact,
        state=NoticeState.DECIDED,
        decided_at=now,
        valid_until=now + VALID_FOR,
    )
    return Decision(notice, jobs=(SendNotice(notice_id=notice_id, lane=f"{case_id}/{channel}"),))


def end_notice(notice: Notice, delivery: Delivery, *, now: datetime) -> Decision[Notice] | None:
    """None when it has ended before."""
    if notice.state is not NoticeState.DECIDED:
        return None
    match delivery:
        case Sent(provider):
            told: Event = NoticeSent(**_about(notice), provider=provider, sent_at=now)
            return Decision(_ended(notice, NoticeState.SENT, "", now=now), (told,))
        case Failed(reason):
            told = NoticeFailed(**_about(notice), reason=reason, failed_at=now)
            return Decision(_ended(notice, NoticeState.FAILED, reason, now=now), (told,))
        case Unknown(reason):
            told = NoticeUnknown(**_about(notice), reason=reason, noticed_at=now)
            return Decision(_ended(notice, NoticeState.UNKNOWN, reason, now=now), (told,))
    assert_never(delivery)


def _about(notice: Notice) -> dict[str, object]:
    return {"notice_id": notice.id, "case_id": notice.case_id, "kind": TOLD_AS[notice.kind], "channel": notice.channel}


def _ended(notice: Notice, state: NoticeState, reason: str, *, now: datetime) -> Notice:
    return replace(notice, state=state, reason=reason, ended_at=now, version=notice.version + 1)

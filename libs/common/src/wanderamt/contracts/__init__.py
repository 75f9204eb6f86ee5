"""The one face of the event contracts: what services say to each other, and nothing else."""

from wanderamt.contracts.case import (
    CaseClosed,
    CaseCompensated,
    CaseEvent,
    CaseFinished,
    CaseHandedOver,
    CaseNeedsVisit,
    CaseOpened,
    CaseReopened,
    CaseWithdrawn,
    Language,
    RegisterRequested,
    VisitReason,
)
from wanderamt.contracts.document import DocumentEvent, DocumentIssued, DocumentRevoked
from wanderamt.contracts.envelope import Head, Headers, Undecodable, decode_event, decode_head, encode, headers_of
from wanderamt.contracts.notice import Channel, NoticeEvent, NoticeFailed, NoticeKind, NoticeSent, NoticeUnknown
from wanderamt.contracts.register import RegisterAnswered, RegisterWeatherChanged, Verdict
from wanderamt.contracts.stand import StandCancelled, StandEvent, StandScheduled
from wanderamt.kernel.decision import Event

EVENTS: tuple[type[Event], ...] = (
    CaseOpened,
    RegisterRequested,
    CaseFinished,
    CaseNeedsVisit,
    CaseCompensated,
    CaseWithdrawn,
    CaseHandedOver,
    CaseReopened,
    CaseClosed,
    RegisterAnswered,
    RegisterWeatherChanged,
    DocumentIssued,
    DocumentRevoked,
    NoticeSent,
    NoticeFailed,
    NoticeUnknown,
    StandScheduled,
    StandCancelled,
)

__all__ = [
    "EVENTS",
    "CaseClosed",
    "CaseCompensated",
    "CaseEvent",
    "CaseFinished",
    "CaseHandedOver",
    "CaseNeedsVisit",
    "CaseOpened",
    "CaseReopened",
    "CaseWithdrawn",
    "Channel",
    "DocumentEvent",
    "DocumentIssued",
    "DocumentRevoked",
    "Event",
    "Head",
    "Headers",
    "Language",
    "NoticeEvent",
    "NoticeFailed",
    "NoticeKind",
    "NoticeSent",
    "NoticeUnknown",
    "RegisterAnswered",
    "RegisterRequested",
    "RegisterWeatherChanged",
    "StandCancelled",
    "StandEvent",
    "StandScheduled",
    "Undecodable",
    "Verdict",
    "VisitReason",
    "decode_event",
    "decode_head",
    "encode",
    "headers_of",
]

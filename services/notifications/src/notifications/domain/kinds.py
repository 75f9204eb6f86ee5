"""The kinds of notices, and the rules of each kind: lifetime, order, required variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID


class About(StrEnum):
    """What a notice is about. A newer notice supersedes older ones about the same case or appointment."""

    CASE = "case"
    APPOINTMENT = "appointment"
    STAND = "stand"


class AboutRef(NamedTuple):
    """One case, appointment or stand. Its id alone does not name it: things of two kinds may have the same id."""

    about: About
    id: UUID


class LinkKind(StrEnum):
    """What a signed link allows: the page of a case or appointment, or no more messages to the address of a notice."""

    CASE_PAGE = "status page of case"
    APPOINTMENT_PAGE = "status page of appointment"
    UNSUBSCRIBE = "unsubscribe"


PAGE_TOKENS: Final[Mapping[LinkKind, About]] = {
    LinkKind.CASE_PAGE: About.CASE,
    LinkKind.APPOINTMENT_PAGE: About.APPOINTMENT,
}


class NoticeKind(StrEnum):
    CASE_OPENED = "case_opened"
    DELAYED = "delayed"
    DOCUMENT_READY = "document_ready"
    NEEDS_VISIT = "needs_visit"
    REFUSED = "refused"
    DOCUMENT_VOID = "document_void"  # a provisional document is not valid any more: the citizen must come again
    OBLIGATION_REMINDER = "obligation_reminder"
    OBLIGATION_MISSED = "obligation_missed"
    STAND_IN_DISTRICT = "stand_in_district"
    APPOINTMENT_BOOKED = "appointment_booked"
    APPOINTMENT_MOVED = "appointment_moved"
    APPOINTMENT_REMINDER = "appointment_reminder"
    APPOINTMENT_CANCELLED = "appointment_cancelled"
    STAND_CANCELLED = "stand_cancelled"
    CONTACT_CODE = "contact_code"
    SUBSCRIPTION_CODE = "subscription_code"


@dataclass(frozen=True, slots=True)
class NoticeRule:
    """`stage`: of two notices about the same case, the one with the later stage is the newer one.

    `time_to_live`: how long after the decision the notice may still be sent. `urgent`: the notice is sent in quiet
    hours if the end of the quiet hours would be too late. `calendar`: the e-mail carries a calendar file.

    `standalone`: no newer notice about the same case supersedes it.

    `requested`: the citizen asked for it a moment ago, so it needs no consent and no place in the day's budget, and no
    staff if it fails.
    """

    about: About
    stage: int
    time_to_live: timedelta
    required_variables: tuple[str, ...]
    urgent: bool = False
    calendar: bool = False
    requested: bool = False
    standalone: bool = False


_DAY: Final = timedelta(days=1)
_TIME_AND_PLACE: Final = ("place", "starts_at", "ends_at")
_WHAT_IS_DUE: Final = ("code", "sentence", "sentence_en", "due_at")

RULES: Final[Mapping[NoticeKind, NoticeRule]] = {
    NoticeKind.CASE_OPENED: NoticeRule(About.CASE, 1, _DAY / 2, ("code",)),
    NoticeKind.DELAYED: NoticeRule(About.CASE, 2, _DAY, ("code",)),
    NoticeKind.DOCUMENT_READY: NoticeRule(About.CASE, 3, 3 * _DAY, ("code", "reference")),
    NoticeKind.NEEDS_VISIT: NoticeRule(About.CASE, 3, 3 * _DAY, ("code",)),
    NoticeKind.REFUSED: NoticeRule(About.CASE, 3, 3 * _DAY, ("code",)),
    NoticeKind.DOCUMENT_VOID: NoticeRule(About.CASE, 4, 3 * _DAY, ("code",)),
    NoticeKind.OBLIGATION_REMINDER: NoticeRule(About.CASE, 4, 7 * _DAY, _WHAT_IS_DUE, standalone=True),
    NoticeKind.OBLIGATION_MISSED: NoticeRule(About.CASE, 4, 7 * _DAY, _WHAT_IS_DUE, standalone=True),
    NoticeKind.STAND_IN_DISTRICT: NoticeRule(About.STAND, 1, 7 * _DAY, _TIME_AND_PLACE, calendar=True),
    NoticeKind.APPOINTMENT_BOOKED: NoticeRule(About.APPOINTMENT, 1, _DAY, _TIME_AND_PLACE, calendar=True),
    NoticeKind.APPOINTMENT_MOVED: NoticeRule(
        About.APPOINTMENT, 2, 3 * _DAY, _TIME_AND_PLACE, urgent=True, calendar=True
    ),
    NoticeKind.APPOINTMENT_REMINDER: NoticeRule(About.APPOINTMENT, 2, _DAY, _TIME_AND_PLACE, calendar=True),
    NoticeKind.APPOINTMENT_CANCELLED: NoticeRule(About.APPOINTMENT, 3, 3 * _DAY, _TIME_AND_PLACE, urgent=True),
    NoticeKind.STAND_CANCELLED: NoticeRule(About.APPOINTMENT, 3, 3 * _DAY, _TIME_AND_PLACE, urgent=True),
    NoticeKind.CONTACT_CODE: NoticeRule(
        About.APPOINTMENT, 1, timedelta(minutes=10), ("contact_code",), urgent=True, requested=True
    ),
    NoticeKind.SUBSCRIPTION_CODE: NoticeRule(
        About.STAND, 1, timedelta(minutes=10), ("contact_code",), urgent=True, requested=True
    ),
}

"""What citizens are told about, and by which rules: how long it is worth telling, what overtakes it, what it needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final


class About(StrEnum):
    """What a notice is about; newer ones about the same overtake older ones."""

    CASE = "case"
    APPOINTMENT = "appointment"
    STAND = "stand"


class Kind(StrEnum):
    CASE_OPENED = "case_opened"
    DELAYED = "delayed"
    DOCUMENT_READY = "document_ready"
    NEEDS_VISIT = "needs_visit"
    REFUSED = "refused"
    PAPER_VOID = "paper_void"  # a paper given provisionally does not count: come again
    STAND_IN_DISTRICT = "stand_in_district"
    APPOINTMENT_BOOKED = "appointment_booked"
    APPOINTMENT_MOVED = "appointment_moved"
    APPOINTMENT_REMINDER = "appointment_reminder"
    APPOINTMENT_CANCELLED = "appointment_cancelled"
    STAND_CANCELLED = "stand_cancelled"


@dataclass(frozen=True, slots=True)
class Rule:
    """`stage`: of two notices about the same the later stage is the newer one. `worth`: how long it is worth sending.

    `urgent`: goes in quiet hours where waiting for their end would be too late. `needs`: values the text must have.
    """

    about: About
    stage: int
    worth: timedelta
    needs: tuple[str, ...]
    urgent: bool = False
    calendar: bool = False


_DAY: Final = timedelta(days=1)
_WHEN: Final = ("place", "starts_at", "ends_at")

RULES: Final[Mapping[Kind, Rule]] = {
    Kind.CASE_OPENED: Rule(About.CASE, 1, _DAY / 2, ("code",)),
    Kind.DELAYED: Rule(About.CASE, 2, _DAY, ("code",)),
    Kind.DOCUMENT_READY: Rule(About.CASE, 3, 3 * _DAY, ("code", "reference")),
    Kind.NEEDS_VISIT: Rule(About.CASE, 3, 3 * _DAY, ("code",)),
    Kind.REFUSED: Rule(About.CASE, 3, 3 * _DAY, ("code",)),
    Kind.PAPER_VOID: Rule(About.CASE, 4, 3 * _DAY, ("code",)),
    Kind.STAND_IN_DISTRICT: Rule(About.STAND, 1, 7 * _DAY, _WHEN, calendar=True),
    Kind.APPOINTMENT_BOOKED: Rule(About.APPOINTMENT, 1, _DAY, _WHEN, calendar=True),
    Kind.APPOINTMENT_MOVED: Rule(About.APPOINTMENT, 2, 3 * _DAY, _WHEN, urgent=True, calendar=True),
    Kind.APPOINTMENT_REMINDER: Rule(About.APPOINTMENT, 2, _DAY, _WHEN, calendar=True),
    Kind.APPOINTMENT_CANCELLED: Rule(About.APPOINTMENT, 3, 3 * _DAY, _WHEN, urgent=True),
    Kind.STAND_CANCELLED: Rule(About.APPOINTMENT, 3, 3 * _DAY, _WHEN, urgent=True),
}

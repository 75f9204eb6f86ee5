"""A page to be printed and what came out of the printing room."""

from dataclasses import dataclass
from datetime import date, datetime

from wanderamt.contracts import Language
from wanderamt.kernel.sealed import Sealed


@dataclass(frozen=True, slots=True)
class Sheet:
    """`issued_on`: the day in Linz. `valid_until`: its last day. `status_index`: see intake.domain.proof."""

    template: str
    title: str
    language: Language
    number: str
    place: str
    issued_at: datetime
    issued_on: date
    valid_until: date | None
    status_index: int
    applicant: Sealed | None


@dataclass(frozen=True, slots=True)
class MadeSheet:
    """`sha256`: hex digest of `pdf`."""

    pdf: bytes
    sha256: str

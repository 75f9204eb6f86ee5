"""A page to be printed and what came out of the printing room."""

from dataclasses import dataclass
from datetime import date

from wanderamt.contracts import Language
from wanderamt.kernel.sealed import Sealed


@dataclass(frozen=True, slots=True)
class Sheet:
    title: str
    language: Language
    number: str
    place: str
    issued_on: date
    applicant: Sealed | None


@dataclass(frozen=True, slots=True)
class MadeSheet:
    """`sha256`: hex digest of `pdf`."""

    pdf: bytes
    sha256: str

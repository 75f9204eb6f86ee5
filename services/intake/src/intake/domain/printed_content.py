"""What a paper says: the same structure at the stand and at the office, and the hash that a seal holds of it.

Invariants: everything is text, as printed. Equal contents have one hash on the device and at the office, whatever
Unicode normal form their texts have. The counterpart is apps/field/src/domain/printed_content.ts; both run
tests/cases/printed_content.json.
"""

import hashlib
import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from pydantic import TypeAdapter

GERMAN: Final = "de"
# fmt: off
_MONTHS: Final = {
    GERMAN: ("Jänner", "Februar", "März", "April", "Mai", "Juni",
             "Juli", "August", "September", "Oktober", "November", "Dezember"),
    "en": ("January", "February", "March", "April", "May", "June",
           "July", "August", "September", "October", "November", "December"),
}
# fmt: on


@dataclass(frozen=True, slots=True)
class PrintedTable:
    """Each row has one text per column. `title`: above the table; may be empty."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError("a row of a printed table has another number of texts than the table has columns")


@dataclass(frozen=True, slots=True)
class PrintedContent:
    """`kind`: code of the kind of paper, such as certificate; `title`: the kind as printed, such as Meldebestätigung.

    `number`: of the paper. `file_number`: of the case. `rows`: a label and a value each. `reasons`: of a decision that
    grants less than was applied for. `main`: the main facts in one line, which the seal repeats, see `main_facts`.
    An absent part is empty.
    """

    kind: str
    title: str
    number: str
    file_number: str = ""
    authority: str = ""
    place: str = ""
    issued_on: str = ""
    valid_until: str = ""
    officer: str = ""
    intro: str = ""
    rows: tuple[tuple[str, str], ...] = ()
    tables: tuple[PrintedTable, ...] = ()
    law: str = ""
    fee: str = ""
    reasons: str = ""
    remedies: str = ""
    notes: tuple[str, ...] = ()
    main: str = ""

    @classmethod
    def from_json(cls, value: object) -> "PrintedContent":
        """Raises ValueError. Unknown keys are ignored, so that an older release reads a newer content."""
        return _CONTENT.validate_python(value)

    def to_json(self) -> dict[str, Any]:
        """All keys, absent parts as empty texts or lists."""
        return asdict(self)

    def with_texts(self, change: Callable[[str], str]) -> "PrintedContent":
        """With each text changed, such as made printable."""
        return self.from_json(_with_texts(self.to_json(), change))

    @property
    def sha256(self) -> bytes:
        return content_hash(self.to_json())


_CONTENT: Final = TypeAdapter(PrintedContent)


def content_hash(content: Mapping[str, Any]) -> bytes:
    """SHA-256 (32 bytes) over JSON with sorted keys and without spaces, its texts in normal form C.

    For texts and lists this is the canonical form of RFC 8785. It also covers the flat contents of earlier releases.
    """
    normal = _with_texts(content, _normal)
    return hashlib.sha256(
        json.dumps(normal, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    ).digest()


def main_facts(rows: Iterable[tuple[str, str]]) -> str:
    """Such as 'Familienname: Muster; Geboren: 04.05.1980'. Rows without a value are left out."""
    return "; ".join(f"{label}: {value}" for label, value in rows if value)


def printed_day(day: str, language: str) -> str:
    """`day`: as precise as known, 1950, 1950-05 or 1950-05-04. Printed as 04.05.1950 or 4 May 1950."""
    year, month, date = (*day.split("-"), "", "")[:3]
    if not month:
        return year
    name = _MONTHS.get(language, _MONTHS["en"])[int(month) - 1]
    if not date:
        return f"{name} {year}"
    return f"{date}.{month}.{year}" if language == GERMAN else f"{int(date)} {name} {year}"


def printed_money(cents: int, language: str) -> str:
    """Such as '€ 1.234,50' or '€1,234.50'."""
    amount = f"{cents / 100:,.2f}"
    return f"€ {amount.translate(str.maketrans(',.', '.,'))}" if language == GERMAN else f"€{amount}"


def _with_texts(value: Any, change: Callable[[str], str]) -> Any:
    match value:
        case str():
            return change(value)
        case Mapping():
            return {change(key): _with_texts(part, change) for key, part in value.items()}
        case list() | tuple():
            return [_with_texts(part, change) for part in value]
    return value


def _normal(text: str) -> str:
    """Halves of a character, which UTF-8 cannot encode, become U+FFFD."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return unicodedata.normalize("NFC", whole)

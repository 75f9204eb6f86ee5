"""The street register of a municipality: a CSV file with the columns street, postal_code, district_nr.

Streets are compared without accents, capitals and hyphens, with ss for ß, and "str." is "straße"; ü is u or ue. The
field app searches in the same way (apps/field/src/domain/facts/streets.ts), which tests/cases/street_cases.json checks.
"""

import csv
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from wanderamt.kernel.line_text import clean_line, line_fault

from service_catalogue.authority import shipped_profile
from service_catalogue.reader import CatalogueError, shipped_folder

COLUMNS: Final = ["street", "postal_code", "district_nr"]
MAX_STREETS: Final = 50_000
MAX_NAME: Final = 100
MAX_HITS: Final = 20
SHIPPED_REGISTER: Final = "streets.csv"
_POSTAL_CODE: Final = re.compile(r"[1-9][0-9]{3}")
_DISTRICT: Final = re.compile(r"[1-9][0-9]{0,2}")
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_NO_MATCH: Final = 10_000

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Street:
    """A street, or its part with this postal code. `district`: number of the statistical district."""

    name: str
    postal_code: str
    district: int


@dataclass(frozen=True)
class StreetRegister:
    """`country`: ISO 3166-1 alpha-2."""

    country: str
    municipality: str
    streets: tuple[Street, ...]

    @cached_property
    def _spelled(self) -> tuple[tuple[Street, tuple[Words, Words]], ...]:
        return tuple((street, spellings(street.name)) for street in self.streets)

    def covers(self, *, country: str, municipality: str) -> bool:
        return country == self.country and spellings(municipality)[0] == spellings(self.municipality)[0]

    def named(self, name: str) -> list[Street]:
        """The streets of this name, in one of its spellings, in the order of the register."""
        wanted = {_unabbreviated(words) for words in spellings(name)}
        return [street for street, words in self._spelled if wanted & {"".join(spelling) for spelling in words}]

    def search(self, typed: str) -> list[Street]:
        """At most MAX_HITS streets with the beginnings of words that were typed, best first."""
        queries = spellings(typed)
        if not queries[0]:
            return []
        ranked = [
            (min(_rank(words, query) for words in spelled for query in queries), street)
            for street, spelled in self._spelled
        ]
        matches = [(rank, street) for rank, street in ranked if rank < _NO_MATCH]
        matches.sort(key=lambda match: (match[0], len(match[1].name), match[1].name, match[1].postal_code))
        return [street for _, street in matches[:MAX_HITS]]


def spellings(name: str) -> tuple[Words, Words]:
    """The words of a name in small letters a to z and digits: ü as u, and ü as ue. Empty if the name is too long."""
    if len(name) > MAX_NAME:
        return (), ()
    small = unicodedata.normalize("NFC", name).lower().replace("ß", "ss").replace("str.", "strasse ")
    return _words(small), _words(small.translate(_UMLAUTS))


def read_street_register(path: Path, *, country: str, municipality: str) -> StreetRegister:
    """Lines that begin with # are comments. Raises OSError, and CatalogueError with the line of a mistake."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise CatalogueError(f"{path.name}: not in UTF-8") from error
    streets: list[Street] = []
    seen: set[tuple[str, str]] = set()
    for number, row in _rows(lines):
        fault = _row_fault(row, seen)
        if not fault and len(streets) >= MAX_STREETS:
            fault = f"more than {MAX_STREETS} streets"
        if fault:
            raise CatalogueError(f"{path.name}:{number}: {fault}")
        street = Street(clean_line(row[0]), row[1], int(row[2]))
        seen.add((street.name, street.postal_code))
        streets.append(street)
    if not streets:
        raise CatalogueError(f"{path.name}:1: no streets; the first line is {','.join(COLUMNS)}")
    return StreetRegister(country, municipality, tuple(streets))


def shipped_street_register() -> StreetRegister:
    """The streets that ship with the product: for tests and demos, not complete."""
    profile = shipped_profile()
    return read_street_register(
        shipped_folder() / SHIPPED_REGISTER, country=profile.country, municipality=profile.place
    )


def _rows(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Each row after the head, with its line."""
    numbered = [
        (number, line) for number, line in enumerate(lines, start=1) if line.strip() and not line.startswith("#")
    ]
    for place, (number, line) in enumerate(numbered):
        row = next(csv.reader([line]))
        if place == 0:
            if row != COLUMNS:
                yield number, []
            continue
        yield number, row


def _row_fault(row: list[str], seen: set[tuple[str, str]]) -> str:
    if len(row) != len(COLUMNS):
        return f"needs the columns {','.join(COLUMNS)}"
    name = clean_line(row[0])
    if not name or len(name) > MAX_NAME or line_fault(name):
        return f"street: {line_fault(name) or f'needs 1 to {MAX_NAME} characters'}"
    if not _POSTAL_CODE.fullmatch(row[1]):
        return "postal_code: needs four digits"
    if not _DISTRICT.fullmatch(row[2]):
        return "district_nr: needs a number from 1 to 999"
    return "this street with this postal code appears twice" if (name, row[1]) in seen else ""


def _words(small: str) -> Words:
    plain = "".join(char for char in unicodedata.normalize("NFD", small) if unicodedata.category(char) != "Mn")
    return tuple(re.findall(r"[a-z0-9]+", plain))


def _unabbreviated(words: Words) -> str:
    joined = "".join(words)
    return f"{joined}asse" if joined.endswith("str") else joined


def _rank(words: Words, query: Words) -> int:
    """0 for the name itself; lower is better. The words in their order come before words anywhere."""
    if words == query:
        return 0
    typed = "".join(query)
    for place in range(len(words)):
        rest = words[place:]
        if (
            rest[: len(query) - 1] == query[:-1]
            and len(rest) >= len(query)
            and rest[len(query) - 1].startswith(query[-1])
        ):
            return 1 + 2 * place
        if "".join(rest).startswith(typed):
            return 2 + 2 * place
    return _NO_MATCH - 1 if all(any(word.startswith(part) for word in words) for part in query) else _NO_MATCH

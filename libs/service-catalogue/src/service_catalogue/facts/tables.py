"""The tables of the rules, read from tables.json, which the field app packs as well.

Sources: countries ISO 3166-1 with XK for Kosovo, which has no number; calling codes ITU-T E.164; IBAN lengths of the
SWIFT registry; authorities of number plates KDV 1967, also those that ended and whose plates stay valid.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

MAX_EXACT_INT: Final = 2**53 - 1  # JavaScript counts exactly up to here


@dataclass(frozen=True, slots=True)
class FactTables:
    """`limits`: lengths in characters and numbers of rows or lines; `usual` applies where the form names none, `most`
    is the highest that it may name. `countries`: alpha-2 → numeric code. `official`: authorities whose plates have
    digits alone: of the federation, the provinces, and those from before 1990."""

    limits: dict[str, Any]
    countries: dict[str, str]
    numeric_countries: frozenset[str]
    calling_codes: frozenset[str]
    iban_lengths: dict[str, int]
    districts: frozenset[str]
    official: frozenset[str]
    document_kinds: tuple[str, ...]
    without_nationality: tuple[str, ...]


@cache
def tables() -> FactTables:
    data: dict[str, Any] = json.loads(files(__package__).joinpath("tables.json").read_text("utf-8"))
    return FactTables(
        limits=data["limits"],
        countries=data["countries"],
        numeric_countries=frozenset(number for number in data["countries"].values() if number),
        calling_codes=frozenset(data["calling_codes"]),
        iban_lengths=data["iban_lengths"],
        districts=frozenset(data["plate_authorities"]["districts"]),
        official=frozenset(data["plate_authorities"]["official"]),
        document_kinds=tuple(data["document_kinds"]),
        without_nationality=tuple(data["without_nationality"]),
    )

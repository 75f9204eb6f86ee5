"""Chip numbers of animals (ISO 11784 and 11785): fifteen digits, of which the first three name a country (ISO 3166-1
numeric, 040 for Austria) or a manufacturer (900 to 998). 999 is for tests of readers."""

import re
from typing import Final

from service_catalogue.facts.faults import FactFault
from service_catalogue.facts.tables import tables
from service_catalogue.facts.texts import check_typed

MANUFACTURERS: Final = range(900, 999)
TEST: Final = "999"
MAX_ANIMAL: Final = 2**38 - 1  # ISO 11784 has 38 bits for the number after the code
_SEPARATORS: Final = re.compile(r"[ .\-–]")
_DIGITS: Final = re.compile(r"[0-9]{15}")


def check_chip_number(value: object) -> str | FactFault:
    """Fifteen digits without separators."""
    text = check_typed(value)
    if isinstance(text, FactFault):
        return text
    number = _SEPARATORS.sub("", text)
    if not _DIGITS.fullmatch(number):
        return FactFault("chip_number.digits")
    code, animal = number[:3], int(number[3:])
    if code == TEST:
        return FactFault("chip_number.test_only")
    if code not in tables().numeric_countries and int(code) not in MANUFACTURERS:
        return FactFault("chip_number.country", values={"digits": code})
    return number if animal <= MAX_ANIMAL else FactFault("chip_number.range")

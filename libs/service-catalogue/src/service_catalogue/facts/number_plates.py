"""Number plates of vehicles. Austrian: authority and remainder, such as L-12345A (KDV 1967 § 26).

The remainder is a block of digits and a block of letters without Q, in either order, three to five characters; six in
Vienna and the capitals of provinces, which are the authorities of one letter. Plates of the federation, of provinces
and from before 1990 may have digits alone. Plates of diplomats are not known here.
"""

import re
from typing import Final

from pydantic import JsonValue

from service_catalogue.facts.countries import AUSTRIA, check_country
from service_catalogue.facts.faults import FactFault
from service_catalogue.facts.tables import tables
from service_catalogue.facts.texts import MISSING, WRONG_TYPE, capitals, check_line, check_typed, is_blank, unknown_key

_SEPARATORS: Final = re.compile(r"[ .·–-]+")
_CHARACTERS: Final = re.compile(r"[A-Z0-9]+")
_REMAINDER: Final = re.compile(r"[1-9][0-9]*[A-PR-Z]+|[A-PR-Z]+[1-9][0-9]*")
_LETTERS: Final = re.compile(r"[A-Z]+")
_DIGITS: Final = re.compile(r"[1-9][0-9]{0,5}")
_FOREIGN: Final = re.compile(r"[A-Z0-9ÄÖÜČĆĐŠŽ -]*[A-Z0-9][A-Z0-9ÄÖÜČĆĐŠŽ -]*")
MAX_FOREIGN: Final = 15


def check_number_plate(value: object) -> dict[str, JsonValue] | FactFault:
    """`{country, text}`. A text alone is Austrian."""
    if isinstance(value, str):
        value = {"country": AUSTRIA, "text": value}
    if not isinstance(value, dict):
        return WRONG_TYPE
    if fault := unknown_key(value, ("country", "text")):
        return fault
    if missing := next((key for key in ("country", "text") if is_blank(value.get(key))), None):
        return MISSING.inside(missing)
    country = check_country(value["country"])
    if isinstance(country, FactFault):
        return country.inside("country")
    text = _austrian(value["text"]) if country == AUSTRIA else _foreign(value["text"])
    return text.inside("text") if isinstance(text, FactFault) else {"country": country, "text": text}


def _foreign(value: object) -> str | FactFault:
    text = check_line(value, MAX_FOREIGN)
    if isinstance(text, FactFault):
        return text
    plate = capitals(text)
    return plate if _FOREIGN.fullmatch(plate) else FactFault("number_plate.foreign")


def _austrian(value: object) -> str | FactFault:
    text = check_typed(value)
    if isinstance(text, FactFault):
        return text
    authority, *rest = [part for part in _SEPARATORS.split(capitals(text)) if part] or [""]
    characters = authority + "".join(rest)
    if not _CHARACTERS.fullmatch(characters):
        return FactFault("number_plate.form")
    known = tables().districts | tables().official
    if rest and authority in known:
        return _joined(authority, "".join(rest))
    if rest and authority.isalpha():
        return FactFault("number_plate.authority", values={"authority": authority})
    # without a separator, the letters before the first digit are the authority: nothing is guessed
    letters = _LETTERS.match(characters)
    authority = letters[0] if letters else characters[:2]
    if authority in known:
        return _joined(authority, characters[len(authority) :])
    if authority[:1] in known or authority[:2] in known:
        return FactFault("number_plate.separator")
    return FactFault("number_plate.authority", values={"authority": authority})


def _joined(authority: str, remainder: str) -> str | FactFault:
    return f"{authority}-{remainder}" if _follows(authority, remainder) else FactFault("number_plate.remainder")


def _follows(authority: str, remainder: str) -> bool:
    if authority in tables().official and _DIGITS.fullmatch(remainder):
        return True
    most = 6 if len(authority) == 1 else 5
    return 3 <= len(remainder) <= most and bool(_REMAINDER.fullmatch(remainder))

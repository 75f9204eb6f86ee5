"""Addresses. Where a street register covers the municipality, the street is in it, or a reason says why it is not."""

import re
from typing import Final

from pydantic import JsonValue

from service_catalogue.facts.countries import AUSTRIA, check_country
from service_catalogue.facts.faults import FactFault
from service_catalogue.facts.tables import tables
from service_catalogue.facts.texts import MISSING, WRONG_TYPE, check_line, is_blank, unknown_key
from service_catalogue.streets import StreetRegister

KEYS: Final = ("country", "postal_code", "municipality", "street", "number", "stair", "door", "unlisted_reason")
MAX_NUMBER: Final = 20  # of house, stair or door
_POSTAL_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 -]{0,11}")
_AUSTRIAN_POSTAL_CODE: Final = re.compile(r"[1-9][0-9]{3}")


def check_address(value: object, streets: StreetRegister | None) -> dict[str, JsonValue] | FactFault:
    """The parts of KEYS that were answered. In Austria the postal code, the street and, unless the address is not
    listed, the house number are needed; abroad the municipality is enough."""
    if not isinstance(value, dict):
        return WRONG_TYPE
    if fault := unknown_key(value, KEYS):
        return fault
    parts = _parts(value)
    if isinstance(parts, FactFault):
        return parts
    if missing := next((key for key in _needed(parts) if key not in parts), None):
        return MISSING.inside(missing)
    if parts["country"] == AUSTRIA and not _AUSTRIAN_POSTAL_CODE.fullmatch(parts["postal_code"]):
        return FactFault("address.postal_code", place="postal_code")
    if streets and streets.covers(country=parts["country"], municipality=parts["municipality"]):
        listed = _listed(parts, streets)
        if isinstance(listed, FactFault):
            return listed
        parts = listed
    if parts["country"] == AUSTRIA and "unlisted_reason" not in parts and "number" not in parts:
        return MISSING.inside("number")
    return {key: parts[key] for key in KEYS if key in parts}


def _parts(value: dict[str, object]) -> dict[str, str] | FactFault:
    limits = tables().limits
    longest = dict.fromkeys(("number", "stair", "door"), MAX_NUMBER) | {"unlisted_reason": limits["reason"]}
    parts: dict[str, str] = {}
    for key in KEYS:
        if is_blank(value.get(key)):
            continue
        part = (
            check_country(value[key]) if key == "country" else check_line(value[key], longest.get(key, limits["part"]))
        )
        if isinstance(part, FactFault):
            return part.inside(key)
        if part:
            parts[key] = part
    if "postal_code" in parts and not _POSTAL_CODE.fullmatch(parts["postal_code"]):
        return FactFault("address.postal_code", place="postal_code")
    return parts


def _needed(parts: dict[str, str]) -> tuple[str, ...]:
    austrian = parts.get("country") == AUSTRIA
    return ("country", "postal_code", "municipality", "street") if austrian else ("country", "municipality")


def _listed(parts: dict[str, str], streets: StreetRegister) -> dict[str, str] | FactFault:
    """The address with municipality and street as the register spells them."""
    parts = parts | {"municipality": streets.municipality}
    matches = streets.named(parts.get("street", ""))
    if not matches:
        return parts if "unlisted_reason" in parts else FactFault("address.street_unlisted", place="street")
    codes = sorted({street.postal_code for street in matches})
    if parts.get("postal_code") not in codes:
        return FactFault("address.street_postal_code", place="postal_code", values={"postal_codes": ", ".join(codes)})
    listed = next(street for street in matches if street.postal_code == parts["postal_code"])
    return {key: part for key, part in parts.items() if key != "unlisted_reason"} | {"street": listed.name}

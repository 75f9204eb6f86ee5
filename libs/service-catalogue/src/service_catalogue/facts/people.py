"""People and their identity documents."""

import re
from typing import Final

from pydantic import JsonValue

from service_catalogue.facts.choices import check_choice
from service_catalogue.facts.countries import check_country
from service_catalogue.facts.dates import check_date, check_partial_date
from service_catalogue.facts.faults import FactFault
from service_catalogue.facts.tables import tables
from service_catalogue.facts.texts import MISSING, WRONG_TYPE, capitals, check_name, check_typed, is_blank, unknown_key

PERSON_KEYS: Final = ("family_name", "given_name", "birth", "nationality", "document")
DOCUMENT_KEYS: Final = ("kind", "number", "issued_by", "valid_until")
_NUMBER: Final = re.compile(r"(?=.*[A-Z0-9])[A-Z0-9./-]{1,30}")


def check_person(value: object) -> dict[str, JsonValue] | FactFault:
    """`{family_name, given_name?, birth, nationality, document?}`. Who has one name has it as family name, as passports
    do."""
    if not isinstance(value, dict):
        return WRONG_TYPE
    if fault := unknown_key(value, PERSON_KEYS):
        return fault
    if is_blank(value.get("family_name")) and not is_blank(value.get("given_name")):
        return FactFault("person.single_name", place="family_name")
    person: dict[str, JsonValue] = {}
    checks = (
        ("family_name", check_name, True),
        ("given_name", check_name, False),
        ("birth", check_partial_date, True),
        ("nationality", check_nationality, True),
        ("document", check_identity_document, False),
    )
    for key, check, required in checks:
        typed = value.get(key)
        if is_blank(typed):
            if required:
                return MISSING.inside(key)
            continue
        part = check(typed)
        if isinstance(part, FactFault):
            return part.inside(key)
        if part != "":
            person[key] = part
        elif required:
            return MISSING.inside(key)
    return person


def check_nationality(value: object) -> str | FactFault:
    """A country, or why there is none: stateless, unclear."""
    if isinstance(value, str) and value in tables().without_nationality:
        return value
    return check_country(value)


def check_identity_document(value: object) -> dict[str, JsonValue] | FactFault:
    """`{kind, number, issued_by, valid_until?}`. Without the last one it is valid without end."""
    if not isinstance(value, dict):
        return WRONG_TYPE
    if fault := unknown_key(value, DOCUMENT_KEYS):
        return fault
    document: dict[str, JsonValue] = {}
    checks = (("kind", _kind), ("number", _document_number), ("issued_by", check_country), ("valid_until", check_date))
    for key, check in checks:
        typed = value.get(key)
        if is_blank(typed):
            if key != "valid_until":
                return MISSING.inside(key)
            continue
        part = check(typed)
        if isinstance(part, FactFault):
            return part.inside(key)
        document[key] = part
    return document


def _kind(value: object) -> str | FactFault:
    return check_choice(value, tables().document_kinds)


def _document_number(value: object) -> str | FactFault:
    text = check_typed(value)
    if isinstance(text, FactFault):
        return text
    number = capitals(text).replace(" ", "")
    return number if _NUMBER.fullmatch(number) else FactFault("identity_document.number")

"""The rule of each kind: from a typed value to its canonical value, or to the first fault in it."""

from pydantic import JsonValue

from service_catalogue.facts.addresses import check_address
from service_catalogue.facts.attachment_references import check_attachment
from service_catalogue.facts.chip_numbers import check_chip_number
from service_catalogue.facts.choices import check_choice, check_several, check_yes_no
from service_catalogue.facts.contacts import check_email, check_iban, check_telephone
from service_catalogue.facts.dates import check_date, check_partial_date
from service_catalogue.facts.faults import FactFault
from service_catalogue.facts.models import FormFact, FormFactKind
from service_catalogue.facts.number_plates import check_number_plate
from service_catalogue.facts.numbers import check_decimal, check_integer, check_money
from service_catalogue.facts.people import check_identity_document, check_nationality, check_person
from service_catalogue.facts.tables import tables
from service_catalogue.facts.texts import MISSING, WRONG_TYPE, check_line, check_long_text, is_blank, unknown_key
from service_catalogue.streets import StreetRegister


def check_fact(fact: FormFact, value: object, streets: StreetRegister | None = None) -> JsonValue | FactFault:
    """The canonical value, or None if there is no answer and none is needed. Raises for no JSON value.

    `streets`: the register of the authority's municipality; without it no street is looked up.
    """
    canonical = None if is_blank(value) else _check_kind(fact, value, streets)
    if canonical is None or canonical in ("", []):
        return MISSING if fact.required else None
    return canonical


def _check_kind(fact: FormFact, value: object, streets: StreetRegister | None) -> JsonValue | FactFault:
    match fact.kind:
        case FormFactKind.TEXT | FormFactKind.LONG_TEXT:
            longest = fact.max_length or tables().limits[fact.kind]["usual"]
            return check_line(value, longest) if fact.kind is FormFactKind.TEXT else check_long_text(value, longest)
        case FormFactKind.INTEGER:
            return check_integer(value, fact.min, fact.max)
        case FormFactKind.DECIMAL:
            return check_decimal(value, fact.min, fact.max, places=fact.places)
        case FormFactKind.MONEY:
            return check_money(value, fact.min, fact.max)
        case FormFactKind.YES_NO:
            return check_yes_no(value)
        case FormFactKind.CHOICE:
            return check_choice(value, tuple(fact.choices))
        case FormFactKind.SEVERAL:
            return check_several(value, tuple(fact.choices))
        case FormFactKind.ADDRESS:
            return check_address(value, streets)
        case FormFactKind.PHOTO | FormFactKind.SIGNATURE:
            return check_attachment(value, fact.kind)
        case FormFactKind.GROUP:
            return _check_group(fact, value, streets)
        case _:
            return _check_plain_kind(fact.kind, value)


def _check_plain_kind(kind: FormFactKind, value: object) -> JsonValue | FactFault:
    """Kinds whose rule depends on nothing in the definition."""
    checks = {
        FormFactKind.DATE: check_date,
        FormFactKind.PARTIAL_DATE: check_partial_date,
        FormFactKind.TELEPHONE: check_telephone,
        FormFactKind.EMAIL: check_email,
        FormFactKind.IBAN: check_iban,
        FormFactKind.PERSON: check_person,
        FormFactKind.NATIONALITY: check_nationality,
        FormFactKind.IDENTITY_DOCUMENT: check_identity_document,
        FormFactKind.NUMBER_PLATE: check_number_plate,
        FormFactKind.CHIP_NUMBER: check_chip_number,
    }
    return checks[kind](value)


def _check_group(fact: FormFact, value: object, streets: StreetRegister | None) -> list[JsonValue] | FactFault:
    """Each row is an object of answers by code; the place of a fault begins with the number of its row."""
    if not isinstance(value, list):
        return WRONG_TYPE
    fewest = int(fact.required) if fact.min_rows is None else fact.min_rows
    most = fact.max_rows or tables().limits["rows"]["usual"]
    if len(value) > most:
        return FactFault("group.too_many_rows", values={"max": most})
    if len(value) < fewest:
        return FactFault("group.too_few_rows", values={"min": fewest})
    rows: list[JsonValue] = []
    for number, typed in enumerate(value, start=1):
        row = _check_row(fact, typed, streets)
        if isinstance(row, FactFault):
            return row.inside(str(number))
        rows.append(row)
    return rows


def _check_row(fact: FormFact, typed: object, streets: StreetRegister | None) -> dict[str, JsonValue] | FactFault:
    if not isinstance(typed, dict):
        return WRONG_TYPE
    if fault := unknown_key(typed, [part.code for part in fact.facts]):
        return fault
    if all(map(is_blank, typed.values())):
        return FactFault("group.empty_row")
    row: dict[str, JsonValue] = {}
    for part in fact.facts:
        canonical = check_fact(part, typed.get(part.code), streets)
        if isinstance(canonical, FactFault):
            return canonical.inside(part.code)
        if canonical is not None:
            row[part.code] = canonical
    return row or FactFault("group.empty_row")

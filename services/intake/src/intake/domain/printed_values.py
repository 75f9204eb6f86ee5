"""How the values of a case are written on papers and screens, by their kind and in the language of the paper."""

from collections.abc import Mapping

from babel import Locale
from pydantic import JsonValue
from service_catalogue.facts.models import FormFactKind
from service_catalogue.paper_texts import paper_texts

from intake.domain.catalogue.value_types import ValueType
from intake.domain.printed_content import GERMAN, printed_day, printed_money

AUSTRIA = "AT"
_K = FormFactKind


def printed_value(value: JsonValue, kind: ValueType, language: str) -> str:
    """Empty for no value, and for what no line can show, such as a signature."""
    if value is None or value == "":
        return ""
    match kind.kind:
        case _K.DATE | _K.PARTIAL_DATE:
            return printed_day(str(value), language)
        case _K.MONEY:
            return printed_money(value, language) if isinstance(value, int) else ""
        case _K.DECIMAL:
            return str(value).replace(".", ",") if language == GERMAN else str(value)
        case _K.YES_NO:
            return paper_texts(language)["value.yes" if value is True else "value.no"]
        case _K.CHOICE | _K.NATIONALITY:
            return _printed_choice(str(value), kind, language)
        case _K.SEVERAL:
            chosen = value if isinstance(value, list) else []
            return ", ".join(_printed_choice(str(code), kind, language) for code in chosen)
        case _K.ADDRESS | _K.PERSON | _K.IDENTITY_DOCUMENT | _K.NUMBER_PLATE:
            return _printed_parts(value, kind.kind, language) if isinstance(value, dict) else ""
        case _K.GROUP | _K.PHOTO | _K.SIGNATURE | None:
            return ""
    return str(value)


def country_name(code: str, language: str) -> str:
    """Of an alpha-2 code; the code itself for one that has no name."""
    return str(Locale(language).territories.get(code, code))


def printed_address(address: Mapping[str, JsonValue], language: str) -> str:
    """In one line: Hauptplatz 1/2/3, 1010 Wien. Abroad with the country."""
    house = "/".join(str(address[part]) for part in ("number", "stair", "door") if address.get(part))
    street = " ".join(filter(None, (str(address.get("street") or ""), house)))
    town = " ".join(str(address[part]) for part in ("postal_code", "municipality") if address.get(part))
    country = str(address.get("country") or AUSTRIA)
    return ", ".join(filter(None, (street, town, "" if country == AUSTRIA else country_name(country, language))))


def _printed_choice(code: str, kind: ValueType, language: str) -> str:
    if code in kind.choices:
        return kind.choices[code].in_language(language)
    named = paper_texts(language).get(f"value.{code}")
    return named or country_name(code, language)


def _printed_parts(value: Mapping[str, JsonValue], kind: FormFactKind, language: str) -> str:
    if kind is _K.ADDRESS:
        return printed_address(value, language)
    if kind is _K.PERSON:
        return " ".join(str(value[part]) for part in ("given_name", "family_name") if value.get(part))
    if kind is _K.NUMBER_PLATE:
        country = str(value.get("country") or AUSTRIA)
        return f"{value.get('text', '')}" + ("" if country == AUSTRIA else f" ({country})")
    document = paper_texts(language).get(f"value.{value.get('kind')}", str(value.get("kind")))
    return f"{document} {value.get('number', '')} ({value.get('issued_by', '')})"

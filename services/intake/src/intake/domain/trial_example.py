"""An example for `wanderamt catalogue try`: answers to all that a service asks, to be changed by its author.

Invariants: whatever a service asks, its example has an answer of that kind; whether it is admitted is another question.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

from pydantic import JsonValue
from service_catalogue.authority import AuthorityProfile
from service_catalogue.facts.models import FormFact, FormFactKind
from service_catalogue.streets import StreetRegister

from intake.domain.catalogue.register_calls import RegisterCall
from intake.domain.catalogue.service_definition import Edition, Identification
from intake.domain.trial import Trial, TrialAnswer

Address = Mapping[str, JsonValue]

_K = FormFactKind
_PERSON: Final[dict[str, JsonValue]] = {"given_name": "Anna", "family_name": "Berger", "birth_date": "1990-05-04"}
_PICTURE: Final = "0197c1c0-0000-7000-8000-000000000001"
_VALUES: Final[dict[FormFactKind, JsonValue]] = {
    _K.TEXT: "Text",
    _K.LONG_TEXT: "Text",
    _K.DECIMAL: "1.5",
    _K.PARTIAL_DATE: "1990-05-04",
    _K.YES_NO: True,
    _K.TELEPHONE: "+43 660 1234567",
    _K.EMAIL: "anna.berger@example.at",
    _K.IBAN: "AT611904300234573201",
    _K.PERSON: {"given_name": "Anna", "family_name": "Berger", "birth": "1990-05-04", "nationality": "AT"},
    _K.NATIONALITY: "AT",
    _K.IDENTITY_DOCUMENT: {"kind": "passport", "number": "P1234567", "issued_by": "AT", "valid_until": "2034-05-04"},
    _K.NUMBER_PLATE: "L 123AB",
    _K.CHIP_NUMBER: "040098100123456",
    _K.PHOTO: {"photo": _PICTURE},
    _K.SIGNATURE: {"signature": _PICTURE},
}


def example_address(authority: AuthorityProfile, streets: StreetRegister | None) -> Address:
    """In the municipality of the authority."""
    street, postal_code = authority.street, authority.postal_code
    if streets:
        street, postal_code = streets.streets[0].name, streets.streets[0].postal_code
    place = {"postal_code": postal_code, "municipality": authority.place}
    return {"country": authority.country, **place, "street": street, "number": "1"}


def example_trial(edition: Edition, day: date, home: Address) -> Trial:
    """`day`: of the application. `home`: an address, see `example_address`."""
    applicant = {} if edition.identification is Identification.NONE else dict(_PERSON)
    facts = {fact.code: _value(fact, day, home) for fact in edition.facts}
    return Trial(
        applicant=applicant, facts=facts, answers={call.code: _answer(call, day, home) for call in edition.calls}
    )


def _answer(call: RegisterCall, day: date, home: Address) -> TrialAnswer:
    answer: dict[str, JsonValue] = {}
    for fact in call.answer:
        *parts, last = fact.path.split(".")
        place = answer
        for part in parts:
            inner = place.setdefault(part, {})
            assert isinstance(inner, dict)  # noqa: S101 -- the contracts refuse a value and an object in one place
            place = inner
        place[last] = _value(fact, day, home)
    return TrialAnswer(answer=answer)


def _value(fact: FormFact, day: date, home: Address) -> JsonValue:
    match fact.kind:
        case _K.ADDRESS:
            return dict(home)
        case _K.CHOICE:
            return next(iter(fact.choices))
        case _K.SEVERAL:
            return [next(iter(fact.choices))]
        case _K.DATE:
            return day.isoformat()
        case _K.INTEGER | _K.MONEY:
            return fact.min or min(1, fact.max if fact.max is not None else 1)
        case _K.GROUP:
            return [{part.code: _value(part, day, home) for part in fact.facts}]
        case _K.TEXT | _K.LONG_TEXT:
            return "Text"[: fact.max_length]
    return _VALUES[fact.kind]

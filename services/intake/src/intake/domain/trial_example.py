"""An example for `wanderamt catalogue try`: answers to all that a service asks, to be changed by its author.

Invariants: whatever a service asks, its example has an answer of that kind; whether it is admitted is another question.
"""

from datetime import date
from typing import Final

from pydantic import JsonValue
from service_catalogue.facts.models import FormFact, FormFactKind

from intake.domain.catalogue.register_calls import RegisterCall
from intake.domain.catalogue.service_definition import Edition, Identification
from intake.domain.trial import Trial, TrialAnswer

_K = FormFactKind
_PERSON: Final[dict[str, JsonValue]] = {"given_name": "Anna", "family_name": "Berger", "birth_date": "1990-05-04"}
_ADDRESS: Final[dict[str, JsonValue]] = {
    "country": "AT",
    "postal_code": "4020",
    "municipality": "Linz",
    "street": "Hauptplatz",
    "number": "1",
}
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
    _K.ADDRESS: _ADDRESS,
    _K.PERSON: {"given_name": "Anna", "family_name": "Berger", "birth": "1990-05-04", "nationality": "AT"},
    _K.NATIONALITY: "AT",
    _K.IDENTITY_DOCUMENT: {"kind": "passport", "number": "P1234567", "issued_by": "AT", "valid_until": "2034-05-04"},
    _K.NUMBER_PLATE: "L 123AB",
    _K.CHIP_NUMBER: "040098100123456",
    _K.PHOTO: {"photo": _PICTURE},
    _K.SIGNATURE: {"signature": _PICTURE},
}


def example_trial(edition: Edition, day: date) -> Trial:
    """`day`: of the application."""
    applicant = {} if edition.identification is Identification.NONE else dict(_PERSON)
    facts = {fact.code: _value(fact, day) for fact in edition.facts}
    return Trial(applicant=applicant, facts=facts, answers={call.code: _answer(call, day) for call in edition.calls})


def _answer(call: RegisterCall, day: date) -> TrialAnswer:
    answer: dict[str, JsonValue] = {}
    for fact in call.answer:
        *parts, last = fact.path.split(".")
        place = answer
        for part in parts:
            inner = place.setdefault(part, {})
            assert isinstance(inner, dict)  # noqa: S101 -- the contracts refuse a value and an object in one place
            place = inner
        place[last] = _value(fact, day)
    return TrialAnswer(answer=answer)


def _value(fact: FormFact, day: date) -> JsonValue:
    match fact.kind:
        case _K.CHOICE:
            return next(iter(fact.choices))
        case _K.SEVERAL:
            return [next(iter(fact.choices))]
        case _K.DATE:
            return day.isoformat()
        case _K.INTEGER | _K.MONEY:
            return fact.min or min(1, fact.max if fact.max is not None else 1)
        case _K.GROUP:
            return [{part.code: _value(part, day) for part in fact.facts}]
        case _K.TEXT | _K.LONG_TEXT:
            return "Text"[: fact.max_length]
    return _VALUES[fact.kind]

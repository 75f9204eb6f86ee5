"""What a reference stands for: the kind of its value, for checks of the catalogue and for printing.

Invariants: an edition declares every value that it refers to, so each reference has one type or a fault.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from service_catalogue.facts.models import FormFact, FormFactKind
from service_catalogue.facts.tables import tables
from service_catalogue.models import Code, Titles
from service_catalogue.references import COUNT

from intake.domain.catalogue.register_calls import FOUND, RegisterCall
from intake.domain.catalogue.service_definition import Edition

APPLICANT: Final = "applicant"
APPLICATION_DAY: Final = "application_day"  # the day of the application, in local time
AGE_YEARS: Final = "age_years"  # whole years on the application day, if the exact birth date is known
FILE_NUMBER: Final = "number"
_K = FormFactKind


@dataclass(frozen=True, slots=True)
class ValueType:
    """`kind`: None for what a register answered as a whole. `choices`: of kind choice and several. `codes`: the values
    of a part that is one of a fixed table, such as countries. `parts`: of an object or, for a group, of a row."""

    kind: FormFactKind | None
    choices: Mapping[Code, Titles] = field(default_factory=dict)
    codes: frozenset[str] = frozenset()
    parts: Mapping[str, "ValueType"] = field(default_factory=dict)

    @property
    def is_row_group(self) -> bool:
        return self.kind is _K.GROUP


def _texts(*names: str) -> dict[str, ValueType]:
    return {name: ValueType(_K.TEXT) for name in names}


def _country() -> ValueType:
    return ValueType(_K.CHOICE, codes=frozenset(tables().countries))


def _document() -> ValueType:
    kinds = ValueType(_K.CHOICE, codes=frozenset(tables().document_kinds))
    parts = {"kind": kinds, "issued_by": _country(), "valid_until": ValueType(_K.DATE)}
    return ValueType(_K.IDENTITY_DOCUMENT, parts=_texts("number") | parts)


def _nationality() -> ValueType:
    return ValueType(_K.NATIONALITY, codes=frozenset({*tables().countries, *tables().without_nationality}))


def _person() -> ValueType:
    parts = {"birth": ValueType(_K.PARTIAL_DATE), "nationality": _nationality(), "document": _document()}
    return ValueType(_K.PERSON, parts=_texts("family_name", "given_name") | parts)


def _address() -> ValueType:
    names = ("postal_code", "municipality", "street", "number", "stair", "door", "unlisted_reason")
    return ValueType(_K.ADDRESS, parts=_texts(*names) | {"country": _country()})


def type_of_fact(fact: FormFact) -> ValueType:
    match fact.kind:
        case _K.ADDRESS:
            return _address()
        case _K.PERSON:
            return _person()
        case _K.NATIONALITY:
            return _nationality()
        case _K.IDENTITY_DOCUMENT:
            return _document()
        case _K.NUMBER_PLATE:
            return ValueType(_K.NUMBER_PLATE, parts=_texts("text") | {"country": _country()})
        case _K.PHOTO | _K.SIGNATURE:
            return ValueType(fact.kind, parts=_texts(fact.kind))
        case _K.GROUP:
            return ValueType(_K.GROUP, parts={part.code: type_of_fact(part) for part in fact.facts})
    return ValueType(fact.kind, choices=fact.choices)


def type_of_call(call: RegisterCall) -> ValueType:
    """As an object: the facts of its answer, and whether there was one."""
    answers = {fact.code: type_of_fact(fact) for fact in call.answer}
    return ValueType(None, parts=answers | {FOUND: ValueType(_K.YES_NO)})


@dataclass(frozen=True)
class ValueTypes:
    """The values that a case of an edition can have, by name."""

    edition: Edition

    @cached_property
    def by_name(self) -> Mapping[str, ValueType]:
        return {
            **_base_values(),
            **{fact.code: type_of_fact(fact) for fact in self.edition.facts},
            **{call.code: type_of_call(call) for call in self.edition.calls},
        }

    @cached_property
    def order(self) -> Mapping[str, int]:
        """A fact and a call may refer to those before them alone; all facts come before all calls."""
        names = [*(fact.code for fact in self.edition.facts), *(call.code for call in self.edition.calls)]
        return {name: place for place, name in enumerate(names)}

    def resolve(self, reference: str, row: ValueType | None = None) -> ValueType | None:
        """None for a reference to nothing. `row`: of the group that is gone through; its facts come first."""
        name, *parts = reference.split(".")
        known = (row.parts.get(name) if row else None) or self.by_name.get(name)
        for part in parts:
            if not known:
                return None
            if part == COUNT and known.kind in {_K.GROUP, _K.SEVERAL}:
                known = ValueType(_K.INTEGER)
            else:
                known = None if known.is_row_group else known.parts.get(part)
        return known

    def suggestions(self, reference: str) -> str:
        """What could be meant, for the sentence of a fault."""
        name, _, rest = reference.partition(".")
        known = self.by_name.get(name)
        if known and rest:
            return ", ".join(f"{name}.{part}" for part in known.parts)
        return ", ".join(self.by_name)


def reserved_names() -> Iterator[str]:
    yield from _base_values()


def _base_values() -> dict[str, ValueType]:
    birth = {
        "birth": ValueType(_K.PARTIAL_DATE),
        "birth_date": ValueType(_K.DATE),
        "birth_year": ValueType(_K.INTEGER),
    }
    applicant = replace(_person(), parts=_texts("given_name", "family_name", "bpk") | birth)
    return {
        APPLICANT: applicant,
        APPLICATION_DAY: ValueType(_K.DATE),
        AGE_YEARS: ValueType(_K.INTEGER),
        FILE_NUMBER: ValueType(_K.TEXT),
    }

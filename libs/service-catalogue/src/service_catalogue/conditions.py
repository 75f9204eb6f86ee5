"""Conditions on the values of a case: a small closed language for facts, fees, documents, calls and rules of admission.

Invariants: a condition never guesses: if it depends on a value that is not known, the result is that MissingFact. It
means the same on the device (apps/field/src/domain/conditions.ts): both are run over tests/cases/condition_cases.json.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, assert_never

from pydantic import Field, JsonValue, StrictBool, StrictInt, model_validator

from service_catalogue.models import CatalogueModel
from service_catalogue.references import NotKnown, Reference, Values, resolve

Scalar = StrictBool | StrictInt | str
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_BLANKS: Final = re.compile(" +")
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,9})?")


class Equals(CatalogueModel):
    """`{fact: channel, equals: written}`"""

    fact: Reference
    equals: Scalar


class IsIn(CatalogueModel):
    """`{fact: nationality, in: [AT, DE]}`"""

    fact: Reference
    in_: tuple[Scalar, ...] = Field(alias="in", min_length=1)


class Includes(CatalogueModel):
    """Of kind several: `{fact: reasons, includes: move}`"""

    fact: Reference
    includes: str


class InRange(CatalogueModel):
    """`{fact: age_years, at_least: 18, below: 26}`: one bound or both, of a number, or of money in cents."""

    fact: Reference
    at_least: StrictInt | None = None
    below: StrictInt | None = None

    @model_validator(mode="after")
    def _bounded(self) -> "InRange":
        if self.at_least is None and self.below is None:
            raise ValueError("needs 'at_least', 'below' or both")
        if self.at_least is not None and self.below is not None and self.at_least >= self.below:
            raise ValueError("'at_least' must be less than 'below', or it never applies")
        return self


class Before(CatalogueModel):
    """`{fact: dog_born_on, before: application_day}`: another date, or a day such as "2026-05-04"."""

    fact: Reference
    before: str = Field(description="A reference to a date, or a day such as 2026-05-04.")


class SameAs(CatalogueModel):
    """`{fact: keeper.family_name, same_as: applicant.family_name}`: without regard to capitals and blanks. Of two
    objects, each part that both have; they need one in common."""

    fact: Reference
    same_as: Reference


class IsKnown(CatalogueModel):
    """`{fact: plate, known: true}`: whether there is a value."""

    fact: Reference
    known: StrictBool


class All(CatalogueModel):
    all: tuple["Condition", ...] = Field(min_length=1)


class AnyOf(CatalogueModel):
    any: tuple["Condition", ...] = Field(min_length=1)


class Not(CatalogueModel):
    not_: "Condition" = Field(alias="not")


Comparison = Equals | IsIn | Includes | InRange | Before | SameAs | IsKnown
Condition = Comparison | All | AnyOf | Not
for _part in (All, AnyOf, Not):
    _part.model_rebuild()


@dataclass(frozen=True, slots=True)
class MissingFact:
    """The result depends on the value of this reference, which is not known yet."""

    fact: str


def evaluate(condition: Condition | None, values: Values) -> bool | MissingFact:
    """None is true. A missing value that cannot change the result is ignored (Kleene's three-valued logic)."""
    match condition:
        case None:
            return True
        case All():
            return _combine(condition.all, values, decides=False)
        case AnyOf():
            return _combine(condition.any, values, decides=True)
        case Not():
            inner = evaluate(condition.not_, values)
            return inner if isinstance(inner, MissingFact) else not inner
        case _:
            return _compare(condition, values)


def comparisons(condition: Condition | None) -> Iterator[Comparison]:
    """All comparisons in it."""
    match condition:
        case None:
            return
        case All():
            for part in condition.all:
                yield from comparisons(part)
        case AnyOf():
            for part in condition.any:
                yield from comparisons(part)
        case Not():
            yield from comparisons(condition.not_)
        case _:
            yield condition


def references_of(condition: Condition | None) -> Iterator[str]:
    for comparison in comparisons(condition):
        yield comparison.fact
        if isinstance(comparison, SameAs):
            yield comparison.same_as
        if isinstance(comparison, Before) and not is_day(comparison.before):
            yield comparison.before


def is_day(text: str) -> bool:
    return bool(_DAY.fullmatch(text))


def _compare(condition: Comparison, values: Values) -> bool | MissingFact:
    value = resolve(values, condition.fact)
    if isinstance(value, NotKnown):
        return MissingFact(condition.fact)
    match condition:
        case IsKnown():
            return (value is not None and value not in ("", [])) == condition.known
        case Equals():
            return _equal(value, condition.equals)
        case IsIn():
            return any(_equal(value, expected) for expected in condition.in_)
        case Includes():
            return isinstance(value, list) and condition.includes in value
        case InRange():
            return _in_range(condition, value)
        case Before() | SameAs():
            return _compare_two(condition, value, values)
    assert_never(condition)


def _compare_two(condition: Before | SameAs, value: JsonValue, values: Values) -> bool | MissingFact:
    if isinstance(condition, Before) and is_day(condition.before):
        return _before(value, condition.before)
    reference = condition.before if isinstance(condition, Before) else condition.same_as
    other = resolve(values, reference)
    if isinstance(other, NotKnown):
        return MissingFact(reference)
    return _before(value, other) if isinstance(condition, Before) else _same(value, other)


def _equal(value: JsonValue, expected: Scalar) -> bool:
    """1 is not true."""
    return type(value) is type(expected) and value == expected


def _in_range(condition: InRange, value: JsonValue) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | str) or not _NUMBER.fullmatch(str(value)):
        return False
    number, low, high = Decimal(value), condition.at_least, condition.below
    return (low is None or low <= number) and (high is None or number < high)


def _before(value: JsonValue, other: JsonValue) -> bool:
    """Only full days are compared: of a partial date nobody knows."""
    if not isinstance(value, str) or not isinstance(other, str):
        return False
    return is_day(value) and is_day(other) and value < other


def _same(value: JsonValue, other: JsonValue) -> bool:
    if isinstance(value, dict) and isinstance(other, dict):
        common = value.keys() & other.keys()
        return bool(common) and all(_same(value[name], other[name]) for name in common)
    if isinstance(value, str) and isinstance(other, str):
        return bool(_folded(value)) and _folded(value) == _folded(other)
    return value is not None and type(value) is type(other) and value == other


def _folded(text: str) -> str:
    return _BLANKS.sub(" ", unicodedata.normalize("NFC", text).lower()).strip(" ")


def _combine(parts: tuple[Condition, ...], values: Values, *, decides: bool) -> bool | MissingFact:
    missing: MissingFact | None = None
    for part in parts:
        value = evaluate(part, values)
        if isinstance(value, MissingFact):
            missing = missing or value
        elif value is decides:
            return decides
    return missing or not decides

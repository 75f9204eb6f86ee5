"""Conditions on the facts of a case, for fees, required documents and obligations: a small closed language.

Invariants: a condition never guesses. If it depends on a missing fact, its value is that MissingFact.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from pydantic import Field, StrictBool, StrictInt, model_validator
from service_catalogue.models import CatalogueModel, Code

from intake.domain.catalogue.types import FactKind, FactValue


class Equals(CatalogueModel):
    """`{fact: channel, equals: written}`"""

    fact: Code
    equals: StrictBool | StrictInt | str


class InRange(CatalogueModel):
    """`{fact: age_years, at_least: 18, below: 26}`: one bound or both."""

    fact: Code
    at_least: StrictInt | None = None
    below: StrictInt | None = None

    @model_validator(mode="after")
    def _bounded(self) -> "InRange":
        if self.at_least is None and self.below is None:
            raise ValueError("needs 'at_least', 'below' or both")
        if self.at_least is not None and self.below is not None and self.at_least >= self.below:
            raise ValueError("'at_least' must be less than 'below', or it never applies")
        return self


class All(CatalogueModel):
    all: tuple["Condition", ...] = Field(min_length=1)


class AnyOf(CatalogueModel):
    any: tuple["Condition", ...] = Field(min_length=1)


class Not(CatalogueModel):
    not_: "Condition" = Field(alias="not")


Condition = Equals | InRange | All | AnyOf | Not
for _part in (All, AnyOf, Not):
    _part.model_rebuild()


@dataclass(frozen=True, slots=True)
class MissingFact:
    """The result depends on this fact, which is still unknown."""

    fact: str


def evaluate(condition: Condition | None, facts: Mapping[str, FactValue]) -> bool | MissingFact:
    """None is true. A missing fact that cannot change the result is ignored (Kleene's three-valued logic)."""
    match condition:
        case None:
            return True
        case Equals():
            known = facts.get(condition.fact)
            return MissingFact(condition.fact) if known is None else known == condition.equals
        case InRange():
            return _in_range(condition, facts.get(condition.fact))
        case All():
            return _combine(condition.all, facts, decides=False)
        case AnyOf():
            return _combine(condition.any, facts, decides=True)
        case Not():
            inner = evaluate(condition.not_, facts)
            return inner if isinstance(inner, MissingFact) else not inner
    assert_never(condition)


def referenced_facts(condition: Condition | None) -> Iterator[tuple[str, FactKind | None, FactValue | None]]:
    """Each fact in the condition with its expected kind, and the value it is compared with, if any."""
    match condition:
        case None:
            return
        case Equals():
            yield condition.fact, _kind(condition.equals), condition.equals
        case InRange():
            yield condition.fact, FactKind.NUMBER, None
        case All():
            for part in condition.all:
                yield from referenced_facts(part)
        case AnyOf():
            for part in condition.any:
                yield from referenced_facts(part)
        case Not():
            yield from referenced_facts(condition.not_)


def _in_range(condition: InRange, known: FactValue | None) -> bool | MissingFact:
    if known is None:
        return MissingFact(condition.fact)
    if not isinstance(known, int):
        return False
    low, high = condition.at_least, condition.below
    return (low is None or low <= known) and (high is None or known < high)


def _combine(parts: tuple[Condition, ...], facts: Mapping[str, FactValue], *, decides: bool) -> bool | MissingFact:
    missing: MissingFact | None = None
    for part in parts:
        value = evaluate(part, facts)
        if isinstance(value, MissingFact):
            missing = missing or value
        elif value is decides:
            return decides
    return missing or not decides


def _kind(value: FactValue) -> FactKind:
    if isinstance(value, bool):
        return FactKind.YES_NO
    return FactKind.NUMBER if isinstance(value, int) else FactKind.CHOICE

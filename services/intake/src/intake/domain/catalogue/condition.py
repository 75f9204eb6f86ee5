"""When a fee, a paper or a call applies: a small closed language over the facts of a case.

Kept true: a condition never guesses. Where a fact it depends on is not known, it names that fact.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from pydantic import Field, StrictBool, StrictInt, model_validator

from intake.domain.catalogue.words import Code, FactKind, FactValue, Part


class Equals(Part):
    """`{fact: channel, equals: written}`"""

    fact: Code
    equals: StrictBool | StrictInt | str


class Within(Part):
    """`{fact: age_years, at_least: 18, below: 26}`: one bound or both."""

    fact: Code
    at_least: StrictInt | None = None
    below: StrictInt | None = None

    @model_validator(mode="after")
    def _bounded(self) -> "Within":
        if self.at_least is None and self.below is None:
            raise ValueError("needs 'at_least', 'below' or both")
        if self.at_least is not None and self.below is not None and self.at_least >= self.below:
            raise ValueError("'at_least' must be less than 'below', or it never applies")
        return self


class All(Part):
    all: tuple["Condition", ...] = Field(min_length=1)


class AnyOf(Part):
    any: tuple["Condition", ...] = Field(min_length=1)


class Not(Part):
    not_: "Condition" = Field(alias="not")


Condition = Equals | Within | All | AnyOf | Not
for _part in (All, AnyOf, Not):
    _part.model_rebuild()


@dataclass(frozen=True, slots=True)
class Missing:
    """The answer depends on this fact, and nobody has given it yet."""

    fact: str


def holds(condition: Condition | None, facts: Mapping[str, FactValue]) -> bool | Missing:
    """None always holds. A fact that cannot change the answer any more is not missing (Kleene's three-valued logic)."""
    match condition:
        case None:
            return True
        case Equals():
            known = facts.get(condition.fact)
            return Missing(condition.fact) if known is None else known == condition.equals
        case Within():
            return _within(condition, facts.get(condition.fact))
        case All():
            return _first(condition.all, facts, decides=False)
        case AnyOf():
            return _first(condition.any, facts, decides=True)
        case Not():
            inner = holds(condition.not_, facts)
            return inner if isinstance(inner, Missing) else not inner
    assert_never(condition)


def facts_of(condition: Condition | None) -> Iterator[tuple[str, FactKind | None, FactValue | None]]:
    """Each fact it looks at, with the kind it takes it for and the value it compares with, where there is one."""
    match condition:
        case None:
            return
        case Equals():
            yield condition.fact, _kind(condition.equals), condition.equals
        case Within():
            yield condition.fact, FactKind.NUMBER, None
        case All():
            for one in condition.all:
                yield from facts_of(one)
        case AnyOf():
            for one in condition.any:
                yield from facts_of(one)
        case Not():
            yield from facts_of(condition.not_)


def _within(condition: Within, known: FactValue | None) -> bool | Missing:
    if known is None:
        return Missing(condition.fact)
    if not isinstance(known, int):
        return False
    low, high = condition.at_least, condition.below
    return (low is None or low <= known) and (high is None or known < high)


def _first(parts: tuple[Condition, ...], facts: Mapping[str, FactValue], *, decides: bool) -> bool | Missing:
    missing: Missing | None = None
    for one in parts:
        said = holds(one, facts)
        if isinstance(said, Missing):
            missing = missing or said
        elif said is decides:
            return decides
    return missing or not decides


def _kind(value: FactValue) -> FactKind:
    if isinstance(value, bool):
        return FactKind.YES_NO
    return FactKind.NUMBER if isinstance(value, int) else FactKind.CHOICE

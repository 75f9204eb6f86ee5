"""One edition of a service: what is true of it from a day on, for one authority.

Kept true: what an edition refers to is declared in it. A condition on an unknown fact, a step that has nothing to do or
a fee nobody takes is refused when the edition is read, not at the stand.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from itertools import pairwise

from pydantic import Field, model_validator

from intake.domain.catalogue.condition import Condition, facts_of
from intake.domain.catalogue.due import Due
from intake.domain.catalogue.words import KNOWN_FACTS, Code, FactDefinition, FactKind, FactValue, Part, Titles


class Ending(StrEnum):
    """How a case of this service ends at the stand."""

    FINISHED = "finished"  # the paper is in the citizen's hand
    ACCEPTED = "accepted"  # taken; the product comes by post
    OBLIGATION = "obligation"  # finished, and the citizen owes something by a day


class Identification(StrEnum):
    NONE = "none"
    KNOWN = "known"  # known to the office in person
    PHOTO_ID = "photo_id"
    PHOTO_ID_AND_SECOND_PROOF = "photo_id_and_second_proof"
    EID_HIGH = "eid_high"
    REPRESENTATIVE = "representative"  # photo ID of the representative and a mandate


class Step(StrEnum):
    """In the order in which a case may take them."""

    IDENTIFY = "identify"
    PAPERS = "papers"
    REGISTER = "register"
    FEE = "fee"
    ISSUE = "issue"
    HAND_OVER = "hand_over"


class Handling(StrEnum):
    SHOW = "show"  # seen, not copied
    SCAN = "scan"  # copied, deleted when the case is closed
    KEEP = "keep"  # copied and kept with the case


class Retention(StrEnum):
    """How long a closed case is kept: the shortest that its law allows."""

    DAYS_30 = "days_30"
    YEAR_1 = "year_1"
    YEARS_3 = "years_3"
    YEARS_7 = "years_7"


class Competence(Part):
    """Which authority may do it."""

    rule: str = Field(pattern="^(any|main_residence|residence|place)$", description="Where the citizen belongs.")
    law: str = Field("", max_length=120)


class Paper(Part):
    """What the citizen brings."""

    code: Code
    titles: Titles
    handling: Handling = Handling.SHOW
    when: Condition | None = None


class RegisterCall(Part):
    """What to ask which register, for which purpose, and how long the citizen's receipt stays provisional at most."""

    register_name: Code = Field(alias="register")
    operation: Code
    purpose: str = Field(min_length=1, max_length=60, description="Purpose code, logged by the register.")
    deadline_s: int = Field(24 * 3600, gt=0, le=14 * 24 * 3600)


class Fee(Part):
    """A line of the bill. The amount that counts is the one in force on the application day."""

    code: Code
    titles: Titles
    law: str = Field(min_length=1, max_length=120)
    amount_cents: int = Field(ge=0, le=1_000_000)
    valid_from: date | None = None
    valid_to: date | None = Field(None, description="The last day it is charged.")
    when: Condition | None = None

    def in_force(self, day: date) -> bool:
        return (not self.valid_from or self.valid_from <= day) and (not self.valid_to or day <= self.valid_to)


class Deadline(Part):
    """By when the citizen must, or at the latest may, apply."""

    code: Code
    titles: Titles
    law: str = Field(min_length=1, max_length=120)
    due: Due


class Output(Part):
    """A document that is issued."""

    template: Code
    titles: Titles
    signed: bool = True
    valid: int | None = Field(None, alias="valid_days", gt=0, description="Days it is valid; without it, no end.")


class Obligation(Part):
    """What the citizen owes afterwards, and what the reminder says."""

    code: Code
    titles: Titles
    due: Due
    reminder: Titles
    when: Condition | None = None


class Edition(Part):
    valid_from: date
    ending: Ending
    titles: Titles
    competence: Competence
    identification: Identification
    facts: tuple[FactDefinition, ...] = ()
    steps: tuple[Step, ...] = Field(min_length=1)
    papers: tuple[Paper, ...] = ()
    calls: tuple[RegisterCall, ...] = Field((), max_length=1)
    fees: tuple[Fee, ...] = ()
    deadlines: tuple[Deadline, ...] = ()
    outputs: tuple[Output, ...] = Field(min_length=1)
    obligations: tuple[Obligation, ...] = ()
    retention: Retention
    notice_consent: bool = Field(default=True, description="Whether a notice about it needs consent.")
    sources: tuple[str, ...] = Field(min_length=1, description="Where these rules and amounts were read.")

    @model_validator(mode="after")
    def _whole(self) -> "Edition":
        wrong = [*self._repeated(), *self._steps_wrong(), *self._facts_wrong(), *self._ending_wrong()]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def _repeated(self) -> Iterator[str]:
        for part, listed in (("facts", self.facts), ("papers", self.papers), ("obligations", self.obligations)):
            codes = [one.code for one in listed]
            yield from (
                f"{part}: '{code}' stands there twice" for code in sorted({c for c in codes if codes.count(c) > 1})
            )
        for one in self.facts:
            if one.code in KNOWN_FACTS:
                yield f"facts: '{one.code}' is known of every case, leave it out"
            if (one.kind is FactKind.CHOICE) != bool(one.choices):
                yield f"facts.{one.code}: 'choices' belong to kind choice, and to no other"

    def _steps_wrong(self) -> Iterator[str]:
        order = list(Step)
        for before, after in pairwise(self.steps):
            if order.index(before) >= order.index(after):
                yield f"steps: '{after}' cannot come after '{before}'"
        needed = {
            Step.IDENTIFY: self.identification is not Identification.NONE,
            Step.PAPERS: bool(self.papers),
            Step.REGISTER: bool(self.calls),
            Step.FEE: bool(self.fees),
            Step.ISSUE: True,
        }
        for step, wanted in needed.items():
            if wanted and step not in self.steps:
                yield f"steps: '{step}' is missing"
            if not wanted and step in self.steps:
                yield f"steps: '{step}' has nothing to do"

    def _facts_wrong(self) -> Iterator[str]:
        kinds = {fact.code: fact.kind for fact in self.facts} | KNOWN_FACTS
        choices = {fact.code: fact.choices for fact in self.facts}
        for where, condition in self._conditions():
            for fact, kind, value in facts_of(condition):
                if fact not in kinds:
                    yield f"{where}: no fact '{fact}'; declare it under 'facts'"
                elif kind is not kinds[fact]:
                    yield f"{where}: '{fact}' is of kind {kinds[fact]} and compared as {kind}"
                elif kind is FactKind.CHOICE and value not in choices[fact]:
                    yield f"{where}: '{fact}' has no choice '{value}'"
        for where, due in self._dues():
            if kinds.get(due.since) is not FactKind.DATE:
                yield f"{where}: '{due.since}' is no fact of kind date"

    def _ending_wrong(self) -> Iterator[str]:
        if (self.ending is Ending.OBLIGATION) != bool(self.obligations):
            yield "ending: 'obligation' and the list 'obligations' belong together"

    def _conditions(self) -> Iterator[tuple[str, Condition | None]]:
        for part, listed in (("papers", self.papers), ("fees", self.fees), ("obligations", self.obligations)):
            yield from ((f"{part}.{one.code}", one.when) for one in listed)

    def _dues(self) -> Iterator[tuple[str, Due]]:
        yield from ((f"deadlines.{one.code}", one.due) for one in self.deadlines)
        yield from ((f"obligations.{one.code}", one.due) for one in self.obligations)


class Offer(Part):
    """A service of an authority with all its editions, oldest first."""

    service: Code
    authority: str = Field(pattern=r"^[a-z]{2}-[a-z0-9-]+$", description="Country and authority, such as at-linz.")
    editions: tuple[Edition, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _in_order(self) -> "Offer":
        for before, after in pairwise(self.editions):
            if before.valid_from >= after.valid_from:
                raise ValueError(f"editions: {after.valid_from} does not come after {before.valid_from}")
        return self

    def edition_on(self, day: date) -> Edition | None:
        return next((one for one in reversed(self.editions) if one.valid_from <= day), None)


def facts_wrong(edition: Edition, facts: Mapping[str, FactValue | None]) -> Iterator[str]:
    """What is wrong with the answers given for a case; None takes an answer back."""
    defined = {fact.code: fact for fact in edition.facts}
    for code, value in facts.items():
        if code not in defined:
            yield f"facts.{code}: this service does not ask that"
        elif value is not None and not defined[code].takes(value):
            wanted = ", ".join(defined[code].choices) or defined[code].kind
            yield f"facts.{code}: expected {wanted}"

"""A service and its editions: the rules of the service from a day on, for one authority.

Invariants: an edition declares everything it refers to. Reading it fails for a condition on an undeclared fact, a step
without content or a fee without a fee step, so that nothing of this fails at the stand.
"""

from collections.abc import Iterator, Mapping, Set
from datetime import date
from enum import StrEnum
from functools import cached_property
from itertools import pairwise

from pydantic import ConfigDict, Field, model_validator
from service_catalogue.models import CatalogueModel, Code, ServiceEntry, Titles
from wanderamt.contracts import AllowedQuery
from wanderamt.kernel.line_text import LineText

from intake.domain.catalogue.condition import Condition, referenced_facts
from intake.domain.catalogue.due_dates import DueRule
from intake.domain.catalogue.types import KNOWN_FACTS, FactDefinition, FactKind, FactValue


class Ending(StrEnum):
    """How a case of this service ends at the stand."""

    FINISHED = "finished"  # the citizen leaves with the document
    ACCEPTED = "accepted"  # the product comes by post
    OBLIGATION = "obligation"  # finished, and the citizen must still do something by a day


class Identification(StrEnum):
    NONE = "none"
    KNOWN = "known"  # the office knows the person
    PHOTO_ID = "photo_id"
    PHOTO_ID_AND_SECOND_PROOF = "photo_id_and_second_proof"
    EID_HIGH = "eid_high"
    REPRESENTATIVE = "representative"  # photo ID of the representative and a mandate


class Step(StrEnum):
    """In the only order that an edition may list them."""

    IDENTIFY = "identify"
    PAPERS = "papers"
    REGISTER = "register"
    FEE = "fee"
    ISSUE = "issue"
    HAND_OVER = "hand_over"


class Handling(StrEnum):
    SHOW = "show"  # the crew sees it, no copy
    SCAN = "scan"  # copy, deleted when the case is closed
    KEEP = "keep"  # copy, kept with the case


class Retention(StrEnum):
    """How long intake keeps a closed case: the shortest time that the law allows."""

    DAYS_30 = "days_30"
    YEAR_1 = "year_1"
    YEARS_3 = "years_3"
    YEARS_7 = "years_7"


class Competence(CatalogueModel):
    """Which authority is competent."""

    rule: str = Field(
        pattern="^(any|main_residence|residence|place)$", description="What ties the citizen to the authority."
    )
    law: LineText = Field("", max_length=120)


class RequiredDocument(CatalogueModel):
    """A document that the citizen brings."""

    code: Code
    titles: Titles
    handling: Handling = Handling.SHOW
    when: Condition | None = None


class RegisterCall(CatalogueModel):
    """A register query. `deadline_s`: how long the document stays provisional at most."""

    register_name: Code = Field(alias="register")
    operation: Code
    purpose: LineText = Field(min_length=1, max_length=60, description="Purpose code, logged by the register.")
    deadline_s: int = Field(24 * 3600, gt=0, le=14 * 24 * 3600)


class Fee(CatalogueModel):
    """A line of the bill. The amount in force on the application day counts."""

    code: Code
    titles: Titles
    law: LineText = Field(min_length=1, max_length=120)
    amount_cents: int = Field(ge=0, le=1_000_000)
    valid_from: date | None = None
    valid_to: date | None = Field(None, description="Last day of this amount.")
    when: Condition | None = None

    def in_force(self, day: date) -> bool:
        return (not self.valid_from or self.valid_from <= day) and (not self.valid_to or day <= self.valid_to)


class Deadline(CatalogueModel):
    """By when the citizen must apply."""

    code: Code
    titles: Titles
    law: LineText = Field(min_length=1, max_length=120)
    due: DueRule


class Output(CatalogueModel):
    """A document that the authority issues."""

    template: Code
    titles: Titles
    signed: bool = True
    valid: int | None = Field(None, alias="valid_days", gt=0, description="Days of validity; without it, unlimited.")


class Obligation(CatalogueModel):
    """Something that the citizen must do after the case, with the text of the reminder."""

    code: Code
    titles: Titles
    due: DueRule
    reminder: Titles
    when: Condition | None = None


class Edition(CatalogueModel):
    valid_from: date
    ending: Ending
    titles: Titles
    competence: Competence
    identification: Identification
    facts: tuple[FactDefinition, ...] = ()
    steps: tuple[Step, ...] = Field(min_length=1)
    papers: tuple[RequiredDocument, ...] = ()
    calls: tuple[RegisterCall, ...] = Field((), max_length=1)
    fees: tuple[Fee, ...] = ()
    deadlines: tuple[Deadline, ...] = ()
    outputs: tuple[Output, ...] = Field(min_length=1)
    obligations: tuple[Obligation, ...] = ()
    retention: Retention
    notice_consent: bool = Field(default=True, description="Whether notices about it need consent.")
    sources: tuple[LineText, ...] = Field(min_length=1, description="Sources of these rules and amounts.")

    @cached_property
    def facts_by_code(self) -> Mapping[str, FactDefinition]:
        return {fact.code: fact for fact in self.facts}

    @cached_property
    def allowed_queries(self) -> tuple[AllowedQuery, ...]:
        """What the service may ask registers, in the form of the contract."""
        return tuple(
            AllowedQuery(register_name=call.register_name, operation=call.operation, purpose=call.purpose)
            for call in self.calls
        )

    @cached_property
    def dates(self) -> Set[str]:
        """The codes of the facts of kind date."""
        return {fact.code for fact in self.facts if fact.kind is FactKind.DATE}

    @model_validator(mode="after")
    def _consistent(self) -> "Edition":
        faults = [*self._repeated_codes(), *self._step_faults(), *self._fact_faults(), *self._ending_faults()]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _repeated_codes(self) -> Iterator[str]:
        for part, listed in (("facts", self.facts), ("papers", self.papers), ("obligations", self.obligations)):
            codes = [item.code for item in listed]
            yield from (f"{part}: '{code}' appears twice" for code in sorted({c for c in codes if codes.count(c) > 1}))
        for fact in self.facts:
            if fact.code in KNOWN_FACTS:
                yield f"facts: '{fact.code}' is known for every case, leave it out"
            if (fact.kind is FactKind.CHOICE) != bool(fact.choices):
                yield f"facts.{fact.code}: kind choice needs 'choices', and no other kind has them"

    def _step_faults(self) -> Iterator[str]:
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
        for step, required in needed.items():
            if required and step not in self.steps:
                yield f"steps: '{step}' is missing"
            if not required and step in self.steps:
                yield f"steps: '{step}' has nothing to do"

    def _fact_faults(self) -> Iterator[str]:
        kinds = {fact.code: fact.kind for fact in self.facts} | KNOWN_FACTS
        choices = {fact.code: fact.choices for fact in self.facts}
        for place, condition in self._conditions():
            for fact, kind, value in referenced_facts(condition):
                if fact not in kinds:
                    yield f"{place}: no fact '{fact}'; declare it under 'facts'"
                elif kind is not kinds[fact]:
                    yield f"{place}: '{fact}' is of kind {kinds[fact]} and compared as {kind}"
                elif kind is FactKind.CHOICE and value not in choices[fact]:
                    yield f"{place}: '{fact}' has no choice '{value}'"
        for place, due in self._due_rules():
            if kinds.get(due.since) is not FactKind.DATE:
                yield f"{place}: '{due.since}' is no fact of kind date"

    def _ending_faults(self) -> Iterator[str]:
        if (self.ending is Ending.OBLIGATION) != bool(self.obligations):
            yield "ending: 'obligation' and the list 'obligations' belong together"

    def _conditions(self) -> Iterator[tuple[str, Condition | None]]:
        for part, listed in (("papers", self.papers), ("fees", self.fees), ("obligations", self.obligations)):
            yield from ((f"{part}.{item.code}", item.when) for item in listed)

    def _due_rules(self) -> Iterator[tuple[str, DueRule]]:
        yield from ((f"deadlines.{deadline.code}", deadline.due) for deadline in self.deadlines)
        yield from ((f"obligations.{obligation.code}", obligation.due) for obligation in self.obligations)


class ServiceDefinition(ServiceEntry):
    """A service of an authority with all its editions, oldest first."""

    model_config = ConfigDict(extra="forbid")

    editions: tuple[Edition, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _in_order(self) -> "ServiceDefinition":
        for before, after in pairwise(self.editions):
            if before.valid_from >= after.valid_from:
                raise ValueError(f"editions: {after.valid_from} does not come after {before.valid_from}")
        return self

    def edition_on(self, day: date) -> Edition | None:
        return next((edition for edition in reversed(self.editions) if edition.valid_from <= day), None)


def invalid_facts(edition: Edition, facts: Mapping[str, FactValue | None]) -> Iterator[str]:
    """One message per invalid answer. None clears an answer."""
    defined = edition.facts_by_code
    for code, value in facts.items():
        if code not in defined:
            yield "facts: this service does not ask for one of them"  # not which: its name is what somebody typed
        elif value is not None and not defined[code].accepts(value):
            expected = ", ".join(defined[code].choices) or defined[code].kind
            yield f"facts.{code}: expected {expected}"

"""A service and its editions: the rules of the service from a day on, for one authority.

What the parts of an edition refer to is checked by edition_faults, when a catalogue is read.
"""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Final

from pydantic import ConfigDict, Field, JsonValue, model_validator
from service_catalogue.conditions import Condition, references_of
from service_catalogue.facts.check import check_fact
from service_catalogue.facts.faults import FactFault
from service_catalogue.facts.models import FactRetention, FormFact
from service_catalogue.models import CatalogueModel, Code, ServiceEntry, Titles
from service_catalogue.references import Reference, name_of
from service_catalogue.streets import StreetRegister
from wanderamt.contracts import AllowedQuery
from wanderamt.kernel.line_text import LineText

from intake.domain.catalogue.due_dates import CalendarSpan, DueRule, LocalModel
from intake.domain.catalogue.outputs import Output, Paragraph
from intake.domain.catalogue.register_calls import RegisterCall

A_WEEK: Final = CalendarSpan(weeks=1)
FACT_PREFIX: Final = "facts."  # of the name that a fact has in the form of a case


class Ending(StrEnum):
    """How a case of this service ends at the stand. finished: the citizen leaves with the document. accepted: the
    product comes by post. obligation: finished, and something is to be done by a day. elsewhere: another authority is
    competent."""

    FINISHED = "finished"  # the citizen leaves with the document
    ACCEPTED = "accepted"  # the product comes by post
    OBLIGATION = "obligation"  # finished, and the citizen must still do something by a day
    ELSEWHERE = "elsewhere"  # another authority is competent: the citizen is told where to go


class Identification(StrEnum):
    """How the crew identifies the citizen, at least. known: the office knows the person. representative: photo ID of
    the representative and a mandate."""

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
    """show: the crew sees it, no copy. scan: a copy until the case is closed. keep: a copy, kept with the case."""

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
    """Which authority is competent, by which law. Nothing is checked by it: what must hold stands under `admission`."""

    rule: str = Field(
        pattern="^(any|main_residence|residence|place)$", description="What ties the citizen to the authority."
    )
    law: LineText = Field("", max_length=120)
    elsewhere: Paragraph | None = Field(None, description="Where to go if this authority is not competent.")


class RequiredDocument(CatalogueModel):
    """A document that the citizen brings."""

    code: Code
    titles: Titles
    handling: Handling = Handling.SHOW
    when: Condition | None = None


class Fee(CatalogueModel):
    """A line of the bill. The amount in force on the application day counts."""

    code: Code
    titles: Titles
    law: LineText = Field(min_length=1, max_length=120)
    amount_cents: int = Field(ge=0, le=1_000_000)
    valid_from: date | None = None
    valid_to: date | None = Field(None, description="Last day of this amount.")
    when: Condition | None = None
    per: Reference | None = Field(None, description="A number that multiplies the amount, such as foreign_documents.")

    def in_force(self, day: date) -> bool:
        return (not self.valid_from or self.valid_from <= day) and (not self.valid_to or day <= self.valid_to)


class AdmissionRule(CatalogueModel):
    """What must hold, or the citizen is not admitted. `refusal`: the sentence that the citizen gets."""

    code: Code
    require: Condition
    law: LineText = Field(min_length=1, max_length=120)
    refusal: Paragraph


class Deadline(CatalogueModel):
    """When the citizen must apply: by `due`, or from then on (`earliest`).

    `refusal`: the sentence for who is late or early; without it the application is accepted, and that it is late is
    noted in the case.
    """

    code: Code
    titles: Titles
    law: LineText = Field(min_length=1, max_length=120)
    due: DueRule
    when: Condition | None = None
    earliest: bool = False
    refusal: Paragraph | None = None


class Obligation(CatalogueModel):
    """Something that the citizen must do after the case, with the text of the reminder."""

    code: Code
    titles: Titles
    due: DueRule
    reminder: Titles
    remind: CalendarSpan = Field(A_WEEK, description="How long before it is due the citizen is reminded.")
    when: Condition | None = None


class Edition(LocalModel):
    valid_from: date
    ending: Ending
    titles: Titles
    competence: Competence
    identification: Identification
    facts: tuple[FormFact, ...] = Field((), max_length=60)
    admission: tuple[AdmissionRule, ...] = Field((), max_length=20)
    steps: tuple[Step, ...] = ()
    papers: tuple[RequiredDocument, ...] = Field((), max_length=30)
    calls: tuple[RegisterCall, ...] = Field((), max_length=20)
    fees: tuple[Fee, ...] = Field((), max_length=40)
    deadlines: tuple[Deadline, ...] = Field((), max_length=20)
    outputs: tuple[Output, ...] = Field((), max_length=10)
    obligations: tuple[Obligation, ...] = Field((), max_length=20)
    retention: Retention
    notice_consent: bool = Field(default=True, description="Whether notices about it need consent.")
    sources: tuple[LineText, ...] = Field(min_length=1, description="Sources of these rules and amounts.")

    @cached_property
    def desk_steps(self) -> tuple[Step, ...]:
        """Those of the crew, who does not wait for the answer of a register."""
        return tuple(step for step in self.steps if step is not Step.REGISTER)

    @cached_property
    def steps_before(self) -> Mapping[Step, tuple[Step, ...]]:
        """The steps of the crew that come before each step."""
        order = list(Step)
        return {
            step: tuple(other for other in self.desk_steps if order.index(other) < order.index(step)) for step in Step
        }

    @cached_property
    def facts_by_form_name(self) -> Mapping[str, FormFact]:
        return {FACT_PREFIX + fact.code: fact for fact in self.facts}

    @cached_property
    def facts_by_code(self) -> Mapping[str, FormFact]:
        return {fact.code: fact for fact in self.facts}

    @cached_property
    def calls_by_code(self) -> Mapping[str, RegisterCall]:
        return {call.code: call for call in self.calls}

    @cached_property
    def calls_after(self) -> Mapping[str, frozenset[str]]:
        """By the name of a value: the calls that depend on it, directly or through facts and answers."""
        uses: dict[str, set[str]] = {}
        for fact in self.facts:
            for reference in references_of(fact.when):
                uses.setdefault(name_of(reference), set()).add(fact.code)
        for call in self.calls:
            for reference in call.references:
                uses.setdefault(name_of(reference), set()).add(call.code)
        return {name: frozenset(_reached(name, uses) & self.calls_by_code.keys()) for name in uses}

    @cached_property
    def allowed_queries(self) -> tuple[AllowedQuery, ...]:
        """What the service may ask registers, in the form of the contract."""
        queries = (
            AllowedQuery(register_name=call.register_name, operation=call.operation, purpose=call.purpose)
            for call in self.calls
        )
        return tuple(dict.fromkeys(queries))


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


def _reached(name: str, uses: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        new = uses.get(waiting.pop(), set()) - reached
        reached |= new
        waiting += new
    return reached


def canonical_facts(
    edition: Edition, facts: Mapping[str, JsonValue], streets: StreetRegister | None
) -> dict[str, JsonValue] | str:
    """The canonical values, None for a cleared answer; or what is wrong with the first invalid one."""
    defined = edition.facts_by_code
    canonical: dict[str, JsonValue] = {}
    for code, value in facts.items():
        fact = defined.get(code)
        if not fact:
            return "facts: this service does not ask for one of them"  # not which: its name is what somebody typed
        if value is None or fact.keep is FactRetention.NOT_STORED:
            canonical[code] = None
            continue
        checked = check_fact(fact, value, streets)
        if isinstance(checked, FactFault):
            return f"facts.{checked.inside(code).place}: {checked.sentence('en')}"
        canonical[code] = checked
    return canonical

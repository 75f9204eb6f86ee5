"""Which steps of its edition a case has done, and which step is next."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import takewhile

from wanderamt.kernel.refusal import Refusal

from intake.domain.case.state import BIRTH_DATE, Case
from intake.domain.catalogue.condition import MissingFact, evaluate
from intake.domain.catalogue.service_definition import Edition, Identification, RequiredDocument, Step
from intake.domain.catalogue.types import AGE_YEARS, APPLICATION_DAY, FactValue
from intake.domain.fees import Bill, price

FACT_PREFIX = "facts."

_I = Identification
SATISFIED_BY: dict[Identification, frozenset[Identification]] = {
    _I.NONE: frozenset(_I),
    _I.KNOWN: frozenset(_I) - {_I.NONE},
    _I.PHOTO_ID: frozenset({_I.PHOTO_ID, _I.PHOTO_ID_AND_SECOND_PROOF, _I.EID_HIGH, _I.REPRESENTATIVE}),
    _I.PHOTO_ID_AND_SECOND_PROOF: frozenset({_I.PHOTO_ID_AND_SECOND_PROOF, _I.EID_HIGH}),
    _I.EID_HIGH: frozenset({_I.EID_HIGH}),
    _I.REPRESENTATIVE: frozenset({_I.REPRESENTATIVE}),
}


@dataclass(frozen=True, slots=True)
class PendingStep:
    """A step that is not done. `missing`: what it needs, such as document codes or facts."""

    step: Step
    missing: tuple[str, ...] = ()


def facts_of_case(case: Case) -> dict[str, FactValue]:
    """The clerk's answers, and the facts that every case has."""
    facts: dict[str, FactValue] = {APPLICATION_DAY: case.application_day}
    for name, value in case.form.items():
        if name.startswith(FACT_PREFIX) and value is not None:
            facts[name.removeprefix(FACT_PREFIX)] = value
    born = case.form.get(BIRTH_DATE)
    if isinstance(born, date):
        before_birthday = (case.application_day.month, case.application_day.day) < (born.month, born.day)
        facts[AGE_YEARS] = case.application_day.year - born.year - before_birthday
    return facts


def next_pending_step(case: Case, edition: Edition, *, except_step: Step | None = None) -> PendingStep | None:
    """None if all steps at the desk are done; issuing the document comes after them."""
    return next(
        (pending for pending in _pending_steps(case, edition, edition.steps) if pending.step is not except_step), None
    )


def blocking_step(case: Case, edition: Edition, step: Step) -> PendingStep | None:
    """The pending step that must come first. It is never the register: the document is provisional until the answer."""
    earlier = takewhile(lambda other: other is not step, edition.steps)
    pending_steps = _pending_steps(case, edition, earlier)
    return next((pending for pending in pending_steps if pending.step is not Step.REGISTER), None)


def required_documents(case: Case, edition: Edition) -> tuple[list[RequiredDocument], list[str]]:
    """The documents that the citizen must bring, and the missing facts on which further documents depend."""
    if not any(document.when for document in edition.papers):
        return list(edition.papers), []
    facts = facts_of_case(case)
    needed, missing = [], []
    for document in edition.papers:
        applies = evaluate(document.when, facts)
        if isinstance(applies, MissingFact):
            missing.append(FACT_PREFIX + applies.fact)
        elif applies:
            needed.append(document)
    return needed, missing


def bill_of(case: Case, edition: Edition) -> Bill | Refusal:
    return price(edition, facts_of_case(case))


def _pending_steps(case: Case, edition: Edition, steps: Iterable[Step]) -> Iterator[PendingStep]:
    for step in steps:
        match step:
            case Step.IDENTIFY:
                if case.identified not in SATISFIED_BY[edition.identification]:
                    yield PendingStep(step, (edition.identification,))
            case Step.PAPERS:
                needed, missing = required_documents(case, edition)
                unseen = [document.code for document in needed if document.code not in case.documents_seen]
                if unseen or missing:
                    yield PendingStep(step, (*unseen, *missing))
            case Step.REGISTER:
                if not case.confirmed:
                    yield PendingStep(step, tuple(call.register_name for call in edition.calls))
            case Step.FEE:
                if not case.settled and _fee_due(case, edition):
                    yield PendingStep(step)
            case Step.ISSUE | Step.HAND_OVER:
                pass


def _fee_due(case: Case, edition: Edition) -> bool:
    """True also while a fact for the price is missing."""
    bill = bill_of(case, edition)
    return isinstance(bill, Refusal) or bill.total_cents > 0

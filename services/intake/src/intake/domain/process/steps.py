"""Which steps of its edition a case has behind it, and what it waits for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import takewhile

from wanderamt.kernel.refusal import Refusal

from intake.domain.catalogue.condition import Missing, holds
from intake.domain.catalogue.offer import Edition, Identification, Paper, Step
from intake.domain.catalogue.words import AGE_YEARS, APPLICATION_DAY, FactValue
from intake.domain.fees import Bill, price
from intake.domain.process.case import Case

FACT = "facts."
BIRTH_DATE = "applicant.birth_date"

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
class Waiting:
    """The first step that is not done, and what is missing for it."""

    step: Step
    missing: tuple[str, ...] = ()


def facts_of_case(case: Case) -> dict[str, FactValue]:
    """The clerk's answers with what is known of every case."""
    facts: dict[str, FactValue] = {APPLICATION_DAY: case.application_day}
    for name, value in case.form.items():
        if name.startswith(FACT) and value is not None:
            facts[name.removeprefix(FACT)] = value
    born = case.form.get(BIRTH_DATE)
    if isinstance(born, date):
        before_birthday = (case.application_day.month, case.application_day.day) < (born.month, born.day)
        facts[AGE_YEARS] = case.application_day.year - born.year - before_birthday
    return facts


def waiting_for(case: Case, edition: Edition, *, leaving_out: Step | None = None) -> Waiting | None:
    """None when every step that the desk can do is done; the paper itself comes after."""
    return next((one for one in _undone(case, edition, edition.steps) if one.step is not leaving_out), None)


def before(case: Case, edition: Edition, step: Step) -> Waiting | None:
    """What must be done before this step. The register need not have answered: the paper is provisional until then."""
    earlier = takewhile(lambda one: one is not step, edition.steps)
    return next((one for one in _undone(case, edition, earlier) if one.step is not Step.REGISTER), None)


def papers_of(case: Case, edition: Edition) -> tuple[list[Paper], list[str]]:
    """The papers that are needed, and the facts that are missing to know of others."""
    if not any(paper.when for paper in edition.papers):
        return list(edition.papers), []
    facts = facts_of_case(case)
    needed, missing = [], []
    for paper in edition.papers:
        applies = holds(paper.when, facts)
        if isinstance(applies, Missing):
            missing.append(FACT + applies.fact)
        elif applies:
            needed.append(paper)
    return needed, missing


def bill_of(case: Case, edition: Edition) -> Bill | Refusal:
    return price(edition, facts_of_case(case))


def _undone(case: Case, edition: Edition, steps: Iterable[Step]) -> Iterator[Waiting]:
    """Of these steps."""
    for step in steps:
        match step:
            case Step.IDENTIFY:
                if case.identified not in SATISFIED_BY[edition.identification]:
                    yield Waiting(step, (edition.identification,))
            case Step.PAPERS:
                needed, missing = papers_of(case, edition)
                unseen = [paper.code for paper in needed if paper.code not in case.papers]
                if unseen or missing:
                    yield Waiting(step, (*unseen, *missing))
            case Step.REGISTER:
                if not case.confirmed:
                    yield Waiting(step, tuple(call.register_name for call in edition.calls))
            case Step.FEE:
                if not case.settled and _owes(case, edition):
                    yield Waiting(step)
            case Step.ISSUE | Step.HAND_OVER:
                pass


def _owes(case: Case, edition: Edition) -> bool:
    """Whether there is a fee, as far as can be said."""
    bill = bill_of(case, edition)
    return isinstance(bill, Refusal) or bill.total_cents > 0

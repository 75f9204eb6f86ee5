"""Which steps of its edition a case has done, and which step is next."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from service_catalogue.conditions import MissingFact, evaluate
from service_catalogue.references import Values
from wanderamt.kernel.refusal import Refusal

from intake.domain.case.state import SETTLED, Case
from intake.domain.case.values import missing_facts, values_of
from intake.domain.catalogue.register_calls import RegisterCallKind
from intake.domain.catalogue.service_definition import FACT_PREFIX, Edition, Identification, RequiredDocument, Step
from intake.domain.fees import Bill, price

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


def pending_at_desk(case: Case, edition: Edition, values: Values) -> PendingStep | None:
    """The next step that the crew has to do before a command is sent: all but the register."""
    return next(_pending_steps(case, edition, edition.desk_steps, values), None)


def pending_before_lookups(case: Case, edition: Edition, values: Values) -> PendingStep | None:
    """A register is asked about a person whom the crew has identified."""
    return next(_pending_steps(case, edition, edition.steps_before[Step.REGISTER], values), None)


def blocking_step(case: Case, edition: Edition, step: Step) -> PendingStep | None:
    """The pending step that must come first. It is never the register: the crew does not wait for its answer."""
    earlier = edition.steps_before[step]
    return next(_pending_steps(case, edition, earlier, values_of(case, edition)), None) if earlier else None


def required_documents(case: Case, edition: Edition) -> tuple[list[RequiredDocument], list[str]]:
    """The documents that the citizen must bring, and the missing facts on which further documents depend."""
    if not any(document.when for document in edition.papers):
        return list(edition.papers), []
    return _required_documents(edition, values_of(case, edition))


def bill_of(case: Case, edition: Edition) -> Bill | Refusal:
    return price(edition, values_of(case, edition), case.application_day)


def unanswered(case: Case, edition: Edition, values: Values) -> list[str]:
    """Calls of the edition that apply, or may apply, and are not settled."""
    return [
        call.code
        for call in edition.calls
        if not ((state := case.calls.get(call.code)) and state.status in SETTLED)
        and evaluate(call.when, values) is not False
    ]


def commands_of(edition: Edition) -> list[str]:
    return [call.code for call in edition.calls if call.kind is RegisterCallKind.COMMAND]


def _required_documents(edition: Edition, values: Values) -> tuple[list[RequiredDocument], list[str]]:
    needed, missing = [], []
    for document in edition.papers:
        applies = evaluate(document.when, values)
        if isinstance(applies, MissingFact):
            missing.append(FACT_PREFIX + applies.fact)
        elif applies:
            needed.append(document)
    return needed, missing


def _pending_steps(case: Case, edition: Edition, steps: Iterable[Step], values: Values) -> Iterator[PendingStep]:
    for step in steps:
        match step:
            case Step.IDENTIFY:
                if case.identified not in SATISFIED_BY[edition.identification]:
                    yield PendingStep(step, (edition.identification,))
            case Step.PAPERS:
                needed, missing = _required_documents(edition, values)
                unseen = [document.code for document in needed if document.code not in case.documents_seen]
                if unseen or missing:
                    yield PendingStep(step, (*unseen, *missing))
            case Step.FEE:
                if not case.settled and _fee_due(case, edition, values):
                    yield PendingStep(step)
            case Step.ISSUE:
                if missing := missing_facts(edition, values):
                    yield PendingStep(step, tuple(missing))
            case Step.REGISTER | Step.HAND_OVER:
                pass


def _fee_due(case: Case, edition: Edition, values: Values) -> bool:
    """True also while a fact for the price is missing."""
    bill = price(edition, values, case.application_day)
    return isinstance(bill, Refusal) or bill.total_cents > 0

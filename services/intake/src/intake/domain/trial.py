"""Tries a service with typed answers, without a server: what it asks and costs, which questions registers get, and what
the paper says. For the domain expert who writes a service."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import count
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from service_catalogue.authority import Letterhead
from service_catalogue.conditions import evaluate
from wanderamt.contracts import Language, RegisterOutcome
from wanderamt.kernel.ids import CaseId, DeviceId, StandId
from wanderamt.kernel.refusal import Refusal

from intake.domain.case import crew_actions
from intake.domain.case.case_events import FieldValue, Paid, PaymentMethod, RegisterAsked, RequiredDocumentSeen
from intake.domain.case.crew_actions import NewCase
from intake.domain.case.explanations import explanation_of
from intake.domain.case.fold import apply, apply_all
from intake.domain.case.process import Answer, NewEvents, advance, question_of, record_answer
from intake.domain.case.state import Case
from intake.domain.case.steps import bill_of, required_documents
from intake.domain.case.values import ANSWER_PREFIX, missing_facts, values_of
from intake.domain.catalogue.catalogue import Catalogue, PinnedEdition
from intake.domain.catalogue.service_definition import Edition, Identification
from intake.domain.paper_composer import Issue, compose_paper
from intake.domain.printed_content import PrintedContent, printed_money

CLERK, PLACE = "clerk@try", "Hauptplatz"


class TrialAnswer(BaseModel):
    """What a register answers to a call: `{"answer": {...}}`, or `{"outcome": "refused", "code": "has-permit"}`."""

    model_config = ConfigDict(extra="forbid")

    outcome: RegisterOutcome = RegisterOutcome.CONFIRMED
    code: str = Field("", max_length=40)
    answer: dict[str, JsonValue] | None = None


class Trial(BaseModel):
    """What was typed at the stand, and what registers answer, by the code of the call."""

    model_config = ConfigDict(extra="forbid")

    language: Language = Language.DE
    applicant: dict[str, JsonValue] = Field(default_factory=dict)
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    answers: dict[str, TrialAnswer] = Field(default_factory=dict)


@dataclass
class TrialResult:
    """`lines`: what happened, in order. `paper`: None if there is none yet."""

    lines: list[str] = field(default_factory=list)
    paper: PrintedContent | None = None


def try_service(
    service: str, trial: Trial, catalogue: Catalogue, letterhead: Letterhead, *, now: datetime
) -> TrialResult:
    """Does at the desk all that the service needs, then gives the registers' answers as they are asked."""
    result = TrialResult()
    desk = _Desk(service, trial, catalogue, now)
    if isinstance(desk.opened, Refusal):
        result.lines.append(f"refused: {desk.opened.hint}")
        return result
    case, edition = desk.opened
    result.lines += _facts(case, edition)
    case = desk.work_at_desk(case, edition, result)
    case = desk.answer_registers(case, edition, result)
    result.lines.append(f"the case is {case.state}" + (f", because of {case.because}" if case.because else ""))
    if sentence := explanation_of(edition, case.because):
        result.lines.append(f"the citizen is told: {sentence.in_language(trial.language)}")
    paper = compose_paper(case, edition, Issue("MB-TRY-1", now, PLACE, letterhead))
    result.paper = paper.content if paper else None
    return result


class _Desk:
    def __init__(self, service: str, trial: Trial, catalogue: Catalogue, now: datetime) -> None:
        self._trial, self._now = trial, now
        self._numbers = count(1)
        form: dict[str, FieldValue] = {f"facts.{code}": value for code, value in trial.facts.items()}
        form |= {f"applicant.{name}": _field(name, value) for name, value in trial.applicant.items()}
        new = NewCase(service, trial.language, StandId(self._id()), DeviceId(self._id()), CLERK, now, None, form)
        self.opened = self._open(new, catalogue)

    def _open(self, new: NewCase, catalogue: Catalogue) -> tuple[Case, Edition] | Refusal:
        case_id = CaseId(self._id())
        events = crew_actions.open_case(case_id, None, new, catalogue, now=self._now)
        if isinstance(events, Refusal):
            return events
        case = apply_all(apply(None, events[0], case_id), events[1:])
        pinned = catalogue.pinned_edition(case.edition)
        return (case, pinned.edition) if isinstance(pinned, PinnedEdition) else pinned

    def work_at_desk(self, case: Case, edition: Edition, result: TrialResult) -> Case:
        if edition.identification is not Identification.NONE:
            case = self._take(case, crew_actions.identify(case, edition, edition.identification), result)
        for document in required_documents(case, edition)[0]:
            result.lines.append(f"to show: {document.titles.in_language(self._trial.language)}")
            seen = RequiredDocumentSeen(document.code, document.handling)
            case = self._take(case, crew_actions.record_document_seen(case, edition, seen), result)
        bill = bill_of(case, edition)
        if isinstance(bill, Refusal):
            result.lines.append(f"the fee is not known: {bill.hint}")
            return case
        for line in bill.lines:
            title = line.fee.titles.in_language(self._trial.language)
            result.lines.append(f"fee: {title}, {printed_money(line.cents, self._trial.language)} ({line.fee.law})")
        if bill.total_cents:
            paid = Paid(bill.total_cents, PaymentMethod.CASH, "BE-TRY-1")
            case = self._take(case, crew_actions.pay(case, edition, paid), result)
        return case

    def answer_registers(self, case: Case, edition: Edition, result: TrialResult) -> Case:
        while asked := [event for event in self._advance(case, edition) if isinstance(event, RegisterAsked)]:
            for event in asked:
                question = question_of(event, case, edition)
                result.lines.append(f"asked: {event.call} = {event.register_name} {event.operation} {question}")
            case = apply_all(case, asked)
            for event in asked:
                case = self._answer(case, edition, event, result)
        return apply_all(case, self._advance(case, edition))

    def _answer(self, case: Case, edition: Edition, asked: RegisterAsked, result: TrialResult) -> Case:
        typed = self._trial.answers.get(asked.call)
        if not typed or asked.undo:
            result.lines.append(f"no answer to {asked.call}: add it to the file under answers.{asked.call}")
            return case
        answer = Answer(asked.request_id, typed.outcome, typed.code, typed.answer)
        case = apply_all(case, record_answer(case, edition, answer, operators="operators", now=self._now))
        kept = case.form.get(ANSWER_PREFIX + asked.call)
        result.lines.append(f"answered: {asked.call} = {typed.outcome} {typed.code} {kept or ''}".rstrip())
        return case

    def _advance(self, case: Case, edition: Edition) -> NewEvents:
        return advance(case, edition, new_id=self._id, now=self._now)

    def _take(self, case: Case, events: NewEvents | Refusal, result: TrialResult) -> Case:
        if isinstance(events, Refusal):
            result.lines.append(f"refused: {events.hint}")
            return case
        return apply_all(case, events)

    def _id(self) -> UUID:
        return UUID(int=next(self._numbers))


def _facts(case: Case, edition: Edition) -> Iterator[str]:
    values = values_of(case, edition)
    for fact in edition.facts:
        if evaluate(fact.when, values) is True:
            answer = values.get(fact.code)
            yield f"fact {fact.code} ({fact.kind}): {'no answer' if answer is None else answer}"
    if missing := missing_facts(edition, values):
        yield f"missing: {', '.join(missing)}"


def _field(name: str, value: JsonValue) -> FieldValue:
    return date.fromisoformat(value) if name == "birth_date" and isinstance(value, str) else value

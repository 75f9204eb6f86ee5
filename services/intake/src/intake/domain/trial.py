"""Tries a service with typed answers, without a server: what it asks and costs, which questions registers get, what the
paper says, what the citizen must still do; then corrections and a withdrawal. For who writes a service."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from itertools import count
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from service_catalogue.authority import Letterhead
from service_catalogue.conditions import evaluate
from service_catalogue.local_calendar import LocalCalendar
from wanderamt.contracts import DueDateKind, Language, RegisterOutcome
from wanderamt.kernel.ids import CaseId, DeviceId, StandId
from wanderamt.kernel.refusal import Refusal

from intake.domain.case import back_office_actions, crew_actions
from intake.domain.case.case_events import FieldValue, Paid, PaymentMethod, RegisterAsked, RequiredDocumentSeen
from intake.domain.case.crew_actions import NewCase
from intake.domain.case.explanations import explanation_of
from intake.domain.case.fold import apply, apply_all
from intake.domain.case.obligations import due_dates_after
from intake.domain.case.process import Answer, NewEvents, advance, answer_faults, question_of, record_answer
from intake.domain.case.state import Case, CaseState, DueDate
from intake.domain.case.steps import bill_of, pending_at_desk, required_documents, unanswered
from intake.domain.case.values import ANSWER_PREFIX, missing_facts, values_of
from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.catalogue.service_definition import Edition, Identification
from intake.domain.paper_composer import Issue, compose_paper
from intake.domain.printed_content import PrintedContent, printed_money

CLERK, PLACE = "clerk@try", "Hauptplatz"


class TrialAnswer(BaseModel):
    """What a register answers to a call: `{"answer": {...}}`, or `{"outcome": "refused", "code": "has-permit"}`.
    `undo`: what it answers to the undoing of a command; without it, that it is undone."""

    model_config = ConfigDict(extra="forbid")

    outcome: RegisterOutcome = RegisterOutcome.CONFIRMED
    code: str = Field("", max_length=40)
    answer: dict[str, JsonValue] | None = None
    undo: "TrialAnswer | None" = None


class TrialCorrection(BaseModel):
    """The fields that change, and no others."""

    model_config = ConfigDict(extra="forbid")

    applicant: dict[str, JsonValue] = Field(default_factory=dict)
    facts: dict[str, JsonValue] = Field(default_factory=dict)


class TrialStep(BaseModel):
    """What happens afterwards: a correction, or the citizen withdraws. `answers`: instead of those of the trial."""

    model_config = ConfigDict(extra="forbid")

    correct: TrialCorrection | None = None
    withdraw: bool = False
    answers: dict[str, TrialAnswer] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_a_single_step(self) -> "TrialStep":
        if bool(self.correct) == self.withdraw:
            raise ValueError('give either "correct": {"facts": {...}} or "withdraw": true')
        return self


class Trial(BaseModel):
    """What was typed at the stand, what registers answer, by the code of the call, and what happens afterwards."""

    model_config = ConfigDict(extra="forbid")

    language: Language = Language.DE
    applicant: dict[str, JsonValue] = Field(default_factory=dict)
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    answers: dict[str, TrialAnswer] = Field(default_factory=dict)
    then: list[TrialStep] = Field(default_factory=list, max_length=20)


@dataclass
class TrialResult:
    """`lines`: what happened, in order. `paper`: None if there is none yet. `draft`: whether it is not issued."""

    lines: list[str] = field(default_factory=list)
    paper: PrintedContent | None = None
    draft: bool = True


def try_service(
    service: str, trial: Trial, catalogue: Catalogue, letterhead: Letterhead, *, now: datetime
) -> TrialResult:
    """Does at the desk all that the service needs, gives the registers' answers as they are asked, then the steps that
    follow."""
    result = TrialResult()
    desk = _Desk(trial, catalogue, result.lines, now)
    opened = desk.open(service)
    if isinstance(opened, Refusal):
        result.lines.append(_refused(opened))
        return result
    case, edition = opened
    result.lines += _facts(case, edition)
    case = desk.answer_registers(desk.work_at_desk(case, edition), edition)
    result.lines += _standing(case, edition, trial.language)
    for step in trial.then:
        case = desk.answer_registers(desk.follow(step, case, edition), edition)
        result.lines += _standing(case, edition, trial.language)
    paper = compose_paper(case, edition, Issue("MB-TRY-1", now, PLACE, letterhead))
    result.paper = paper.content if paper and not case.void else None
    result.draft = case.state is not CaseState.FINAL
    return result


@dataclass
class _Desk:
    """`lines`: receives what happens."""

    trial: Trial
    catalogue: Catalogue
    lines: list[str]
    now: datetime
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _answers: dict[str, TrialAnswer] = field(default_factory=dict)

    def open(self, service: str) -> tuple[Case, Edition] | Refusal:
        self._answers = dict(self.trial.answers)
        case_id, language, form = CaseId(self._id()), self.trial.language, _form(self.trial.applicant, self.trial.facts)
        new = NewCase(service, language, StandId(self._id()), DeviceId(self._id()), CLERK, self.now, None, form)
        events = crew_actions.open_case(case_id, None, new, self.catalogue, now=self.now)
        if isinstance(events, Refusal):
            return events
        case = apply_all(apply(None, events[0], case_id), events[1:])
        pinned = self.catalogue.pinned_edition(case.edition)
        if isinstance(pinned, Refusal):
            return pinned
        return self._with_due_dates(case, pinned.edition, events), pinned.edition

    def work_at_desk(self, case: Case, edition: Edition) -> Case:
        if case.ended:
            return case
        if edition.identification is not Identification.NONE:
            case = self._take(case, edition, crew_actions.identify(case, edition, edition.identification))
        for document in required_documents(case, edition)[0]:
            if document.code in case.documents_seen:
                continue
            self.lines.append(f"to {document.handling}: {document.titles.in_language(self.trial.language)}")
            seen = RequiredDocumentSeen(document.code, document.handling)
            case = self._take(case, edition, crew_actions.record_document_seen(case, edition, seen))
        return case if case.settled else self._pay(case, edition)

    def follow(self, step: TrialStep, case: Case, edition: Edition) -> Case:
        self._answers |= step.answers
        act = back_office_actions.withdraw
        if step.correct:
            typed = _form(step.correct.applicant, step.correct.facts)
            self.lines.append(f"corrected: {', '.join(typed)}")
            form = crew_actions.checked_form(typed, edition, self.catalogue)
            if isinstance(form, Refusal):
                return self._take(case, edition, form)
            act = partial(crew_actions.fill, edition=edition, fields=form)
        else:
            self.lines.append("withdrawn by the citizen")
        if not case.ended or not step.correct:
            return self.work_at_desk(self._take(case, edition, act(case)), edition)
        reopened = back_office_actions.reopen(case, by=CLERK, reason="try", now=self.now)
        events = back_office_actions.reopen_and_act(case, reopened, act)
        if not isinstance(events, Refusal):
            self.lines.append("the office has reopened the case")
        return self.work_at_desk(self._take(case, edition, events), edition)

    def answer_registers(self, case: Case, edition: Edition) -> Case:
        while asked := [event for event in self._advance(case, edition) if isinstance(event, RegisterAsked)]:
            for event in asked:
                question = question_of(event, case, edition)
                verb = "undone" if event.undo else "asked"
                self.lines.append(f"{verb}: {event.call} = {event.register_name} {event.operation} {question}")
            case = apply_all(case, asked)
            for event in asked:
                case = self._answer(case, edition, event)
        return self._take(case, edition, self._advance(case, edition))

    def _pay(self, case: Case, edition: Edition) -> Case:
        bill = bill_of(case, edition)
        if isinstance(bill, Refusal):
            self.lines.append(f"the fee is not known: {bill.hint}")
            return case
        for line in bill.lines:
            title = line.fee.titles.in_language(self.trial.language)
            self.lines.append(f"fee: {title}, {printed_money(line.cents, self.trial.language)} ({line.fee.law})")
        if not bill.total_cents:
            return case
        paid = Paid(bill.total_cents, PaymentMethod.CASH, "BE-TRY-1")
        return self._take(case, edition, crew_actions.pay(case, edition, paid))

    def _answer(self, case: Case, edition: Edition, asked: RegisterAsked) -> Case:
        typed = self._answers.get(asked.call)
        if asked.undo:
            typed = (typed.undo if typed else None) or TrialAnswer()
        if not typed:
            self.lines.append(f"no answer to {asked.call}: add it to the file under answers.{asked.call}")
            return case
        answer = Answer(asked.request_id, typed.outcome, typed.code, typed.answer)
        case = self._take(case, edition, record_answer(case, edition, answer, operators="operators", now=self.now))
        name = f"undoing {asked.call}" if asked.undo else asked.call
        kept = None if asked.undo else case.form.get(ANSWER_PREFIX + asked.call)
        parts = (typed.outcome, typed.code, str(kept or ""))
        self.lines.append(f"answered: {name} = {' '.join(part for part in parts if part)}")
        if typed.answer is not None and not asked.undo:
            for fact, fault in answer_faults(edition.calls_by_code[asked.call], typed.answer):
                self.lines.append(f"the answer is invalid: {fact.path}: {fault.sentence('en')}")
        return case

    def _advance(self, case: Case, edition: Edition) -> NewEvents:
        return advance(case, edition, new_id=self._id, now=self.now)

    def _take(self, case: Case, edition: Edition, events: NewEvents | Refusal) -> Case:
        if isinstance(events, Refusal):
            self.lines.append(_refused(events))
            return case
        return self._with_due_dates(apply_all(case, events), edition, events)

    def _with_due_dates(self, case: Case, edition: Edition, events: NewEvents) -> Case:
        return apply_all(case, due_dates_after(case, edition, events, now=self.now))

    def _id(self) -> UUID:
        return UUID(int=next(self._numbers))


def _refused(refusal: Refusal) -> str:
    return f"refused: {refusal.code}: {refusal.hint}"


def _facts(case: Case, edition: Edition) -> Iterator[str]:
    values = values_of(case, edition)
    for fact in edition.facts:
        if evaluate(fact.when, values) is True:
            answer = values.get(fact.code)
            yield f"fact {fact.code} ({fact.kind}): {'no answer' if answer is None else answer}"
    if missing := missing_facts(edition, values):
        yield f"missing: {', '.join(missing)}"


def _standing(case: Case, edition: Edition, language: Language) -> Iterator[str]:
    """Where the case stands, why, what is due, and what it waits for."""
    yield f"the case is {case.state}" + (f", because of {case.because}" if case.because else "")
    if sentence := explanation_of(edition, case.because):
        yield f"the citizen is told: {sentence.in_language(language)}"
    for due in case.due_dates:
        yield _due_date(due, edition.calendar)
    if case.ended:
        return
    values = values_of(case, edition)
    if pending := pending_at_desk(case, edition, values):
        yield f"waits for: {pending.step} {', '.join(pending.missing)}".rstrip()
    for code in unanswered(case, edition, values):
        state = case.calls.get(code)
        yield f"waits for: the call {code}, {state.status if state else 'not asked yet'}"


def _due_date(due: DueDate, calendar: LocalCalendar) -> str:
    day = f"{due.due_at.astimezone(calendar.zone):%Y-%m-%d %H:%M}"
    if due.kind is DueDateKind.DEADLINE:
        return f"deadline {due.code}: {day}, {'missed' if due.missed_at else 'kept'}"
    reminded = f", reminded of {calendar.day_of(due.remind_at)}" if due.remind_at else ""
    return f"to do {due.code}: until {day}{reminded}"


def _form(applicant: Mapping[str, JsonValue], facts: Mapping[str, JsonValue]) -> dict[str, FieldValue]:
    form: dict[str, FieldValue] = {f"facts.{code}": value for code, value in facts.items()}
    return form | {f"applicant.{name}": _field(name, value) for name, value in applicant.items()}


def _field(name: str, value: JsonValue) -> FieldValue:
    return date.fromisoformat(value) if name == "birth_date" and isinstance(value, str) else value

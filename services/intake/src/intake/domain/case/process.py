"""The process of a case over the registers: what follows by itself from where it stands, and from an answer.

Algorithm: a saga. The calls of the edition are asked in their order, lookups as soon as their questions can be built,
commands one after the other once all is done at the desk. When a call fails for good, the commands that were done are
undone in reverse. What is unknown, or a fault of ours, waits for an operator.

Invariants: at most one command of a case is on its way; a command is never sent twice without an undo in between; a
case that ended without success has its commands undone, or somebody who looks after that.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from pydantic import JsonValue
from service_catalogue.conditions import MissingFact, evaluate, references_of
from service_catalogue.facts.check import check_fact
from service_catalogue.facts.faults import FactFault
from service_catalogue.facts.models import FormFactKind
from service_catalogue.references import Values, name_of
from wanderamt.contracts import FAULTS_OF_OURS, RegisterOutcome, VisitReason
from wanderamt.kernel.ids import RequestId
from wanderamt.kernel.refusal import Refusal

from intake.domain.case.case_events import (
    CallBlocked,
    CallSkipped,
    CallUndone,
    CaseHistoryEvent,
    Compensated,
    FieldValue,
    Filled,
    Finished,
    RegisterAsked,
    RegisterConfirmed,
    SentToVisit,
)
from intake.domain.case.deadlines import refusing_deadline
from intake.domain.case.explanations import because_of_deadline, because_of_rule, because_of_verdict, verdict_rule
from intake.domain.case.fold import apply_all
from intake.domain.case.obligations import due_dates_after
from intake.domain.case.state import CallState, CallStatus, Case, CaseState
from intake.domain.case.steps import pending_at_desk, pending_before_lookups, unanswered
from intake.domain.case.values import ANSWER_PREFIX, answer_of, values_of
from intake.domain.catalogue.expressions import build_fields
from intake.domain.catalogue.register_calls import (
    APPLICANT_PREFIX,
    FOUND,
    AnswerFact,
    RegisterCall,
    RegisterCallKind,
    VerdictAction,
)
from intake.domain.catalogue.service_definition import AdmissionRule, Edition
from intake.domain.merge import FieldConflict

NewEvents = tuple[CaseHistoryEvent, ...]
NewId = Callable[[], UUID]
CaseAction = Callable[[Case, Edition], NewEvents | Refusal]

VISIT_DEADLINE = timedelta(days=14)
OPERATOR_DEADLINE = timedelta(days=1)
NOT_FOUND: Final = "not_found"
ANSWER_INVALID = "answer_invalid"  # not what the contract of the bridge promises


@dataclass(frozen=True, slots=True)
class Answer:
    """`code`: with which the register refused. `details`: what it answered."""

    request_id: RequestId
    outcome: RegisterOutcome
    code: str = ""
    details: Mapping[str, JsonValue] | None = None


class AppliedEntry(NamedTuple):
    """`conflicts`: fields that two devices changed; the rest of the entry is applied."""

    case: Case
    new_events: NewEvents
    conflicts: tuple[FieldConflict, ...] = ()


def run_actions(
    case: Case,
    edition: Edition,
    actions: list[CaseAction],
    *,
    new_id: NewId,
    now: datetime,
    new_events: NewEvents = (),
) -> AppliedEntry | Refusal:
    """Runs the actions in order, then what follows by itself. `new_events`: events before these actions."""
    events: list[CaseHistoryEvent] = list(new_events)
    for action in actions:
        outcome = action(case, edition)
        if isinstance(outcome, Refusal):
            return outcome
        case = apply_all(case, outcome)
        events += outcome
    following = advance(case, edition, new_id=new_id, now=now)
    case, events = apply_all(case, following), [*events, *following]
    due_dates = due_dates_after(case, edition, events, now=now)
    return AppliedEntry(apply_all(case, due_dates), (*events, *due_dates))


def advance(case: Case, edition: Edition, *, new_id: NewId, now: datetime) -> NewEvents:
    """The events that follow by themselves: calls that are asked, commands that are undone, or the case is finished."""
    if undo := _next_undo(case, edition, new_id=new_id, now=now):
        return undo
    if case.state not in {CaseState.OPEN, CaseState.PROVISIONAL} or _is_undoing(case):
        return ()
    if not edition.calls and not edition.admission:
        finished = case.state is CaseState.OPEN and not pending_at_desk(case, edition, values_of(case, edition))
        return (Finished(),) if finished else ()
    values = values_of(case, edition)
    denied = next(_broken_rules(edition, values, after_answers=True), None) if edition.admission else None
    if denied:
        return deny(case, VisitReason.REGISTER_REFUSED, because=because_of_rule(denied), now=now)
    if missed := refusing_deadline(case, edition, values):  # its date is in the answer of a register
        return deny(case, VisitReason.REGISTER_REFUSED, because=because_of_deadline(missed), now=now)
    asked = tuple(_asked(case, edition, values, new_id=new_id, now=now))
    if asked or case.state is not CaseState.OPEN:
        return asked
    if unanswered(case, edition, values) or pending_at_desk(case, edition, values):
        return ()
    admitted = all(evaluate(rule.require, values) is True for rule in edition.admission)
    return (Finished(),) if admitted else ()


def asks_for_applicant(asked: RegisterAsked, case: Case, edition: Edition) -> bool:
    """Whether `question_of` would be exactly the applicant's part of the form: most questions of a sync are."""
    fields = edition.calls_by_code[asked.call].applicant_fields
    if asked.undo or not fields:
        return False
    return all(value and name in fields for name, value in case.form.items() if name.startswith(APPLICANT_PREFIX))


def question_of(asked: RegisterAsked, case: Case, edition: Edition) -> dict[str, JsonValue]:
    """What the register is asked. A value that the case lost in the meantime is left out: the bridge says so."""
    call = edition.calls_by_code[asked.call]
    values = values_of(case, edition)
    question = call.question
    if asked.undo:
        values[call.code] = {FOUND: True} | answer_of(case, call)
        question = call.undo.question if call.undo else {}
    built = build_fields(question, values)
    return {} if isinstance(built, MissingFact) else built


def record_answer(case: Case, edition: Edition, answer: Answer, *, operators: str, now: datetime) -> NewEvents:
    """No events if the answer belongs to no open question: that was answered, outdated or timed out.

    `operators`: who looks after what is a fault of ours.
    """
    code = case.call_of(answer.request_id)
    call = edition.calls_by_code.get(code) if code else None
    if not code or not call:
        return ()
    state = case.calls[code]
    blocked = CallBlocked(code, answer.code or answer.outcome, operators, now + OPERATOR_DEADLINE)
    if state.status is CallStatus.UNDOING:
        gone = answer.outcome in {RegisterOutcome.CONFIRMED, RegisterOutcome.NOT_FOUND}
        return (CallUndone(code),) if gone else (blocked,)
    if answer.outcome is RegisterOutcome.CONFIRMED:
        return _confirmed(call, answer, blocked)
    if case.ended:
        return (CallUndone(code),)  # the command that was on its way wrote nothing
    if answer.outcome is RegisterOutcome.UNAVAILABLE:
        return (SentToVisit(VisitReason.REGISTER_UNAVAILABLE, now + VISIT_DEADLINE, code),)
    if answer.code in FAULTS_OF_OURS:
        return (blocked,)
    return _negative(case, edition, code, answer, now=now)


def answer_faults(call: RegisterCall, details: Mapping[str, JsonValue]) -> list[tuple[AnswerFact, FactFault]]:
    """What makes an answer invalid."""
    checked = ((fact, _checked(fact, details)) for fact in call.answer)
    return [(fact, fault) for fact, fault in checked if isinstance(fault, FactFault)]


def deny(case: Case, reason: VisitReason, *, now: datetime, call: str = "", because: str = "") -> NewEvents:
    """Compensates an applicant who holds a provisional document; asks all others to come again."""
    if case.provisional_document:
        return (Compensated(reason, case.paid_cents, call, because),)
    return (SentToVisit(reason, now + VISIT_DEADLINE, call, because),)


def broken_rule(edition: Edition, values: Values) -> AdmissionRule | None:
    """A rule of admission that the facts break, whatever registers will answer."""
    return next(_broken_rules(edition, values, after_answers=False), None)


def _confirmed(call: RegisterCall, answer: Answer, blocked: CallBlocked) -> NewEvents:
    values = _answer_values(call, answer.details)
    if values is None:
        return (CallBlocked(call.code, ANSWER_INVALID, blocked.owner, blocked.deadline),)
    fields: dict[str, FieldValue] = {ANSWER_PREFIX + call.code: values}
    confirmed = RegisterConfirmed(answer.request_id, call.code)
    return (Filled(fields), confirmed) if values else (confirmed,)


def _answer_values(call: RegisterCall, details: Mapping[str, JsonValue] | None) -> dict[str, JsonValue] | None:
    """The facts of the answer; none where an operator has confirmed the call. None: the answer is invalid."""
    values: dict[str, JsonValue] = {}
    if details is None:
        return values
    for fact in call.answer:
        checked = _checked(fact, details)
        if isinstance(checked, FactFault):
            return None
        if checked is not None:
            values[fact.code] = checked
    return values


def _checked(fact: AnswerFact, details: Mapping[str, JsonValue]) -> JsonValue | FactFault:
    typed: JsonValue = dict(details)
    for part in fact.path.split("."):
        typed = typed.get(part) if isinstance(typed, dict) else None
    return check_fact(fact, _named_parts(fact, typed))


def _named_parts(fact: AnswerFact, typed: JsonValue) -> JsonValue:
    """Rows of a group with the parts that the catalogue names: a register may answer more than that."""
    if fact.kind is not FormFactKind.GROUP or not isinstance(typed, list):
        return typed
    named = {part.code for part in fact.facts}
    return [
        {code: value for code, value in row.items() if code in named} if isinstance(row, dict) else row for row in typed
    ]


def _negative(case: Case, edition: Edition, code: str, answer: Answer, *, now: datetime) -> NewEvents:
    not_found = answer.outcome is RegisterOutcome.NOT_FOUND
    verdict = NOT_FOUND if not_found else answer.code
    rule = verdict_rule(edition, code, verdict)
    if rule and rule.then is VerdictAction.CONTINUE:
        return (CallSkipped(code),)
    reason = VisitReason.NOT_FOUND if not_found else VisitReason.REGISTER_REFUSED
    return deny(case, reason, call=code, because=because_of_verdict(code, verdict), now=now)


def _asked(case: Case, edition: Edition, values: Values, *, new_id: NewId, now: datetime) -> Iterator[RegisterAsked]:
    may_look_up: bool | None = None
    for call in edition.calls:
        state = case.calls.get(call.code)
        if state and state.status in {CallStatus.DONE, CallStatus.SKIPPED}:
            continue
        applies = evaluate(call.when, values)
        if applies is False:
            continue
        if call.kind is RegisterCallKind.COMMAND:
            if not state and applies is True and _may_command(case, edition, call, values):
                yield from _ask(call, values, new_id=new_id, now=now)
            return  # what comes after a command waits for it
        if state or applies is not True:
            continue
        if may_look_up is None:
            may_look_up = pending_before_lookups(case, edition, values) is None
        if may_look_up:
            yield from _ask(call, values, new_id=new_id, now=now)


def _ask(call: RegisterCall, values: Values, *, new_id: NewId, now: datetime) -> Iterator[RegisterAsked]:
    if not _can_ask(call, values):
        return
    yield RegisterAsked(
        request_id=RequestId(new_id()),
        register_name=call.register_name,
        operation=call.operation,
        purpose=call.purpose,
        deadline=now + timedelta(seconds=call.deadline_s),
        call=call.code,
        command=call.kind is RegisterCallKind.COMMAND,
    )


def _can_ask(call: RegisterCall, values: Values) -> bool:
    """Whether its question can be built."""
    if call.plain_names is not None:
        return call.plain_names <= values.keys()
    return not isinstance(build_fields(call.question, values), MissingFact)


def _may_command(case: Case, edition: Edition, call: RegisterCall, values: Values) -> bool:
    """A command comes last: nothing else may still go wrong at the desk or with what was asked before."""
    before = edition.calls[: edition.calls.index(call)]
    waiting = set(unanswered(case, edition, values)) & {earlier.code for earlier in before}
    if waiting or pending_at_desk(case, edition, values):
        return False
    return all(
        evaluate(rule.require, values) is True or _depends_on_later(rule, edition, call) for rule in edition.admission
    )


def _depends_on_later(rule: AdmissionRule, edition: Edition, call: RegisterCall) -> bool:
    later = {other.code for other in edition.calls[edition.calls.index(call) :]}
    return bool({name_of(reference) for reference in references_of(rule.require)} & later)


def _broken_rules(edition: Edition, values: Values, *, after_answers: bool) -> Iterator[AdmissionRule]:
    for rule in edition.admission:
        depends = {name_of(reference) for reference in references_of(rule.require)} & edition.calls_by_code.keys()
        if bool(depends) == after_answers and evaluate(rule.require, values) is False:
            yield rule


def _next_undo(case: Case, edition: Edition, *, new_id: NewId, now: datetime) -> NewEvents:
    """The undo of the command that was done last, if some are to be undone and none is on its way."""
    if not case.calls or _is_undoing(case) or not _undoes(case):
        return ()
    for call in reversed(edition.calls):
        state = case.calls.get(call.code)
        if not state or not state.in_register:
            continue
        if state.status in {CallStatus.ASKED, CallStatus.UNDO_BLOCKED}:
            return ()  # those before it wait for it
        if not case.void and case.denied is None and not _follows_undo(case, edition, call):
            continue
        return tuple(_ask_undo(call, state, values_of(case, edition), new_id=new_id, now=now))
    return ()


def _undoes(case: Case) -> bool:
    """Whether commands of it are to be undone: of a case without success all of them."""
    failed = case.void or (case.state is CaseState.NEEDS_VISIT and case.denied is not None)
    return failed or any(call.status is CallStatus.TO_UNDO for call in case.calls.values())


def _follows_undo(case: Case, edition: Edition, call: RegisterCall) -> bool:
    """Whether it, or a command before it, is to be undone: what comes after falls with it."""
    before = edition.calls[: edition.calls.index(call) + 1]
    states = (case.calls.get(earlier.code) for earlier in before)
    return any(state is not None and state.status is CallStatus.TO_UNDO for state in states)


def _ask_undo(
    call: RegisterCall, state: CallState, values: Values, *, new_id: NewId, now: datetime
) -> Iterator[RegisterAsked]:
    if not call.undo or state.status not in {CallStatus.DONE, CallStatus.TO_UNDO}:
        return
    yield RegisterAsked(
        request_id=RequestId(new_id()),
        register_name=call.register_name,
        operation=call.undo.operation,
        purpose=call.purpose,
        deadline=now + timedelta(seconds=call.deadline_s),
        call=call.code,
        command=True,
        undo=True,
    )


def _is_undoing(case: Case) -> bool:
    return bool(case.calls) and any(call.status is CallStatus.UNDOING for call in case.calls.values())

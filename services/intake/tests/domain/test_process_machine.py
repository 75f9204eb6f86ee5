"""Random histories of cases over registers that keep rows: none is doubled, forgotten or left without an owner."""

import os
from collections.abc import Mapping
from functools import partial

from case_under_test import LINZ, NOW, OPERATORS, PARKING, PERSON, RESIDENCE, CaseUnderTest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from intake.domain.case import back_office_actions, crew_actions
from intake.domain.case.case_events import FieldValue, Paid, PaymentMethod
from intake.domain.case.process import Answer, record_answer
from intake.domain.case.state import CallStatus, CaseState
from process_fixtures import KEEPER, MOVE, PERMIT, REGISTERED, C, N, R, U
from pydantic import JsonValue
from wanderamt.contracts import RegisterOutcome

EXAMPLES = int(os.environ.get("EXAMPLES", "150"))


class ProcessMachine(RuleBasedStateMachine):
    """A parking permit, or a registration, with registers that keep what commands wrote: rows never double, and none
    is left without a case or an owner."""

    @initialize(service=st.sampled_from(["resident_parking", "registration"]))
    def open(self, service: str) -> None:
        facts = PARKING if service == "resident_parking" else MOVE
        self.subject = CaseUnderTest(service, PERSON | facts)
        self.subject.finish_at_stand({})
        self.rows: dict[str, int] = {}

    @rule()
    def take_fee(self) -> None:
        paid = Paid(7540, PaymentMethod.CASH, "BE-1")
        self.subject.take(crew_actions.pay(self.subject.case, self.subject.edition, paid))

    @rule(data=st.data(), outcome=st.sampled_from([C, C, C, N, R, U]), code=st.sampled_from(["", "f438", "no_bridge"]))
    def answer(self, data: st.DataObject, outcome: RegisterOutcome, code: str) -> None:
        waiting = self.subject.waiting()
        if not waiting:
            return
        call = data.draw(st.sampled_from(waiting))
        state = self.subject.case.calls[call]
        if outcome is C and state.command:
            self.rows[call] = self.rows.get(call, 0) + (-1 if state.status is CallStatus.UNDOING else 1)
        elif outcome is N and state.status is CallStatus.UNDOING:
            self.rows[call] = 0  # the register says that its row is gone already
        details: Mapping[str, Mapping[str, JsonValue]] = {
            "residence": RESIDENCE,
            "keeper": KEEPER,
            "zone": {"zone": "B"},
            "former_permit": {"number": "P-7"},
            "permit": PERMIT,
            "registration": REGISTERED,
        }
        self.subject.answer(call, outcome, code if outcome is R else "", details[call] if outcome is C else None)

    @rule()
    def answer_twice(self) -> None:
        for call in self.subject.case.calls.values():
            if call.request_id and call.status not in (CallStatus.ASKED, CallStatus.UNDOING):
                answer = Answer(call.request_id, C)
                events = record_answer(self.subject.case, self.subject.edition, answer, operators=OPERATORS, now=NOW)
                assert events == ()

    @rule(number=st.sampled_from("123"), plate=st.sampled_from(["L-123AB", "L-124AB"]))
    def correct(self, number: str, plate: str) -> None:
        fields: dict[str, FieldValue] = (
            {"facts.plate": {"country": "AT", "text": plate}}
            if self.subject.case.service == "resident_parking"
            else {"facts.address": LINZ | {"number": number}}
        )
        self.subject.fill(fields)

    @rule()
    def ask_again(self) -> None:
        self.subject.take(crew_actions.ask_again(self.subject.case))

    @rule()
    def reopen(self) -> None:
        self.subject.take(back_office_actions.reopen(self.subject.case, by="office", reason="a look", now=NOW))

    @rule(often=st.integers(0, 4))
    def withdraw(self, often: int) -> None:
        if not often:
            self.subject.take(back_office_actions.withdraw(self.subject.case))

    @rule(number=st.sampled_from("123"), plate=st.sampled_from(["L-123AB", "L-124AB"]))
    def correct_with_reopening(self, number: str, plate: str) -> None:
        subject = self.subject
        parks = subject.case.service == "resident_parking"
        fields: dict[str, FieldValue] = (
            {"facts.plate": {"country": "AT", "text": plate}} if parks else {"facts.address": LINZ | {"number": number}}
        )
        reopened = back_office_actions.reopen(subject.case, by="office", reason="wrong", now=NOW)
        act = partial(crew_actions.fill, edition=subject.edition, fields=fields)
        subject.take(back_office_actions.reopen_and_act(subject.case, reopened, act))

    @invariant()
    def no_row_is_doubled_or_forgotten(self) -> None:
        if not hasattr(self, "subject"):
            return
        case = self.subject.case
        assert all(count in (0, 1) for count in self.rows.values())
        commands = [call for call in case.calls.values() if call.command and call.status is CallStatus.ASKED]
        assert len(commands) <= 1
        for call, count in self.rows.items():
            state = case.calls.get(call)
            if count:
                assert state
                assert state.in_register
                assert case.state is CaseState.FINAL or case.deadline
        if case.state is CaseState.FINAL:
            assert self.rows[self.subject.edition.calls[-1].code] == 1
            assert case.denied is None


TestProcessMachine = ProcessMachine.TestCase
TestProcessMachine.settings = settings(max_examples=EXAMPLES, stateful_step_count=30, deadline=None)

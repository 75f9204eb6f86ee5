"""The process of a case over several registers: what is asked when, what a correction repeats, what is undone."""

import os
from collections.abc import Mapping
from functools import partial

import pytest
from case_under_test import LINZ, NOW, OPERATORS, PARKING, PERSON, RESIDENCE, CaseUnderTest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from intake.domain.case import back_office_actions, crew_actions
from intake.domain.case.case_events import FieldValue, Paid, PaymentMethod, RegisterAsked, SentToVisit
from intake.domain.case.process import Answer, asks_for_applicant, question_of, record_answer
from intake.domain.case.state import BPK, CallStatus, CaseState
from intake.domain.catalogue.service_definition import Identification
from intake.domain.refusals import COMMAND_ON_ITS_WAY
from pydantic import JsonValue
from wanderamt.contracts import RegisterOutcome
from wanderamt.kernel.refusal import Refusal

EXAMPLES = int(os.environ.get("EXAMPLES", "150"))
C, N, R, U = (
    RegisterOutcome.CONFIRMED,
    RegisterOutcome.NOT_FOUND,
    RegisterOutcome.REFUSED,
    RegisterOutcome.UNAVAILABLE,
)
KEEPER: dict[str, JsonValue] = {
    "keeper": {"family_name": "HADŽIĆ", "given_name": "Zoë", "birth": "1990-04-01"},
    "max_mass_kg": 1600,
}
PERMIT: dict[str, JsonValue] = {"number": "P-000001", "valid_until": "2027-05-04"}
MOVE: dict[str, FieldValue] = {
    "facts.moved_on": "2026-05-03",
    "facts.address": LINZ,
    "facts.dwelling": "main",
    "facts.came_from": "first",
    "facts.nationality": "AT",
    "facts.owner_of_dwelling": True,
    "facts.foreign_document_shown": False,
}
REGISTERED: dict[str, JsonValue] = {"registration_number": "M-1", "registered_since": "2026-05-03"}


def parking(**facts: FieldValue) -> CaseUnderTest:
    form = PERSON | PARKING | {f"facts.{code}": value for code, value in facts.items()}
    subject = CaseUnderTest("resident_parking", form)
    subject.finish_at_stand({})
    return subject


def pay(subject: CaseUnderTest) -> None:
    assert subject.take(crew_actions.pay(subject.case, subject.edition, Paid(7540, PaymentMethod.CASH, "BE-1"))) is None


def looked_up(subject: CaseUnderTest) -> None:
    subject.answer("residence", C, details=RESIDENCE)
    subject.answer("keeper", C, details=KEEPER)
    subject.answer("former_permit", N)
    subject.answer("zone", C, details={"zone": "B"})


def asked_last(subject: CaseUnderTest, call: str) -> RegisterAsked:
    return next(event for event in reversed(subject.history) if isinstance(event, RegisterAsked) and event.call == call)


def question(subject: CaseUnderTest, call: str) -> dict[str, JsonValue]:
    return question_of(asked_last(subject, call), subject.case, subject.edition)


def test_lookups_are_asked_as_soon_as_their_questions_are_known_and_the_command_last() -> None:
    subject = parking()
    assert subject.waiting() == ["residence", "keeper", "former_permit"]
    subject.answer("residence", C, details=RESIDENCE)
    assert subject.waiting() == ["keeper", "former_permit", "zone"]
    assert question(subject, "zone") == {"postal_code": "4020", "street": "Hauptplatz", "number": "1"}
    subject.answer("keeper", C, details=KEEPER)
    subject.answer("former_permit", N)
    subject.answer("zone", C, details={"zone": "B"})
    assert subject.waiting() == []  # nothing is written before the fee is paid
    pay(subject)
    assert subject.waiting() == ["permit"]
    assert question(subject, "permit") == {
        "plate": "L-123AB",
        "zone": "B",
        "family_name": "Hadžić",
        "given_name": "Zoë",
        "birth": "1990-04-01",
        "valid_from": "2026-05-04",
        "months": 12,
    }
    subject.answer("permit", C, details=PERMIT)
    assert subject.case.state is CaseState.FINAL
    assert subject.case.form["answers.permit"] == {"permit_number": "P-000001", "valid_until": "2027-05-04"}


def test_a_reopened_case_does_not_ask_what_its_own_order_has_changed() -> None:
    subject = parking()
    looked_up(subject)
    pay(subject)
    subject.answer("permit", C, details=PERMIT)
    subject.take(back_office_actions.reopen(subject.case, by="office", reason="wrong language", now=NOW))
    assert subject.waiting() == []  # `former_permit` would be the permit of this case
    assert subject.case.state is CaseState.FINAL
    reopened = back_office_actions.reopen(subject.case, by="office", reason="wrong plate", now=NOW)
    plate: dict[str, FieldValue] = {"facts.plate": {"country": "AT", "text": "L-999XY"}}
    subject.take(
        back_office_actions.reopen_and_act(
            subject.case, reopened, lambda case: crew_actions.fill(case, subject.edition, plate)
        )
    )
    assert subject.waiting() == ["permit"]  # its undoing first
    subject.answer("permit", C)
    assert subject.waiting() == ["keeper"]  # what the plate changes
    subject.answer("keeper", C, details=KEEPER)
    assert question(subject, "permit")["plate"] == "L-999XY"
    reopened = back_office_actions.reopen(subject.case, by="office", reason="not needed", now=NOW)
    assert isinstance(reopened, Refusal)  # it has not ended
    subject.answer("permit", C, details=PERMIT)
    reopened = back_office_actions.reopen(subject.case, by="office", reason="not needed", now=NOW)
    subject.take(back_office_actions.reopen_and_act(subject.case, reopened, back_office_actions.withdraw))
    assert (subject.case.state, subject.waiting()) == (CaseState.WITHDRAWN, ["permit"])
    assert asked_last(subject, "permit").operation == "revoke_permit"


def test_what_a_row_of_a_group_leaves_out_holds_up_nothing() -> None:
    items: list[JsonValue] = [{"category": "keys", "description": "drei Schlüssel"}]
    facts: dict[str, FieldValue] = {"items": items, "found_on": "2026-05-03", "found_at": "Bus", "wants_reward": False}
    subject = CaseUnderTest("found_property_report", PERSON | {f"facts.{code}": value for code, value in facts.items()})
    assert subject.waiting() == ["find"]
    assert question(subject, "find")["items"] == items


def test_rows_of_an_answer_may_say_more_than_the_service_wants_to_know() -> None:
    subject = CaseUnderTest("household_confirmation")
    assert subject.take(crew_actions.identify(subject.case, subject.edition, Identification.PHOTO_ID)) is None
    member: dict[str, JsonValue] = {"family_name": "Hadžić", "given_name": "Zoë", "birth": "1990-04-01"}
    more: dict[str, JsonValue] = {"kind": "main", "registered_since": "2012-05-02"}
    subject.answer("household", C, details={"address": LINZ, "members": [member | more]})
    assert subject.case.calls["household"].status is CallStatus.DONE
    assert subject.case.form["answers.household"] == {"address": LINZ, "members": [member]}


@pytest.mark.parametrize(
    ("service", "added", "whole"),
    [
        ("registration_confirmation", {}, True),
        ("registration_confirmation", {BPK: "MswQO/UhO5RG+nR+klaOTsVY+CU="}, False),
        ("resident_parking", PARKING, False),
    ],
)
def test_the_part_of_the_form_about_the_applicant_is_the_question_only_if_both_are_equal(
    service: str, added: dict[str, FieldValue], *, whole: bool
) -> None:
    subject = CaseUnderTest(service, PERSON | added)
    subject.finish_at_stand({})
    call = "keeper" if service == "resident_parking" else "residence"
    names = {name.removeprefix("applicant.") for name in subject.case.form if name.startswith("applicant.")}
    assert asks_for_applicant(asked_last(subject, call), subject.case, subject.edition) == whole
    assert (question(subject, call).keys() == names) == whole


def test_a_family_is_asked_about_in_one_question() -> None:
    child: JsonValue = {"person": {"family_name": "Hadžić", "given_name": "Lea", "birth": "2020", "nationality": "AT"}}
    subject = CaseUnderTest("registration", PERSON | MOVE | {"facts.family": [child]})
    subject.finish_at_stand({})
    subject.answer("residence", N)  # nobody yet: it is a new registration
    assert subject.waiting() == ["registration"]
    people = question(subject, "registration")["people"]
    assert people == [
        {"family_name": "Hadžić", "given_name": "Zoë", "birth": "1990-04-01", "nationality": "AT"},
        {"family_name": "Hadžić", "given_name": "Lea", "birth": "2020", "nationality": "AT"},
    ]
    subject.answer("registration", C, details=REGISTERED)
    assert subject.case.state is CaseState.FINAL


def test_a_corrected_plate_asks_again_what_depends_on_it_and_nothing_else() -> None:
    subject = parking()
    subject.answer("residence", C, details=RESIDENCE)
    subject.answer("keeper", N)
    assert subject.case.state is CaseState.NEEDS_VISIT
    assert subject.case.because == "keeper:not_found"
    assert subject.fill({"facts.plate": {"country": "AT", "text": "L-124AB"}}) is None
    assert subject.case.calls["residence"].status is CallStatus.DONE
    assert set(subject.waiting()) == {"keeper", "former_permit", "zone"}
    assert question(subject, "keeper") == {"country": "AT", "plate": "L-124AB"}


def test_an_answer_that_breaks_a_rule_of_admission_has_its_sentence() -> None:
    subject = parking()
    subject.answer("residence", C, details=RESIDENCE | {"kind": "secondary"})
    assert subject.case.state is CaseState.NEEDS_VISIT
    assert subject.case.because == "rule:main_residence"


def test_facts_that_break_a_rule_are_refused_and_change_nothing() -> None:
    subject = CaseUnderTest("resident_parking", PERSON)
    before = subject.case
    refusal = subject.fill(PARKING | {"facts.own_parking_place": True})
    assert refusal
    assert refusal.code == "admission.no_own_place"
    assert "Stellplatz" in refusal.hint
    assert subject.case == before


def test_a_withdrawn_case_undoes_what_was_written() -> None:
    subject = parking()
    looked_up(subject)
    pay(subject)
    assert subject.take(back_office_actions.withdraw(subject.case)) is None
    assert subject.waiting() == ["permit"]  # the command is on its way: what it writes has to be known
    assert subject.case.deadline
    subject.answer("permit", C, details=PERMIT)
    assert subject.case.calls["permit"].status is CallStatus.UNDOING
    assert question(subject, "permit") == {"number": "P-000001"}
    subject.answer("permit", C)
    assert "permit" not in subject.case.calls
    assert subject.case.state is CaseState.WITHDRAWN
    assert subject.case.deadline is None


def test_an_undo_that_fails_has_an_owner() -> None:
    subject = parking()
    looked_up(subject)
    pay(subject)
    subject.take(back_office_actions.withdraw(subject.case))
    subject.answer("permit", C, details=PERMIT)
    subject.answer("permit", U)
    blocked = subject.case.calls["permit"]
    assert blocked.status is CallStatus.UNDO_BLOCKED
    assert subject.case.owner == OPERATORS
    assert subject.case.deadline
    assert subject.take(crew_actions.ask_again(subject.case)) is None
    assert subject.case.calls["permit"].status is CallStatus.UNDOING


def test_a_fact_of_a_written_command_is_corrected_by_undo_and_a_new_command() -> None:
    subject = CaseUnderTest("registration", PERSON | MOVE)
    subject.finish_at_stand({})
    subject.answer("residence", C, details=RESIDENCE)
    correction: dict[str, FieldValue] = {"facts.address": LINZ | {"number": "2"}}
    assert subject.fill(correction) is COMMAND_ON_ITS_WAY
    subject.answer("registration", U)
    assert subject.case.state is CaseState.NEEDS_VISIT
    assert subject.fill(correction) is None
    assert subject.waiting() == ["registration"]
    address = question(subject, "registration")["address"]
    assert isinstance(address, dict)
    assert address["number"] == "2"


def test_a_fault_of_ours_is_no_refusal_and_has_an_owner() -> None:
    subject = parking()
    subject.answer("residence", R, "no_purpose")
    assert subject.case.state is CaseState.PROVISIONAL
    assert subject.case.calls["residence"].status is CallStatus.BLOCKED
    assert subject.case.owner == OPERATORS
    assert subject.case.holds_typed_text  # an owner that is no account
    assert not [event for event in subject.history if isinstance(event, SentToVisit)]
    subject.answer("keeper", C, details=KEEPER)
    subject.answer("former_permit", N)
    assert subject.case.state is CaseState.PROVISIONAL
    assert subject.take(crew_actions.ask_again(subject.case)) is None
    assert "residence" in subject.waiting()


def test_an_answer_of_another_form_than_promised_is_a_fault_of_ours() -> None:
    subject = parking()
    subject.answer("residence", C, details={"municipality": 7})
    assert subject.case.calls["residence"].status is CallStatus.BLOCKED


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
            self.rows[call] = 0  # somebody has removed it at the register
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

    @rule(often=st.integers(0, 4))
    def withdraw(self, often: int) -> None:
        if not often:
            self.subject.take(back_office_actions.withdraw(self.subject.case))

    @rule(number=st.sampled_from("123"), plate=st.sampled_from(["L-123AB", "L-124AB"]), withdraws=st.booleans())
    def reopen(self, number: str, plate: str, *, withdraws: bool) -> None:
        subject = self.subject
        parks = subject.case.service == "resident_parking"
        fields: dict[str, FieldValue] = (
            {"facts.plate": {"country": "AT", "text": plate}} if parks else {"facts.address": LINZ | {"number": number}}
        )
        reopened = back_office_actions.reopen(subject.case, by="office", reason="wrong", now=NOW)
        act = (
            back_office_actions.withdraw
            if withdraws
            else partial(crew_actions.fill, edition=subject.edition, fields=fields)
        )
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

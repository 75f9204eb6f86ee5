"""The process of a case over several registers: what is asked when, what a correction repeats, what is undone."""

import os

import pytest
from case_under_test import LINZ, OPERATORS, PARKING, PERSON, RESIDENCE, CaseUnderTest
from intake.domain.case import back_office_actions, crew_actions
from intake.domain.case.case_events import FieldValue, SentToVisit
from intake.domain.case.process import asks_for_applicant
from intake.domain.case.state import BPK, CallStatus, CaseState
from intake.domain.catalogue.service_definition import Identification
from intake.domain.refusals import COMMAND_ON_ITS_WAY
from process_fixtures import KEEPER, MOVE, PERMIT, REGISTERED, C, N, R, U, asked_last, looked_up, parking, pay, question
from pydantic import JsonValue

EXAMPLES = int(os.environ.get("EXAMPLES", "150"))


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

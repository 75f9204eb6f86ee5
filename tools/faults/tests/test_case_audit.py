"""What the audit of a case says of each difference between case, register and paper."""

from dataclasses import replace
from datetime import date

import pytest
from case_under_test import PARKING, PERSON, RESIDENCE, CaseUnderTest
from intake.domain.case import back_office_actions, crew_actions
from intake.domain.case.case_events import Paid, PaymentMethod, RegisterAsked
from pydantic import JsonValue
from wanderamt.contracts import RegisterOutcome
from wanderamt_faults.case_audit import CaseEvidence, audit_case, sent_twice
from wanderamt_faults.case_rows import RegisterEntry
from wanderamt_faults.case_scripts import script_of

CONFIRMED, NOT_FOUND = RegisterOutcome.CONFIRMED, RegisterOutcome.NOT_FOUND
KEEPER: dict[str, JsonValue] = {
    "keeper": {"family_name": "HADŽIĆ", "given_name": "Zoë", "birth": "1990-04-01"},
    "max_mass_kg": 1600,
}
PERMIT: dict[str, JsonValue] = {"number": "P-000001", "valid_until": "2027-05-04"}
ROW = RegisterEntry("P-000001", ("Zoë", "1990-04-01", "L-123AB", "B", "2027-05-04"))
PAPER = "Bewohnerparkkarte P-000001\nL-123AB Zone B\nHauptplatz 1\n04.05.2027"
SCRIPT = replace(script_of(1, date(2026, 5, 4)), own_plates=frozenset({"L-123AB"}))


def asked_for_a_permit() -> CaseUnderTest:
    subject = CaseUnderTest("resident_parking", PERSON | PARKING)
    subject.finish_at_stand({})
    subject.answer("residence", CONFIRMED, details=RESIDENCE)
    subject.answer("keeper", CONFIRMED, details=KEEPER)
    subject.answer("former_permit", NOT_FOUND)
    subject.answer("zone", CONFIRMED, details={"zone": "B"})
    paid = Paid(7540, PaymentMethod.CASH, "BE-1")
    assert subject.take(crew_actions.pay(subject.case, subject.edition, paid)) is None
    return subject


def granted() -> CaseUnderTest:
    subject = asked_for_a_permit()
    subject.answer("permit", CONFIRMED, details=PERMIT)
    return subject


def kinds(subject: CaseUnderTest, rows: list[RegisterEntry], papers: list[str]) -> list[str]:
    complaints = audit_case(CaseEvidence(SCRIPT, subject.case, subject.history, rows, papers))
    return sorted({complaint.kind for complaint in complaints})


def test_a_case_that_agrees_with_register_and_paper_is_clean() -> None:
    assert kinds(granted(), [ROW], [PAPER]) == []
    assert kinds(granted(), [ROW, replace(ROW, number="P-000000", undone=True)], [PAPER]) == []


@pytest.mark.parametrize(
    ("rows", "papers", "expected"),
    [
        ([ROW, replace(ROW, number="P-000002")], [PAPER], ["doubled"]),
        ([], [PAPER], ["half done"]),
        ([replace(ROW, undone=True)], [PAPER], ["half done"]),
        ([replace(ROW, number="P-000002")], [PAPER], ["half done"]),
        ([ROW], [], ["wrong paper"]),
        ([ROW], [PAPER, PAPER], ["wrong paper"]),
        ([ROW], [PAPER.replace("L-123AB", "L-124AB")], ["wrong paper"]),
        ([ROW], [PAPER.replace("P-000001", "")], ["wrong paper"]),
    ],
)
def test_each_difference_has_its_kind(rows: list[RegisterEntry], papers: list[str], expected: list[str]) -> None:
    assert kinds(granted(), rows, papers) == expected


def test_a_command_on_its_way_needs_a_request_that_somebody_works_on() -> None:
    subject = asked_for_a_permit()
    assert subject.take(back_office_actions.withdraw(subject.case)) is None
    evidence = CaseEvidence(SCRIPT, subject.case, subject.history, [ROW], [])
    assert [complaint.kind for complaint in audit_case(evidence)] == ["half done"]
    request_id = subject.case.calls["permit"].request_id
    assert request_id
    assert audit_case(replace(evidence, open_requests={request_id})) == []
    subject.answer("permit", CONFIRMED, details=PERMIT)
    subject.answer("permit", CONFIRMED)
    assert kinds(subject, [replace(ROW, undone=True)], []) == []
    assert kinds(subject, [ROW], []) == ["half done"]
    assert kinds(subject, [replace(ROW, undone=True)], [PAPER]) == ["wrong paper"]


def test_a_command_is_sent_again_only_after_an_undo() -> None:
    history = granted().history
    assert not sent_twice(history)
    [command] = [event for event in history if isinstance(event, RegisterAsked) and event.command]
    assert sent_twice([*history, command])

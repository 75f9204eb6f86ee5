"""What the crew reads to the citizen of the answers of registers."""

from case_under_test import LINZ, PERSON, RESIDENCE, CaseUnderTest
from intake.domain.answer_review import reviewed_answers
from pydantic import JsonValue
from wanderamt.contracts import RegisterOutcome


def test_each_row_of_a_group_is_read_as_one_line() -> None:
    subject = CaseUnderTest("household_confirmation", PERSON)
    subject.finish_at_stand({})
    members: list[JsonValue] = [
        {"family_name": "Hadžić", "given_name": "Zoë", "birth": "1990-04-01"},
        {"family_name": "Hadžić", "birth": "2015"},
    ]
    [call] = subject.waiting()
    subject.answer(call, RegisterOutcome.CONFIRMED, details=RESIDENCE | {"address": LINZ, "members": members})
    [answer] = reviewed_answers(subject.case, subject.edition)
    lines = [(row.titles.de, row.value) for row in answer.rows]
    assert lines == [
        ("Anschrift", "Hauptplatz 1, 4020 Linz"),
        ("Gemeldete Personen", "Hadžić, Zoë, 01.04.1990"),
        ("Gemeldete Personen", "Hadžić, 2015"),
    ]

"""The checks of the demo detect each kind of loss and duplication."""

from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.trace import INVALID_SPAN
from uuid_utils.compat import uuid7
from wanderamt_local.demo.device import DemoEntry
from wanderamt_local.demo.result import DemoObservations, evaluate

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)

EMPTY_REGISTERS: dict[str, dict[str, list[dict[str, Any]]]] = {
    "residents": {"people": [], "residences": []},
    "parking": {"permits": []},
    "dogs": {"dogs": []},
    "lost_property": {"found": [], "lost": []},
    "electoral_roll": {"cards": []},
    "social": {"passes": []},
}


def morning() -> tuple[list[DemoEntry], dict[str, Any]]:
    body = {"service": "advice", "contact": {}}
    entries = [DemoEntry(uuid7(), {"body": body}, NOW, False, "", INVALID_SPAN) for _ in range(2)]
    cases = [
        {"case_id": str(entry.case_id), "state": "final", "document_number": f"MB-{index}"}
        for index, entry in enumerate(entries)
    ]
    return entries, {
        "cases": cases,
        "notices": {"sent": 2},
        "sms": [{"to": "+431", "text": "a"}],
        "mails": {"m": 1},
        "pdfs": {case["case_id"]: b"" for case in cases},
        "valid_documents": 2,
        "expected_notices": 2,
        "notified_cases": 2,
        "tables": EMPTY_REGISTERS,
        "titles": {case["case_id"]: "Bestätigung der Vorsprache" for case in cases},
    }


def test_a_morning_without_faults_has_no_problem() -> None:
    entries, observed = morning()
    assert evaluate(entries, DemoObservations(**observed), {}).problems == []


@pytest.mark.parametrize(
    "fault",
    [
        {"cases": []},
        {"pdfs": {}},
        {"valid_documents": 1},
        {"mails": {}},
        {"mails": {"m": 2}},
        {"sms": [{"to": "+431", "text": "a"}, {"to": "+431", "text": "a"}]},
        {"notices": {"sent": 1}},
        {"notified_cases": 1},
        {"notices": {"sent": 3}},
        {"tables": EMPTY_REGISTERS | {"social": {"passes": [{"number": "AP-1", "withdrawn": False}]}}},
    ],
    ids=str,
)
def test_a_lost_or_duplicated_case_document_or_notice_is_a_problem(fault: dict[str, Any]) -> None:
    entries, observed = morning()
    assert evaluate(entries, DemoObservations(**(observed | fault)), {}).problems


def test_a_case_that_ended_otherwise_than_expected_is_a_problem() -> None:
    entries, observed = morning()
    entries[0].expect = "needs_visit"
    assert evaluate(entries, DemoObservations(**observed), {}).problems


def test_the_figures_of_a_service_name_its_papers() -> None:
    entries, observed = morning()
    [advice] = evaluate(entries, DemoObservations(**observed), {}).services
    assert (advice.service, advice.cases, advice.finished_on_the_spot) == ("advice", 2, 2)
    assert (advice.register_rows, advice.papers) == (0, ["Bestätigung der Vorsprache"])

"""The checks of the demo detect each kind of loss and duplication."""

from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.trace import INVALID_SPAN
from uuid_utils.compat import uuid7
from wanderamt_local.demo.device import DemoEntry
from wanderamt_local.demo.result import DemoObservations, evaluate

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


def morning() -> tuple[list[DemoEntry], dict[str, Any]]:
    entries = [DemoEntry(uuid7(), {"body": {"contact": {}}}, NOW, False, "", INVALID_SPAN) for _ in range(2)]
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
    ],
    ids=str,
)
def test_a_lost_or_duplicated_case_document_or_notice_is_a_problem(fault: dict[str, Any]) -> None:
    entries, observed = morning()
    assert evaluate(entries, DemoObservations(**(observed | fault)), {}).problems

"""The demo's own counting must notice what it promises to notice."""

from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.trace import INVALID_SPAN
from uuid_utils.compat import uuid7
from wanderamt_local.demo.device import Tap
from wanderamt_local.demo.ledger import Seen, settle

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


def morning() -> tuple[list[Tap], dict[str, Any]]:
    taps = [Tap(uuid7(), {"body": {"contact": {}}}, NOW, False, "", INVALID_SPAN) for _ in range(2)]
    cases = [
        {"case_id": str(tap.case_id), "state": "final", "document_number": f"MB-{place}"}
        for place, tap in enumerate(taps)
    ]
    return taps, {
        "cases": cases,
        "notices": {"sent": 2},
        "sms": [{"to": "+431", "text": "a"}],
        "mails": {"m": 1},
        "pdfs": {case["case_id"]: b"" for case in cases},
        "valid_papers": 2,
        "expected_notices": 2,
        "told_cases": 2,
    }


def test_a_morning_without_faults_has_no_complaint() -> None:
    taps, seen = morning()
    assert settle(taps, Seen(**seen), {}).complaints == []


@pytest.mark.parametrize(
    "fault",
    [
        {"cases": []},
        {"pdfs": {}},
        {"valid_papers": 1},
        {"mails": {}},
        {"mails": {"m": 2}},
        {"sms": [{"to": "+431", "text": "a"}, {"to": "+431", "text": "a"}]},
        {"notices": {"sent": 1}},
        {"told_cases": 1},
        {"notices": {"sent": 3}},
    ],
    ids=str,
)
def test_a_lost_or_doubled_case_document_or_notice_is_a_complaint(fault: dict[str, Any]) -> None:
    taps, seen = morning()
    assert settle(taps, Seen(**(seen | fault)), {}).complaints

"""The office's document of a case whose paper the stand printed: the same number, and the date that the stand printed."""

import asyncio
import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from intake.domain.case.case_events import ProvisionalDocumentGiven
from intake.domain.document_status import Claims
from intake.domain.printed_content import printed_day
from intake.signing.document_verification import verify_document
from intake.store.history_statements import EVENT_TYPES
from intake_fixtures import CATALOGUE, IntakeClient
from pypdf import PdfReader
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now


async def documents_of(
    intake_client: IntakeClient, *, captured_at: datetime, issued_at: datetime | None
) -> tuple[str, str, Claims]:
    """The number that the stand printed; the text and the claims of the office's document."""
    entry = intake_client.entry()
    entry["body"].pop("provisional", None)
    await intake_client.sync(entry)
    paper: dict[str, Any] = {"document_id": str(uuid7()), "number": intake_client.numbers.take("UK")}
    if issued_at:
        paper["issued_at"] = issued_at.isoformat()
    give = intake_client.follow_up(entry["case_id"], "case.give_provisional", paper, case_seq=2)
    give["captured_at"] = captured_at.isoformat()
    assert (await intake_client.sync(give)).json()["results"][0]["status"] == "accepted"
    await intake_client.answer_register(entry["case_id"], "confirmed")
    pdf = await intake_client.issue(entry["case_id"])
    trusted = intake_client.service.context.http.state.context.trusted
    claims = await asyncio.to_thread(verify_document, pdf, trusted)
    assert isinstance(claims, Claims)
    return paper["number"], PdfReader(io.BytesIO(pdf)).pages[0].extract_text(), claims


@pytest.mark.parametrize("named", [True, False])
async def test_the_office_prints_the_number_and_the_day_of_the_stand(intake_client: IntakeClient, named: bool) -> None:
    at = (utc_now() - timedelta(days=3)).replace(microsecond=0)
    captured_at = utc_now() if named else at  # an earlier release of the app names no time
    number, text, claims = await documents_of(intake_client, captured_at=captured_at, issued_at=at if named else None)
    assert (claims.number, claims.issued_at) == (number, at)
    assert number in text
    assert printed_day(CATALOGUE.calendar.day_of(at).isoformat(), "de") in text
    assert printed_day(CATALOGUE.calendar.day_of(utc_now()).isoformat(), "de") not in text


@pytest.mark.parametrize("days", [-400, 2])
async def test_a_device_with_a_wrong_clock_does_not_date_the_document(intake_client: IntakeClient, days: int) -> None:
    begun = utc_now()
    wrong = begun + timedelta(days=days)
    number, _, claims = await documents_of(intake_client, captured_at=wrong, issued_at=wrong)
    assert claims.number == number
    assert begun - timedelta(seconds=1) <= claims.issued_at <= utc_now()


def test_the_history_of_an_earlier_release_is_read_without_a_time() -> None:
    stored = {"document_id": str(uuid7()), "number": "UK-2026-0000001-5"}
    event = EVENT_TYPES[ProvisionalDocumentGiven.__name__].validate_python(stored)
    assert event.issued_at is None

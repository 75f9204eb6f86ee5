"""The stand report on a real database: its numbers and its pages."""

import csv
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import httpx
import pytest
from intake.events import on_stand_cancelled, on_stand_scheduled
from intake_fixtures import IntakeClient
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.contracts import StandCancelled, StandScheduled
from wanderamt.security.roles import Role


async def scheduled(intake_client: IntakeClient, stand_id: UUID, **about: Any) -> None:
    start = utc_now() - timedelta(hours=2)
    stand = {
        "stand_id": stand_id,
        "place": "Südbahnhofmarkt <Nord>",
        "district": "Innere Stadt",
        "starts_at": start,
        "ends_at": start + timedelta(hours=4),
        "crew": "Team A",
        "vehicle": "Bus 1",
        "kit": "Koffer 1",
        "services": ("registration_confirmation",),
        "occasion": "Wochenmarkt",
        "target_group": "Studierende",
    }
    async with intake_client.service.context.database.unit_of_work() as uow:
        await on_stand_scheduled(StandScheduled(**stand | about), uow)


async def report(intake_client: IntakeClient, form: str = "", **params: str) -> httpx.Response:
    reply = await intake_client.http.get(f"/report{form}", params=params, headers=intake_client.bearer(Role.PLANNER))
    assert reply.status_code == 200, reply.text
    return reply


async def a_day_at_the_market(intake_client: IntakeClient) -> None:
    """Five cases: finished; provisional until long after; document revoked; withdrawn; six minutes of steps and still open."""
    await scheduled(intake_client, intake_client.stand_id)
    documents = [{"document_id": str(uuid7()), "number": intake_client.numbers.take("UK")} for _ in range(2)]
    done, promoted, revoked, withdrawn = (intake_client.entry() for _ in range(4))
    promoted["body"]["provisional"], revoked["body"]["provisional"] = documents
    withdrawn["body"]["paid"]["payment"] = "card"
    begun = intake_client.entry(body={"service": "registration_confirmation"}, captured_at="2026-05-04T09:30:00+02:00")
    later = intake_client.follow_up(
        begun["case_id"], "case.identify", {"level": "photo_id"}, case_seq=2, captured_at="2026-05-04T09:36:00+02:00"
    )
    await intake_client.sync(done, promoted, revoked, withdrawn, begun, later)
    for entry, outcome in ((done, "confirmed"), (promoted, "confirmed"), (revoked, "not_found")):
        await intake_client.answer_register(entry["case_id"], outcome)
    late = f"UPDATE case_file SET finished_at = finished_at + interval '31 min' WHERE case_id = '{promoted['case_id']}'"
    await intake_client.rows(f"{late} RETURNING 1")
    await intake_client.http.post(f"/cases/{withdrawn['case_id']}/withdraw", headers=intake_client.clerk())
    await intake_client.http.post(f"/cases/{revoked['case_id']}/close", headers=intake_client.clerk())


async def test_every_case_of_a_stand_is_counted_under_its_result(intake_client: IntakeClient) -> None:
    await a_day_at_the_market(intake_client)
    answer = (await report(intake_client)).json()
    assert answer["total"] == {
        "cases": 5,
        "finished_on_the_spot": 1,
        "provisional": 1,
        "return_visits": 1,
        "withdrawn": 1,
        "open": 1,
        "minutes_each": 6.0,
        "fees_cents": 4 * 330,
        "cash_cents": 3 * 330,
        "card_cents": 330,
        "paid_back_cents": 0,
    }
    [row] = answer["rows"]
    assert (row["service"], row["occasion"], row["cases"]) == ("registration_confirmation", "Wochenmarkt", 5)
    assert answer["by_occasion"]["Wochenmarkt"] == answer["by_target_group"]["Studierende"] == answer["total"]


async def test_the_report_lists_a_stand_without_visitors_but_no_cancelled_stand(intake_client: IntakeClient) -> None:
    await a_day_at_the_market(intake_client)
    quiet, cancelled, past = uuid7(), uuid7(), uuid7()
    await scheduled(intake_client, quiet, place="Auhof", occasion=None)
    await scheduled(intake_client, cancelled)
    await scheduled(intake_client, past, starts_at=utc_now() - timedelta(days=40))
    async with intake_client.service.context.database.unit_of_work() as uow:
        await on_stand_cancelled(StandCancelled(stand_id=cancelled, reason="storm", cancelled_at=uow.now), uow)
    answer = (await report(intake_client)).json()
    assert {(row["place"], row["cases"]) for row in answer["stands"]} == {("Südbahnhofmarkt <Nord>", 5), ("Auhof", 0)}
    wide = (await report(intake_client, since=(utc_now() - timedelta(days=50)).isoformat())).json()
    assert str(past) in {row["stand_id"] for row in wide["stands"]}
    alone = (await report(intake_client, stand_id=str(intake_client.stand_id))).json()
    assert [row["cases"] for row in alone["stands"]] == [5]


async def test_the_sheet_has_a_line_for_each_service_and_no_formula(intake_client: IntakeClient) -> None:
    await a_day_at_the_market(intake_client)
    await scheduled(intake_client, intake_client.stand_id, place="=HYPERLINK(1)")
    reply = await report(intake_client, ".csv")
    [line] = csv.DictReader(StringIO(reply.text))
    assert (line["cases"], line["minutes_each"], line["place"]) == ("5", "6.0", "'=HYPERLINK(1)")


@pytest.mark.parametrize(
    ("lang", "words"), [("de", ("Abschließend", "Studierende", "13,20 €")), ("en", ("Finished", "13.20 €"))]
)
async def test_the_page_is_in_the_reader_s_language_and_escapes_values(
    intake_client: IntakeClient, lang: str, words: tuple[str, ...]
) -> None:
    empty = await report(intake_client, ".html", lang=lang)
    assert "<table>" not in empty.text
    await a_day_at_the_market(intake_client)
    page = await report(intake_client, ".html", lang=lang)
    assert all(word in page.text for word in words)
    assert "&lt;Nord&gt;" in page.text
    assert "<Nord>" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("form", ["", ".csv", ".html"])
async def test_a_report_over_an_impossible_range_is_refused(intake_client: IntakeClient, form: str) -> None:
    for time in ("yesterday", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"):
        for bound in ("since", "until"):
            reply = await intake_client.http.get(
                f"/report{form}", params={bound: time}, headers=intake_client.bearer(Role.PLANNER)
            )
            assert reply.status_code == 422
    assert (await intake_client.http.get("/report", headers=intake_client.bearer())).status_code == 403

"""The stand report on a real database: what is counted, and how it reads."""

import csv
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from intake.handlers.ground import on_stand_cancelled, on_stand_scheduled
from uuid_utils.compat import uuid7
from wanderamt.backbone.sources import utc_now
from wanderamt.contracts import StandCancelled, StandScheduled
from wanderamt.security.roles import Role


async def scheduled(desk: Any, stand_id: Any, **about: Any) -> None:
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
    async with desk.service.ground.database.work() as work:
        await on_stand_scheduled(StandScheduled(**stand | about), work)


async def report(desk: Any, form: str = "", **wanted: Any) -> Any:
    reply = await desk.http.get(f"/report{form}", params=wanted, headers=desk.bearer(Role.PLANNER))
    assert reply.status_code == 200, reply.text
    return reply if form else reply.json()


async def a_day_at_the_market(desk: Any) -> None:
    """Finished; provisional; paper taken back; withdrawn; step by step over six minutes, still open."""
    await scheduled(desk, desk.stand_id)
    paper = [{"document_id": str(uuid7()), "number": desk.numbers.take("UK")} for _ in range(2)]
    done, promoted, taken_back, withdrawn = (desk.entry() for _ in range(4))
    promoted["body"]["provisional"], taken_back["body"]["provisional"] = paper
    withdrawn["body"]["paid"]["payment"] = "card"
    begun = desk.entry(body={"service": "registration_confirmation"}, captured_at="2026-05-04T09:30:00+02:00")
    later = desk.more(
        begun["case_id"], "case.identify", {"level": "photo_id"}, case_seq=2, captured_at="2026-05-04T09:36:00+02:00"
    )
    await desk.sync(done, promoted, taken_back, withdrawn, begun, later)
    for entry, verdict in ((done, "confirmed"), (promoted, "confirmed"), (taken_back, "not_found")):
        await desk.hear(entry["case_id"], verdict)
    await desk.http.post(f"/cases/{withdrawn['case_id']}/withdraw", headers=desk.clerk())
    await desk.http.post(f"/cases/{taken_back['case_id']}/close", headers=desk.clerk())


async def test_every_case_of_a_stand_is_counted_for_what_became_of_it(desk: Any) -> None:
    await a_day_at_the_market(desk)
    found = await report(desk)
    assert found["total"] == {
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
    [row] = found["rows"]
    assert (row["service"], row["occasion"], row["cases"]) == ("registration_confirmation", "Wochenmarkt", 5)
    assert found["by_occasion"]["Wochenmarkt"] == found["by_target_group"]["Studierende"] == found["total"]


async def test_a_stand_where_nobody_came_is_there_and_a_cancelled_one_is_not(desk: Any) -> None:
    await a_day_at_the_market(desk)
    quiet, cancelled, past = uuid7(), uuid7(), uuid7()
    await scheduled(desk, quiet, place="Auhof", occasion=None)
    await scheduled(desk, cancelled)
    await scheduled(desk, past, starts_at=utc_now() - timedelta(days=40))
    async with desk.service.ground.database.work() as work:
        await on_stand_cancelled(StandCancelled(stand_id=cancelled, reason="storm", cancelled_at=work.now), work)
    found = await report(desk)
    assert {(one["place"], one["cases"]) for one in found["stands"]} == {("Südbahnhofmarkt <Nord>", 5), ("Auhof", 0)}
    wide = await report(desk, since=(utc_now() - timedelta(days=50)).isoformat())
    assert str(past) in {one["stand_id"] for one in wide["stands"]}
    alone = await report(desk, stand_id=str(desk.stand_id))
    assert [one["cases"] for one in alone["stands"]] == [5]


async def test_the_sheet_has_a_line_for_each_service_and_no_formula(desk: Any) -> None:
    await a_day_at_the_market(desk)
    await scheduled(desk, desk.stand_id, place="=HYPERLINK(1)")
    reply = await report(desk, ".csv")
    [line] = csv.DictReader(StringIO(reply.text))
    assert (line["cases"], line["minutes_each"], line["place"]) == ("5", "6.0", "'=HYPERLINK(1)")


@pytest.mark.parametrize(
    ("lang", "words"), [("de", ("Abschließend", "Studierende", "13,20 €")), ("en", ("Finished", "13.20 €"))]
)
async def test_the_page_is_in_the_reader_s_language_and_escapes(desk: Any, lang: str, words: tuple[str, ...]) -> None:
    empty = await report(desk, ".html", lang=lang)
    assert "<table>" not in empty.text
    await a_day_at_the_market(desk)
    page = await report(desk, ".html", lang=lang)
    assert all(word in page.text for word in words)
    assert "&lt;Nord&gt;" in page.text
    assert "<Nord>" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_a_report_of_no_day_is_refused(desk: Any) -> None:
    reply = await desk.http.get("/report", params={"since": "yesterday"}, headers=desk.bearer(Role.PLANNER))
    assert reply.status_code == 422
    assert (await desk.http.get("/report", headers=desk.bearer())).status_code == 403

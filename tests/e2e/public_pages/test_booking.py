"""Booking in a real browser: with the mouse, with the keyboard only, in both languages, without severe violations."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from browser_fixtures import AccessibilityChecker
from playwright.async_api import Page
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.security.roles import Role
from wanderamt_local.system import System
from wanderamt_testing.citizens import citizen_client

PLACES = {
    "Südbahnhofmarkt": ("Innere Stadt", 48.2985, 14.3003, "Wochenmarkt"),
    "JKU Campus": ("Dornach-Auhof", 48.3369, 14.3190, None),
    "Auwiesen": ("Kleinmünchen-Auwiesen", 48.2560, 14.2960, None),
}


def headers(system: System, role: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {system.token('p@linz', role, audience='scheduling')}"}


async def make_stands(system: System) -> dict[str, str]:
    """Ids by place."""
    begin = utc_now().replace(hour=8, minute=0, second=0, microsecond=0) + timedelta(days=20)
    ids = {}
    async with httpx.AsyncClient(base_url=system.url("scheduling"), timeout=10) as http:
        for number, (place, (district, latitude, longitude, occasion)) in enumerate(PLACES.items()):
            ids[place] = str(uuid7())
            stand = {
                "stand_id": ids[place],
                "place": place,
                "district": district,
                "starts_at": (begin + timedelta(days=number)).isoformat(),
                "ends_at": (begin + timedelta(days=number, hours=4)).isoformat(),
                "crew": f"Team {place}",
                "vehicle": f"Bus {place}",
                "kit": f"Koffer {place}",
                "services": ["active_pass", "registration"],
                "occasion": occasion,
                "latitude": latitude,
                "longitude": longitude,
                "desks": 2,
            }
            (await http.post("/stands", json=stand, headers=headers(system, Role.PLANNER))).raise_for_status()
    return ids


async def cancel_future_stands(system: System) -> None:
    """Stands of other test files would take the few places in the list of alternatives."""
    async with httpx.AsyncClient(
        base_url=system.url("scheduling"), timeout=10, headers=headers(system, Role.PLANNER)
    ) as http:
        for stand in (await http.get("/stands")).json():
            await http.post(f"/stands/{stand['stand_id']}/cancel", json={"reason": "end of the test"})


@pytest.fixture
async def stands(running_system: System) -> AsyncIterator[dict[str, str]]:
    await cancel_future_stands(running_system)
    ids = await make_stands(running_system)
    yield ids
    async with httpx.AsyncClient(base_url=running_system.url("scheduling"), timeout=10) as http:
        for id_ in ids.values():
            reason = {"reason": "end of the test"}
            await http.post(f"/stands/{id_}/cancel", json=reason, headers=headers(running_system, Role.PLANNER))


async def code_on(page: Page) -> str:
    match = re.search(r"[0-9A-Z]{5}-[0-9A-Z]{5}", await page.locator("main").inner_text())
    assert match
    return match.group()


async def test_a_citizen_books_moves_and_cancels(
    running_system: System, stands: dict[str, str], checker: AccessibilityChecker
) -> None:
    page, url = checker.page, running_system.url("scheduling")
    await page.goto(f"{url}/visit?lang=de")
    assert await checker.violations("visit-list-de") == []
    await page.get_by_role("link", name="English").click()
    assert await checker.violations("visit-list-en") == []
    await page.get_by_label("What you need").select_option("registration")
    await page.get_by_role("button", name="Show").click()
    await page.get_by_role("link", name="Südbahnhofmarkt", exact=True).click()
    assert "Photo ID or passport" in await page.locator("main").inner_text()
    assert await checker.violations("visit-stand-en") == []
    await page.get_by_role("radio").first.check()
    await page.get_by_role("button", name="Next").click()
    assert await checker.violations("visit-held-en") == []
    await page.get_by_label("Date of birth").fill("4.5.1980")
    await page.get_by_role("button", name="Book it").click()
    assert "We cannot reach you" in await page.get_by_role("alert").inner_text()
    assert await checker.violations("visit-held-wrong-en") == []
    await page.get_by_label("Telephone number").fill("0660 555 12 34")
    await page.get_by_label("Date of birth").fill("4.5.1980")
    await page.get_by_label("I agree").check()
    await page.get_by_role("button", name="Book it").click()
    assert "Booked" in await page.get_by_role("status").inner_text()
    assert await checker.violations("visit-booked-en") == []
    code = await code_on(page)

    await page.goto(f"{url}/visit/appointment?lang=de")
    assert await checker.violations("visit-code-de") == []
    await page.get_by_label("Code").fill(code.lower())
    await page.get_by_label("Geburtsdatum").fill("1980-05-05")
    await page.get_by_role("button", name="Nachsehen").click()
    assert "Nichts gefunden" in await page.get_by_role("alert").inner_text()
    await page.get_by_label("Code").fill(code.lower().replace("-", " "))
    await page.get_by_label("Geburtsdatum").fill("4.5.1980")
    await page.get_by_role("button", name="Nachsehen").click()
    assert await checker.violations("visit-mine-de") == []
    await page.get_by_role("group", name=re.compile("JKU Campus")).get_by_role("radio").first.check()
    await page.get_by_role("button", name="Termin verschieben").click()
    assert "Verschoben" in await page.get_by_role("status").inner_text()
    assert "JKU Campus" in await page.locator("dl").inner_text()
    await page.get_by_role("button", name="Absagen").click()
    assert "Abgesagt" in await page.get_by_role("status").inner_text()
    assert await checker.violations("visit-cancelled-de") == []


async def test_booking_works_with_the_keyboard_only(
    running_system: System, stands: dict[str, str], checker: AccessibilityChecker
) -> None:
    page, url = checker.page, running_system.url("scheduling")
    await page.goto(f"{url}/visit/{stands['Auwiesen']}?lang=de&service=active_pass")
    keys = page.keyboard

    async def tab_to(selector: str) -> None:
        for _ in range(80):
            await keys.press("Tab")
            if await page.evaluate("s => document.activeElement.matches(s)", selector):
                style = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert style == "solid", "the focused element has a visible outline"
                return
        pytest.fail(f"the Tab key does not reach {selector}")

    await tab_to("input[type=radio]")
    await keys.press("Space")
    await keys.press("ArrowDown")
    await tab_to("button")
    await keys.press("Enter")
    await page.get_by_role("heading", name="Termin bestätigen").wait_for()
    await tab_to("#email")
    await keys.type("zoe@mail.example")
    await tab_to("#born")
    await keys.type("1.2.1990")
    await tab_to("input[type=checkbox]")
    await keys.press("Space")
    await tab_to("button")
    await keys.press("Enter")
    await page.get_by_role("heading", name="Gebucht").first.wait_for()
    await tab_to("input[type=radio]")
    await keys.press("Space")
    await tab_to("button")
    await keys.press("Enter")
    await page.get_by_role("heading", name="Verschoben").wait_for()
    await tab_to("button.stop")
    await keys.press("Enter")
    await page.get_by_role("heading", name="Abgesagt").first.wait_for()


async def test_a_cancelled_stand_offers_the_next_ones_nearby(
    running_system: System, stands: dict[str, str], checker: AccessibilityChecker
) -> None:
    page, url = checker.page, running_system.url("scheduling")
    async with citizen_client(url) as http:
        stand_id = stands["Südbahnhofmarkt"]
        times = (await http.get(f"/public/stands/{stand_id}/times", params={"service": "active_pass"})).json()
        hold = {"hold_id": str(uuid7()), "service": "active_pass", "starts_at": times[3]}
        held = (await http.post(f"/public/stands/{stand_id}/holds", json=hold)).raise_for_status().json()
        contact = {"email": "eva@mail.example", "born": "1970-01-02", "consent": "2026-1", "token": held["token"]}
        booked = (await http.post(f"/public/holds/{held['hold_id']}/confirm", json=contact)).json()
        reason = {"reason": "Sturm"}
        await http.post(f"/stands/{stand_id}/cancel", json=reason, headers=headers(running_system, Role.PLANNER))
    await page.goto(f"{url}/visit/appointment?lang=en")
    await page.get_by_label("Code").fill(booked["code"])
    await page.get_by_label("Date of birth").fill("2.1.1970")
    await page.get_by_role("button", name="Look it up").click()
    await page.get_by_role("heading", name="The stand will not take place").wait_for()
    assert await checker.violations("visit-conflict-en") == []
    offered = await page.get_by_role("group").all_inner_texts()
    own = [place for text in offered for place in PLACES if place in text]  # other tests have their own stands
    assert own[0] == "JKU Campus", "the nearest comes first"
    await page.get_by_role("radio").first.check()
    await page.get_by_role("button", name="Move the appointment").click()
    assert "Moved" in await page.get_by_role("status").inner_text()


async def test_the_display_at_the_stand_shows_called_numbers(
    running_system: System, stands: dict[str, str], checker: AccessibilityChecker
) -> None:
    url, stand_id = running_system.url("scheduling"), stands["Auwiesen"]
    crew = running_system.token("p@linz", Role.CLERK, audience="scheduling", stand=UUID(stand_id))
    authorization = {"Authorization": f"Bearer {crew}"}
    async with httpx.AsyncClient(base_url=url, timeout=10, headers=authorization) as http:
        for number in range(1, 4):
            ticket = {
                "ticket_id": str(uuid7()),
                "label": f"SA-{number:03}",
                "service": "active_pass",
                "issued_at": utc_now().isoformat(),
            }
            (await http.post(f"/stands/{stand_id}/tickets", json=ticket)).raise_for_status()
        (await http.post(f"/stands/{stand_id}/queue/call", json={"desk": "2"})).raise_for_status()
    for language in ("de", "en"):
        await checker.page.goto(f"{url}/visit/{stand_id}/display?lang={language}")
        assert "SA-001" in await checker.page.locator(".screen").inner_text()
        assert await checker.violations(f"visit-display-{language}") == []


async def test_two_plans_are_compared_on_a_map_and_in_tables(
    running_system: System, checker: AccessibilityChecker
) -> None:
    """The planner's page, with plans of the running service."""
    planner = headers(running_system, Role.PLANNER)
    ids = [str(uuid7()), str(uuid7())]
    async with httpx.AsyncClient(base_url=running_system.url("scheduling"), timeout=20, headers=planner) as http:
        for number, (place, (district, latitude, longitude, _)) in enumerate(PLACES.items()):
            facts = {
                "district": district,
                "latitude": latitude + 0.001,
                "longitude": longitude,
                "people": 1000 + number,
            }
            (await http.put(f"/resources/pitch/{place} 2", json=facts)).raise_for_status()
        for kind in ("crew", "vehicle", "kit"):
            (await http.put(f"/resources/{kind}/{kind} 2", json={})).raise_for_status()
        for plan_id, days in zip(ids, (7, 14), strict=True):
            request = {"plan_id": plan_id, "first_day": "2027-06-07", "days": days, "seconds": 3}
            assert (await http.post("/plans", json=request)).status_code == 202
        for plan_id in ids:
            for _ in range(600):
                plan = (await http.get(f"/plans/{plan_id}")).json()
                if plan["state"] not in {"requested", "running"}:
                    break
                await asyncio.sleep(0.1)
            assert plan["state"] == "ready", plan
            assert plan["stands"], plan
            assert plan["stands"][0]["explanation"]["served"]
    await checker.page.set_extra_http_headers(planner)
    for language in ("de", "en"):
        url = f"{running_system.url('scheduling')}/plans/{ids[0]}/compare/{ids[1]}.html?lang={language}"
        await checker.page.goto(url)
        assert await checker.violations(f"plans-compared-{language}") == []
    assert await checker.page.get_by_role("heading", name="Two plans compared").count() == 1

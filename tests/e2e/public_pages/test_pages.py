"""Pages and mails in a real browser: no severe accessibility violations; screenshots in build/screens."""

import asyncio
import re
from datetime import UTC, datetime
from uuid import UUID

import httpx
import pytest
from browser_fixtures import AccessibilityChecker
from notifications.domain.kinds import NoticeKind
from notifications.message_templates import LANGUAGES, SAMPLE, MessageTemplates
from service_catalogue.authority import shipped_profile
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.contracts import Channel, case_code
from wanderamt.security.roles import Role
from wanderamt_local.field_entries import RECEIPT_SERIES, LeasedNumbers, open_case_entry, whole_case
from wanderamt_local.system import System

WAIT_S = 40
TEMPLATES = MessageTemplates.of(shipped_profile())


@pytest.mark.parametrize("kind", list(NoticeKind))
async def test_a_mail_is_accessible_in_german(checker: AccessibilityChecker, kind: NoticeKind) -> None:
    await checker.page.set_content(TEMPLATES.render(kind, Channel.EMAIL, "de", SAMPLE).html)
    assert await checker.violations(f"mail-{kind}-de") == []


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "de"])
async def test_a_mail_is_accessible_in_every_language(checker: AccessibilityChecker, language: str) -> None:
    await checker.page.set_content(TEMPLATES.render(NoticeKind.APPOINTMENT_MOVED, Channel.EMAIL, language, SAMPLE).html)
    assert await checker.violations(f"mail-appointment_moved-{language}") == []


async def _open_case(system: System) -> UUID:
    """A citizen's case, opened at a stand; its document is ready and its notice exists."""
    stand_id, case_id = uuid7(), uuid7()
    clerk = {"Authorization": f"Bearer {await system.enrol(uuid7(), stand_id)}"}
    numbers = LeasedNumbers()
    async with httpx.AsyncClient(base_url=system.url("intake"), timeout=20, headers=clerk) as http:
        await numbers.lease(http, series=RECEIPT_SERIES, block_id=uuid7(), headers=clerk)
        body = whole_case(
            "registration_confirmation",
            applicant={"given_name": "Zoë", "family_name": "Ćosić", "birth_date": "1980-05-04"},
            contact={"phone": "+436605553331", "email": "zoe@mail.example"},
            numbers=numbers,
        )
        entry = open_case_entry(uuid7(), case_id, stand_id, device_seq=1, captured_at=utc_now(), body=body)
        (await http.post("/sync", json={"entries": [entry]})).raise_for_status()
    office = {"Authorization": f"Bearer {system.token('c@linz', Role.CLERK, audience='notifications')}"}
    async with (
        httpx.AsyncClient(base_url=system.url("notifications"), timeout=20, headers=office) as http,
        asyncio.timeout(WAIT_S),
    ):
        while "document_ready" not in (await http.get(f"/cases/{case_id}/notices")).text:
            await asyncio.sleep(0.2)
    return case_id


async def _schedule_stand(system: System) -> None:
    planner = {"Authorization": f"Bearer {system.token('p@linz', Role.PLANNER, audience='scheduling')}"}
    begin = datetime(2027, 6, 1, 8, tzinfo=UTC)
    stand = {
        "stand_id": str(uuid7()),
        "place": "Volkshaus Dornach",
        "district": "Dornach-Auhof",
        "starts_at": begin.isoformat(),
        "ends_at": begin.replace(hour=12).isoformat(),
        "crew": "Team B",
        "vehicle": "Bus B",
        "kit": "Koffer B",
        "services": ["active_pass"],
    }
    async with httpx.AsyncClient(timeout=10) as http:
        (await http.post(f"{system.url('scheduling')}/stands", json=stand, headers=planner)).raise_for_status()


async def _code_sent_to(system: System, number: str) -> str:
    """To subscribe to districts, in an SMS."""
    async with asyncio.timeout(WAIT_S):
        while True:
            received = await system.received_messages()
            messages = [*received["gate"]["messages"], *received["smsc"].get("messages", ())]
            texts = [sms["text"] for sms in messages if number.lstrip("+") in str(sms)]
            if codes := [code for text in texts for code in re.findall(r"(?<![0-9])[0-9]{6}(?![0-9])", text)]:
                return str(codes[-1])
            await asyncio.sleep(0.2)


async def test_a_citizen_looks_up_a_case_saves_preferences_and_opts_out(
    running_system: System, checker: AccessibilityChecker
) -> None:
    case_id = await _open_case(running_system)
    await _schedule_stand(running_system)
    page, url = checker.page, running_system.url("notifications")
    await page.goto(f"{url}/status?lang=de")
    assert await checker.violations("status-form-de") == []
    await page.get_by_role("link", name="English").click()
    assert await checker.violations("status-form-en") == []
    await page.get_by_label("Code").fill("00000-00000")
    await page.get_by_label("Date of birth").fill("4.5.1980")
    await page.get_by_role("button", name="Look it up").click()
    assert await page.get_by_role("alert").inner_text()
    assert await checker.violations("status-not-known") == []
    await page.get_by_label("Code").fill(case_code(case_id).lower())
    await page.get_by_label("Date of birth").fill("4.5.1980")
    await page.get_by_role("button", name="Look it up").click()
    await page.get_by_role("heading", name="Your document is ready").wait_for()
    assert await checker.violations("status-shown") == []
    await page.get_by_label("e-mail").check()
    await page.get_by_label("Language").select_option("uk")
    await page.get_by_label("Dornach-Auhof").check()
    await page.get_by_role("button", name="Save").click()
    assert "Please confirm the areas" in await page.get_by_role("status").inner_text()
    assert await page.get_by_label("e-mail").is_checked()
    assert not await page.get_by_label("Dornach-Auhof").is_checked()
    assert await checker.violations("status-code-sent") == []
    await page.get_by_label("SMS").check()
    await page.get_by_label("Dornach-Auhof").check()
    await page.get_by_role("button", name="Save").click()
    await page.get_by_label("Code from the message").fill("no code")
    await page.get_by_role("button", name="Confirm").click()
    assert "not valid" in await page.get_by_role("alert").inner_text()
    assert await checker.violations("status-wrong-code") == []
    await page.get_by_label("Code from the message").fill(await _code_sent_to(running_system, "+436605553331"))
    await page.get_by_role("button", name="Confirm").click()
    assert "Confirmed" in await page.get_by_role("status").inner_text()
    assert await page.get_by_label("Dornach-Auhof").is_checked()
    assert await checker.violations("status-subscribed") == []
    await page.get_by_role("button", name="Save").click()
    assert "Saved" in await page.get_by_role("status").inner_text()
    assert await checker.violations("status-saved") == []
    await page.get_by_role("button", name="Opt out").click()
    assert "Opted out" in await page.get_by_role("status").inner_text()
    assert await checker.violations("status-opted-out") == []


@pytest.mark.parametrize("language", ["de", "en"])
async def test_the_verification_page_is_accessible(
    running_system: System, checker: AccessibilityChecker, language: str
) -> None:
    await checker.page.goto(f"{running_system.url('intake')}/verify?lang={language}")
    assert await checker.violations(f"verify-{language}") == []

"""A form with every kind of fact: typed, reloaded, corrected, signed, checked and sent in canonical form."""

import asyncio

import pytest_asyncio
from browser_fixtures import MakeTablet
from form_fixtures import EVERY_KIND, offer, watch_entries
from form_typing import choose_hit, choose_picture, draw, field, fill_first_half, fill_second_half
from playwright.async_api import Page, expect
from service_catalogue.facts.models import FormFactKind
from wanderamt_faults.tablet import Tablet

CANONICAL = {
    "name": "Bello",
    "story": "Er ist mir zugelaufen.\nSeither wohnt er bei mir.",
    "dogs": 2,
    "weight": "12.5",
    "value": 123450,
    "taken_over_on": "2026-05-04",
    "born": "2024-05",
    "large": True,
    "size_proof": "Tierarzt",
    "sex": "f",
    "colour": "c7",
    "uses": ["Wache", "Zucht"],
    "phone_of_vet": "+436601234567",
    "mail_of_vet": "praxis@tierarzt.at",
    "account": "AT611904300234573201",
    "dwelling": {
        "country": "AT",
        "postal_code": "4020",
        "municipality": "Linz",
        "street": "Landstraße",
        "number": "12",
        "door": "3",
    },
    "keeper_before": {"family_name": "Li", "birth": "1980", "nationality": "CN"},
    "citizenship": "DE",
    "permit": {"kind": "passport", "number": "U1234567", "issued_by": "AT"},
    "car": {"country": "AT", "text": "L-12345A"},
    "chip": "040098012345678",
}
SHOWN = {
    "value": "1234,50",
    "weight": "12,5",
    "born": "05.2024",
    "account": "AT61 1904 3002 3457 3201",
    "citizenship": "Deutschland",
    "chip": "040 0980 1234 5678",
    "car": "L-12345A",
    "phone_of_vet": "+436601234567",
}


def test_the_form_of_every_kind_has_every_kind() -> None:
    assert {fact["kind"] for fact in EVERY_KIND} == set(FormFactKind)


@pytest_asyncio.fixture
async def every_kind(make_tablet: MakeTablet) -> Tablet:
    """A tablet with a case of a service that asks every kind; the names of the applicant are typed."""
    tablet = await make_tablet(has_touch=True)
    offer(tablet, "every_kind", EVERY_KIND, fee_cents=2100)
    await tablet.prepare()
    await tablet.start_case("every_kind")
    page = tablet.page
    await page.locator("#given_name").fill("Šemsa")
    await page.locator("#family_name").fill("Öztürk")
    await page.locator("#birth_date").fill("1971-12-31")
    return tablet


async def draft_is_saved(tablet: Tablet) -> None:
    """Types a name and returns once the draft is stored with it: a moment after the last key."""
    typed_at = await tablet.page.evaluate("Date.now()")
    await field(tablet.page, "name").fill("Bello")
    async with asyncio.timeout(10):
        while (await tablet.rows("cases"))[0]["touched_at"] < typed_at:
            await asyncio.sleep(0.1)


async def submit(page: Page) -> None:
    await page.get_by_test_id("form-done").tap()


async def test_every_answer_reaches_the_office_in_canonical_form(every_kind: Tablet) -> None:
    tablet, page = every_kind, every_kind.page
    await fill_first_half(page)
    await draft_is_saved(tablet)
    await page.reload()
    await expect(field(page, "name")).to_have_value("Bello")
    await expect(page.locator("input[name=fact-sex][value=f]")).to_be_checked()
    await fill_second_half(tablet)
    for name, text in SHOWN.items():
        await expect(field(page, name)).to_have_value(text)
    sent = watch_entries(tablet)
    await submit(page)
    await page.locator("[data-stage=check]").wait_for()
    assert await tablet.rows("entries") == [], "nothing is sent before the answers are checked"
    answers = await page.locator("dl.answers").inner_text()
    for text in (
        "Bello",
        "€ 1.234,50",
        "05.2024",
        "gestromt",
        "Landstraße 12/3, 4020 Linz",
        "L-12345A",
        "China",
        "Deutschland",
    ):
        assert text in answers.replace("\xa0", " "), text
    assert await page.locator("dl.answers img.thumbnail").count() == 2
    await page.get_by_role("button", name="Ändern Kennzeichen").tap()
    await expect(field(page, "car")).to_be_focused()
    await submit(page)
    await page.get_by_test_id("check-done").tap()
    await page.locator("[data-stage=identify]").wait_for()
    async with asyncio.timeout(30):
        while not sent:
            await asyncio.sleep(0.1)
    facts = sent[0]["body"]["facts"]
    photo, signature = facts.pop("picture"), facts.pop("consent")
    assert facts == CANONICAL
    files = {row["attachment_id"]: row for row in await tablet.rows("files")}
    assert set(files) == {photo["photo"], signature["signature"]}
    assert "draft" not in {row["state"] for row in files.values()}


async def test_a_question_appears_with_its_condition(every_kind: Tablet) -> None:
    page = every_kind.page
    assert await field(page, "size_proof").count() == 0
    await page.locator("input[name=fact-large][value=yes]").tap()
    await field(page, "size_proof").wait_for()
    await page.locator("input[name=fact-large][value=no]").tap()
    await expect(field(page, "size_proof")).to_have_count(0)


async def test_each_fault_is_said_at_its_field_and_the_first_has_the_focus(every_kind: Tablet) -> None:
    page = every_kind.page
    wrong = {
        "dogs": ("zwölf", "Geben Sie eine ganze Zahl ein"),
        "value": ("1.234", "zwei Stellen für die Cent"),
        "born": ("31.2.2024", "Diesen Tag gibt es nicht"),
        "phone_of_vet": ("1234567", "Beginnen Sie mit der Vorwahl"),
        "account": ("AT61 1904 3002 3457 3202", "Die Prüfziffern passen nicht"),
        "car": ("Q 12345A", "Q ist kein österreichisches Kürzel"),
        "chip": ("123", "Die Chipnummer hat 15 Ziffern"),
    }
    for name, (typed, sentence) in wrong.items():
        await field(page, name).fill(typed)
        await field(page, name).blur()
        fault = page.locator(f"#fact-{name}-wrong")
        await expect(fault).to_contain_text(sentence)
        assert await field(page, name).get_attribute("aria-invalid") == "true"
        assert f"fact-{name}-wrong" in str(await field(page, name).get_attribute("aria-describedby"))
        await expect(field(page, name)).to_have_value(typed)
    await submit(page)
    await expect(field(page, "name")).to_be_focused()
    await expect(page.locator("#fact-name-wrong")).to_have_text("Bitte ausfüllen.")
    await field(page, "name").fill("Bello")
    await field(page, "name").blur()
    await expect(page.locator("#fact-name-wrong")).to_have_count(0)
    await submit(page)
    await expect(field(page, "dogs")).to_be_focused()
    assert await page.locator("[data-stage=form]").count() == 1


async def test_a_street_that_is_not_in_the_register_needs_a_reason(every_kind: Tablet) -> None:
    page = every_kind.page
    await field(page, "dwelling-street").fill("Nirgendgasse")
    await field(page, "dwelling-number").fill("1")
    await field(page, "dwelling-postal_code").fill("4020")
    await field(page, "dwelling-postal_code").blur()
    await page.get_by_role("button", name="Die Straße steht nicht in der Liste").tap()
    await submit(page)
    await expect(page.locator("#fact-dwelling-street-wrong")).to_contain_text("nicht im Verzeichnis")
    await field(page, "dwelling-unlisted_reason").fill("Neu benannt")
    await field(page, "dwelling-unlisted_reason").blur()
    await expect(page.locator("#fact-dwelling-street-wrong")).to_have_count(0)


async def test_streets_and_countries_are_found_with_the_keyboard(every_kind: Tablet) -> None:
    page = every_kind.page
    street = field(page, "dwelling-street")
    await street.focus()
    await street.press_sequentially("haupt")
    await street.press("ArrowDown")
    assert await street.get_attribute("aria-activedescendant") == "fact-dwelling-street-hit-0"
    await street.press("Enter")
    await expect(street).to_have_value("Hauptplatz")
    await expect(field(page, "dwelling-postal_code")).to_have_value("4020")
    await expect(street).to_be_focused()
    await street.press("Enter")
    await expect(field(page, "dwelling-number")).to_be_focused()
    await page.get_by_role("button", name="Anderes Land").focus()
    await page.keyboard.press("Enter")
    country = field(page, "dwelling-country")
    await country.focus()
    await country.press_sequentially("deutsch")
    await country.press("Enter")
    await expect(country).to_have_value("Deutschland")
    await expect(page.locator("#fact-dwelling-street")).not_to_have_attribute("role", "combobox")


async def test_a_plate_of_another_country(every_kind: Tablet) -> None:
    page = every_kind.page
    await page.get_by_role("button", name="Ausländisches Kennzeichen").tap()
    await choose_hit(page, "car-country", "deu", "Deutschland")
    await field(page, "car").fill("pa xy 123")
    await field(page, "car").blur()
    await expect(field(page, "car")).to_have_value("PA XY 123")


async def test_a_dot_is_no_signature_and_a_photo_cannot_be_one(every_kind: Tablet) -> None:
    tablet, page = every_kind, every_kind.page
    await fill_first_half(page)
    await fill_second_half(tablet)
    consent = field(page, "consent")
    assert await consent.locator("input[type=file]").count() == 0
    await consent.get_by_role("button", name="Löschen").tap()
    await draw(page, "consent", width=0.01, steps=2)
    await consent.get_by_text("Das ist noch keine Unterschrift").wait_for()
    await submit(page)
    await expect(page.locator("#fact-consent-wrong")).to_contain_text("Lassen Sie am Gerät unterschreiben")
    await consent.get_by_role("button", name="Letzten Strich zurücknehmen").tap()
    await expect(consent.locator("canvas")).to_have_attribute("data-strokes", "0")
    await draw(page, "consent")
    await submit(page)
    await page.locator("[data-stage=check]").wait_for()
    await page.reload()  # the check is not begun, and the draft is whole
    await consent.locator("img.thumbnail").wait_for()
    await consent.get_by_role("button", name="Neu unterschreiben").tap()
    await submit(page)
    await expect(page.locator("#fact-consent-wrong")).to_contain_text("Lassen Sie am Gerät unterschreiben")


async def test_rows_are_added_removed_and_brought_back(every_kind: Tablet) -> None:
    tablet, page = every_kind, every_kind.page
    await page.get_by_test_id("fact-helpers-add").tap()
    await expect(field(page, "helpers-1-person-family_name")).to_have_value("Öztürk")
    await expect(field(page, "helpers-1-person-given_name")).to_be_focused()
    await field(page, "helpers-1-person-given_name").fill("Ada")
    await choose_hit(page, "helpers-1-person-nationality", "öst", "Österreich")
    await choose_picture(tablet, "helpers-1-picture")
    await page.get_by_test_id("fact-helpers-add").tap()
    await expect(field(page, "helpers-2-person-nationality")).to_have_value("Österreich")
    await expect(field(page, "helpers-2-person-family_name")).to_have_value("Öztürk")
    await field(page, "helpers-2-person-given_name").fill("Ben")
    await page.get_by_role("button", name="Wer hilft 1: Ada Öztürk entfernen").tap()
    await expect(field(page, "helpers-1-person-given_name")).to_have_value("Ben")
    undo = page.get_by_role("button", name="Rückgängig")
    await expect(undo).to_be_focused()
    await undo.tap()
    await expect(field(page, "helpers-1-person-given_name")).to_have_value("Ada")
    await field(page, "helpers-1-picture").locator("img.thumbnail").wait_for()
    await page.get_by_test_id("fact-helpers-add").tap()
    await expect(page.get_by_test_id("fact-helpers-add")).to_have_count(0)  # three rows at most
    await page.get_by_role("button", name="Wer hilft 3 entfernen").tap()
    await page.get_by_role("button", name="Wer hilft 1: Ada Öztürk entfernen").tap()
    await field(page, "helpers-1-person-birth").fill("4.5.2001")
    await fill_first_half(page)
    await fill_second_half(tablet)
    async with asyncio.timeout(10):
        while len(await tablet.rows("files")) < 3:
            await asyncio.sleep(0.1)
    await submit(page)
    await page.get_by_test_id("check-done").tap()
    await page.locator("[data-stage=identify]").wait_for()
    assert len(await tablet.rows("files")) == 2, "the photo of the removed row is deleted"

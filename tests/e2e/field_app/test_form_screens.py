"""The form of every kind at two widths and in both themes and languages: no serious axe violation, and pictures."""

import pytest
from browser_fixtures import MakeGallery, MakeTablet
from form_fixtures import EVERY_KIND, offer
from form_typing import fill_first_half, fill_second_half


@pytest.mark.parametrize(
    ("language", "scheme", "width"),
    [("de", "light", 820), ("de", "dark", 412), ("en", "light", 412), ("en", "dark", 820)],
)
async def test_the_form_of_every_kind_is_accessible(
    make_tablet: MakeTablet, make_gallery: MakeGallery, language: str, scheme: str, width: int
) -> None:
    locale = {"de": "de-AT", "en": "en-GB"}[language]
    tablet = await make_tablet(
        has_touch=True, locale=locale, color_scheme=scheme, viewport={"width": width, "height": 1000}
    )
    gallery = make_gallery(tablet, f"form-{language}-{scheme}-{width}")
    offer(tablet, "every_kind", EVERY_KIND, fee_cents=2100)
    await tablet.prepare()
    tablet.proxy.down = True  # the office does not know this service, and would refuse its case
    page = tablet.page
    await page.get_by_test_id("walk-in").click()
    await page.get_by_test_id("start-every_kind").wait_for()
    await gallery.capture("services")
    await page.get_by_test_id("start-every_kind").click()
    await page.locator("#given_name").wait_for()
    await gallery.capture("empty")
    await page.get_by_test_id("fact-helpers-add").click()
    await page.get_by_test_id("form-done").click()
    await page.locator(".wrong").first.wait_for()
    await gallery.capture("faults")
    await page.locator("#fact-dwelling-street").click()
    await page.keyboard.type("land")
    await gallery.capture("hits")
    await page.keyboard.press("Escape")
    await page.locator("#given_name").fill("Šemsa")
    await page.locator("#family_name").fill("Öztürk")
    await page.locator("#birth_date").fill("1971-12-31")
    await fill_first_half(page)
    await fill_second_half(tablet)
    await page.locator("#fact-helpers-1-person-family_name").fill("Öztürk")
    await page.locator("#fact-helpers-1-person-given_name").fill("Ada")
    await page.locator("#fact-helpers-1-person-birth").fill("4.5.2001")
    await page.locator("#fact-helpers-1-person-nationality").fill("AT")
    await page.locator("#fact-helpers-1-person-nationality").blur()
    await gallery.capture("filled")
    await page.get_by_test_id("form-done").click()
    await page.locator("[data-stage=check]").wait_for()
    await gallery.capture("check")
    await page.get_by_test_id("check-done").click()
    await page.locator("[data-stage=identify]").wait_for()
    await gallery.capture("identify")
    await page.get_by_test_id("identify-photo_id").click()
    await page.locator("[data-stage=fee]").wait_for()
    await gallery.capture("fee")
    assert gallery.violations == []

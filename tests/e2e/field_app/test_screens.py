"""Every screen of the crew's app in both languages: no serious or critical axe violation, and a screenshot.

The screenshots are in build/field-app/: the German ones use the light theme, the English ones the dark theme.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from wanderamt_faults.tablet import Tablet


@pytest.mark.parametrize(("language", "scheme", "width"), [("de", "light", 820), ("en", "dark", 412)])
async def test_every_screen_is_accessible(
    make_tablet: Callable[..., Awaitable[Tablet]], make_gallery: Any, language: str, scheme: str, width: int
) -> None:
    tablet = await make_tablet(
        locale={"de": "de-AT", "en": "en-GB"}[language], color_scheme=scheme, viewport={"width": width, "height": 1000}
    )
    gallery = make_gallery(tablet, language)
    page = await tablet.switch_on()
    await gallery.capture("enrol")
    await tablet.enrol()
    await gallery.capture("sign-in")
    await tablet.sign_in()
    await gallery.capture("begin")
    await tablet.start_shift()
    await page.get_by_test_id("load").wait_for()
    await gallery.capture("prepare-empty")
    await tablet.load_stand()
    await gallery.capture("prepare")
    await tablet.worker_ready()
    await page.goto(f"{tablet.url}#/queue")
    await page.get_by_test_id("walk-in").wait_for()
    await gallery.capture("queue-empty")
    await page.get_by_test_id("walk-in").click()
    await page.locator("#service").wait_for()
    await gallery.capture("service")
    await page.locator("input[name=service][value=registration]").check()
    await page.get_by_test_id("start").click()
    await page.locator("#given_name").wait_for()
    await gallery.capture("form")
    await page.get_by_test_id("form-done").click()
    await gallery.capture("form-wrong")
    await tablet.start_case("dog_registration")
    await tablet.continue_until("identify")
    await gallery.capture("identity")
    await tablet.continue_until("papers")
    await gallery.capture("papers")
    await tablet.choose_photo()
    await gallery.capture("papers-photo")
    await tablet.start_case("registration_confirmation")
    await tablet.continue_until("fee")
    await gallery.capture("fee")
    await tablet.continue_until("paper")
    await gallery.capture("result")
    await tablet.continue_to_document()
    await gallery.capture("paper")
    stamp = await page.get_by_test_id("code").get_attribute("data-stamp")
    await page.get_by_test_id("hand-over").click()
    await page.get_by_test_id("walk-in").wait_for()
    await gallery.capture("queue")
    await tablet.wait_until_all_sent()
    await page.goto(f"{tablet.url}#/outbox")
    await gallery.capture("outbox-empty")
    tablet.proxy.down = True
    await tablet.complete_case("registration_confirmation")
    await page.goto(f"{tablet.url}#/outbox")
    await page.get_by_test_id("send-now").wait_for()
    await gallery.capture("outbox")
    await page.goto(f"{tablet.url}#/verify")
    await page.get_by_test_id("verify").wait_for()
    await gallery.capture("verify")
    await page.locator("#stamp").fill(str(stamp))
    await page.get_by_test_id("verify").click()
    await page.locator("[data-verdict]").wait_for()
    await gallery.capture("verify-valid")
    await page.goto(f"{tablet.url}#/conflicts")
    await gallery.capture("conflicts-offline")
    await page.goto(f"{tablet.url}#/shift")
    await page.locator("#float").wait_for()
    await gallery.capture("shift")
    await page.locator("#float").fill("50")
    await page.get_by_test_id("open-till").click()
    await page.locator("#counted").fill("49")
    await gallery.capture("shift-till")
    await page.goto(f"{tablet.url}#/signin")
    await page.get_by_test_id("sign-in").wait_for()
    await gallery.capture("login-expired")
    await page.locator("header nav button").click()
    await page.locator("#pin").wait_for()
    await gallery.capture("locked")
    await page.locator("#pin").fill("471100")
    await page.get_by_test_id("sign-in").or_(page.get_by_test_id("walk-in")).first.wait_for()
    await tablet.revoke(await tablet.device_id())
    tablet.proxy.down = False
    await page.evaluate("dispatchEvent(new Event('online'))")
    await page.locator("main [role=alert]").wait_for()
    await gallery.capture("revoked")
    assert gallery.violations == []
    assert gallery.count == 26

"""Every screen of the crew's app, in both languages: nothing serious or critical for axe, and pictures to look at.

In build/field-app/: the German ones are light, the English ones dark.
"""

from typing import Any

import pytest


@pytest.mark.parametrize(("language", "scheme", "width"), [("de", "light", 820), ("en", "dark", 412)])
async def test_every_screen_is_accessible(
    make_tablet: Any, make_gallery: Any, language: str, scheme: str, width: int
) -> None:
    tablet = await make_tablet(
        locale={"de": "de-AT", "en": "en-GB"}[language], color_scheme=scheme, viewport={"width": width, "height": 1000}
    )
    gallery = make_gallery(tablet, language)
    page = await tablet.switch_on()
    await gallery.look("enrol")
    await tablet.enrol()
    await gallery.look("sign-in")
    await tablet.sign_in()
    await gallery.look("begin")
    await tablet.begin()
    await page.get_by_test_id("load").wait_for()
    await gallery.look("prepare-empty")
    await tablet.load()
    await gallery.look("prepare")
    await tablet.worker_ready()
    await page.goto(f"{tablet.url}#/queue")
    await page.get_by_test_id("walk-in").wait_for()
    await gallery.look("queue-empty")
    await page.get_by_test_id("walk-in").click()
    await page.locator("#service").wait_for()
    await gallery.look("service")
    await page.locator("input[name=service][value=registration]").check()
    await page.get_by_test_id("start").click()
    await page.locator("#given_name").wait_for()
    await gallery.look("form")
    await page.get_by_test_id("form-done").click()
    await gallery.look("form-wrong")
    await tablet.start_case("dog_registration")
    await tablet.go_on_until("identify")
    await gallery.look("identity")
    await tablet.go_on_until("papers")
    await gallery.look("papers")
    await tablet.choose_photo()
    await gallery.look("papers-photo")
    await tablet.start_case("registration_confirmation")
    await tablet.go_on_until("fee")
    await gallery.look("fee")
    await tablet.go_on_until("paper")
    await gallery.look("result")
    await tablet.go_on_to_paper()
    await gallery.look("paper")
    stamp = await page.get_by_test_id("code").get_attribute("data-stamp")
    await page.get_by_test_id("hand-over").click()
    await page.get_by_test_id("walk-in").wait_for()
    await gallery.look("queue")
    await tablet.all_sent()
    await page.goto(f"{tablet.url}#/outbox")
    await gallery.look("outbox-empty")
    tablet.door.down = True
    await tablet.whole("registration_confirmation")
    await page.goto(f"{tablet.url}#/outbox")
    await page.get_by_test_id("send-now").wait_for()
    await gallery.look("outbox")
    await page.goto(f"{tablet.url}#/verify")
    await page.get_by_test_id("verify").wait_for()
    await gallery.look("verify")
    await page.locator("#stamp").fill(str(stamp))
    await page.get_by_test_id("verify").click()
    await page.locator("[data-verdict]").wait_for()
    await gallery.look("verify-valid")
    await page.goto(f"{tablet.url}#/conflicts")
    await gallery.look("conflicts-offline")
    await page.goto(f"{tablet.url}#/shift")
    await page.locator("#float").wait_for()
    await gallery.look("shift")
    await page.locator("#float").fill("50")
    await page.get_by_test_id("open-till").click()
    await page.locator("#counted").fill("49")
    await gallery.look("shift-till")
    await page.goto(f"{tablet.url}#/signin")
    await page.get_by_test_id("sign-in").wait_for()
    await gallery.look("login-expired")
    await page.locator("header nav button").click()
    await page.locator("#pin").wait_for()
    await gallery.look("locked")
    await page.locator("#pin").fill("471100")
    await page.get_by_test_id("sign-in").or_(page.get_by_test_id("walk-in")).first.wait_for()
    await tablet.revoke(await tablet.device_id())
    tablet.door.down = False
    await page.evaluate("dispatchEvent(new Event('online'))")
    await page.locator("main [role=alert]").wait_for()
    await gallery.look("revoked")
    assert gallery.found == []
    assert gallery.seen == 26

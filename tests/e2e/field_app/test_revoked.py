"""A device that is lost: refused at its next contact, and what lies on it can be read by nobody without the office."""

import asyncio
from pathlib import Path
from typing import Any

NAME = "Unverwechselbar"


def on_disk(profile: Path, text: str) -> list[str]:
    """Files of the browser that hold the text, in one of the forms a browser writes."""
    forms = [text.encode(), text.encode("utf-16-le"), text.encode("latin-1")]
    return [
        str(one.relative_to(profile))
        for one in profile.rglob("*")
        if one.is_file() and any(form in one.read_bytes() for form in forms)
    ]


async def test_its_next_contact_is_refused_and_the_outbox_is_unreadable(tablet: Any) -> None:
    page = tablet.page
    tablet.door.down = True
    await tablet.whole("registration_confirmation", family=NAME)
    device_id = await tablet.device_id()
    unsent = await tablet.rows("entries")
    await tablet.revoke(device_id)
    tablet.door.down = False
    await page.evaluate("dispatchEvent(new Event('online'))")
    await page.get_by_role("heading", name="Dieses Gerät wurde zurückgezogen").wait_for()
    assert await tablet.fact("key") is None
    assert await tablet.fact("wrapped") is None
    assert await tablet.fact("session") is None
    assert [one["entry_id"] for one in await tablet.rows("entries")] == [one["entry_id"] for one in unsent]
    assert not await tablet.sql("SELECT 1 FROM entry WHERE device_id = $1", device_id)
    await page.reload()
    await page.get_by_role("heading", name="Dieses Gerät wurde zurückgezogen").wait_for()
    await page.get_by_text("4 Einträge sind nicht im Amt").wait_for()
    await page.get_by_role("button", name="Mit dem Konto der Stadt anmelden").click()
    await page.get_by_role("button", name="Anna Huber").click()
    await page.get_by_test_id("begin").wait_for()
    await tablet.begin()
    await page.get_by_role("alert").filter(has_text="nicht zugelassen").wait_for()

    await tablet.let_in_again(device_id)  # it was found: the office gives the key again, and nothing was lost
    await tablet.begin()
    await page.locator("[data-testid=load], [data-testid=walk-in]").first.wait_for()
    await tablet.all_sent()
    taken = await tablet.sql("SELECT fate FROM entry WHERE device_id = $1", device_id)
    assert [one["fate"] for one in taken] == ["applied"] * len(unsent)


async def test_what_lies_on_the_device_names_nobody(tablet: Any) -> None:
    tablet.door.down = True
    await tablet.whole("registration_confirmation", family=NAME)
    await tablet.start_case("registration_confirmation")
    await tablet.page.locator("#family_name").fill(NAME)  # a draft that is kept while it is typed
    await asyncio.sleep(1)
    await tablet.switch_off()
    assert on_disk(tablet.profile, NAME) == []
    assert on_disk(tablet.profile, "wanderamt-field"), "and this is where it would lie"


async def test_after_silence_it_is_locked_and_a_killed_tab_needs_the_pin(tablet: Any) -> None:
    tablet.door.down = True
    await tablet.whole("registration_confirmation")
    await tablet.put_fact("settings", await tablet.fact("settings") | {"lock_after_s": 4})
    await tablet.page.reload()
    await tablet.page.get_by_role("heading", name="Gesperrt").wait_for()
    async with asyncio.timeout(10):
        while await tablet.fact("key") is not None:
            await asyncio.sleep(0.1)
    await tablet.kill_tab()
    await tablet.page.get_by_role("heading", name="Gesperrt").wait_for()
    await tablet.page.get_by_label("PIN (6 Ziffern)").fill("000000")
    await tablet.page.get_by_text("Noch 9 Versuche").wait_for()
    await tablet.page.get_by_label("PIN (6 Ziffern)").fill("471100")
    await tablet.page.get_by_test_id("walk-in").wait_for()
    assert await tablet.waiting() == 4

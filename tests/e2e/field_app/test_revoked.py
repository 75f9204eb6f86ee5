"""A lost device: the office refuses its next contact, and nobody can read its data without the office."""

import asyncio
from pathlib import Path

from wanderamt_faults.tablet import Tablet

NAME = "Unverwechselbar"


def files_containing(profile: Path, text: str) -> list[str]:
    """The browser's files that contain the text in an encoding that a browser uses."""
    encodings = [text.encode(), text.encode("utf-16-le"), text.encode("latin-1")]
    return [
        str(path.relative_to(profile))
        for path in profile.rglob("*")
        if path.is_file() and any(encoded in path.read_bytes() for encoded in encodings)
    ]


async def test_the_next_contact_is_refused_and_the_outbox_is_unreadable(tablet: Tablet) -> None:
    page = tablet.page
    tablet.proxy.down = True
    await tablet.complete_case("registration_confirmation", family=NAME)
    device_id = await tablet.device_id()
    unsent = await tablet.rows("entries")
    await tablet.revoke(device_id)
    tablet.proxy.down = False
    await page.evaluate("dispatchEvent(new Event('online'))")
    await page.get_by_role("heading", name="Dieses Gerät wurde zurückgezogen").wait_for()
    assert await tablet.get_fact("key") is None
    assert await tablet.get_fact("wrapped") is None
    assert await tablet.get_fact("session") is None
    assert [row["entry_id"] for row in await tablet.rows("entries")] == [row["entry_id"] for row in unsent]
    assert not await tablet.sql("SELECT 1 FROM entry WHERE device_id = $1", device_id)
    await page.reload()
    await page.get_by_role("heading", name="Dieses Gerät wurde zurückgezogen").wait_for()
    await page.get_by_text("4 Einträge sind nicht im Amt").wait_for()
    await page.get_by_role("button", name="Mit dem Konto der Stadt anmelden").click()
    await page.get_by_role("button", name="Anna Huber").click()
    await page.get_by_test_id("begin").wait_for()
    await tablet.start_shift()
    await page.get_by_role("alert").filter(has_text="nicht zugelassen").wait_for()

    await tablet.enrol_again(device_id)  # the device was found: the office issues the key again, and nothing is lost
    await tablet.start_shift()
    await page.locator("[data-testid=load], [data-testid=walk-in]").first.wait_for()
    await tablet.wait_until_all_sent()
    received = await tablet.sql("SELECT status FROM entry WHERE device_id = $1", device_id)
    assert [row["status"] for row in received] == ["applied"] * len(unsent)


async def test_stored_data_contains_no_name_in_clear(tablet: Tablet) -> None:
    tablet.proxy.down = True
    await tablet.complete_case("registration_confirmation", family=NAME)
    await tablet.start_case("registration_confirmation")
    await tablet.page.locator("#family_name").fill(NAME)  # a draft, saved while the clerk types
    await asyncio.sleep(1)
    await tablet.switch_off()
    assert files_containing(tablet.profile, NAME) == []
    assert files_containing(tablet.profile, "wanderamt-field"), "the search covers the place of the database"


async def test_an_idle_device_is_locked_and_a_killed_tab_needs_the_pin(tablet: Tablet) -> None:
    tablet.proxy.down = True
    await tablet.complete_case("registration_confirmation")
    await tablet.put_fact("settings", await tablet.get_fact("settings") | {"lock_after_s": 4})
    await tablet.page.reload()
    await tablet.page.get_by_role("heading", name="Gesperrt").wait_for()
    async with asyncio.timeout(10):
        while await tablet.get_fact("key") is not None:
            await asyncio.sleep(0.1)
    await tablet.kill_tab()
    await tablet.page.get_by_role("heading", name="Gesperrt").wait_for()
    await tablet.page.get_by_label("PIN (6 Ziffern)").fill("000000")
    await tablet.page.get_by_text("Noch 9 Versuche").wait_for()
    await tablet.page.get_by_label("PIN (6 Ziffern)").fill("471100")
    await tablet.page.get_by_test_id("walk-in").wait_for()
    assert await tablet.unsynced() == 4

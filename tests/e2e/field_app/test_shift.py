"""The end of a shift, a conflict between two devices, and a device that cannot send."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from browser_fixtures import MakeGallery, MakeTablet
from wanderamt_faults.tablet import Tablet


async def test_a_shift_ends_with_the_till_counted_and_nothing_left(tablet: Tablet) -> None:
    page = tablet.page
    await page.goto(f"{tablet.url}#/shift")
    await page.locator("#float").fill("50")
    await page.get_by_test_id("open-till").click()
    await page.get_by_test_id("close-till").wait_for()
    await tablet.complete_case("registration_confirmation")
    await tablet.complete_case("registration_confirmation")
    await tablet.wait_until_all_sent()
    await page.goto(f"{tablet.url}#/shift")
    await page.locator("#counted").fill("56,50")
    await page.get_by_text("Differenz: -€ 0,10").or_(page.get_by_text("Differenz: −€ 0,10")).wait_for()
    await page.locator("#till-note").fill("ein Zehner fiel hinter den Sitz")
    await page.get_by_test_id("close-till").click()
    device_id = await tablet.device_id()
    async with asyncio.timeout(30):
        while not (
            closed := await tablet.sql("SELECT * FROM till WHERE device_id = $1 AND closed_at IS NOT NULL", device_id)
        ):
            await asyncio.sleep(0.1)
    assert (closed[0]["float_cents"], closed[0]["counted_cents"]) == (5000, 5650)
    booked = await tablet.sql("SELECT sum(cents) AS cents FROM payment WHERE device_id = $1", device_id)
    assert booked[0]["cents"] == 660
    await page.get_by_role("button", name="Nummern zurückgeben").click()
    await page.get_by_text("Nummern zurückgegeben.").first.wait_for()
    held = await tablet.sql("SELECT 1 FROM number_block WHERE device_id = $1 AND returned_at IS NULL", device_id)
    assert held == []
    await page.get_by_test_id("wipe").click()
    await page.get_by_role("heading", name="Gerät anmelden").wait_for()
    assert not await page.get_by_role("alert").count(), "no warning: it was wiped on purpose"


async def test_a_fee_taken_while_the_till_is_being_sent_is_in_the_till(tablet: Tablet) -> None:
    """A late answer of the office does not undo a payment recorded meanwhile."""
    page = tablet.page
    await page.goto(f"{tablet.url}#/shift")
    await page.locator("#float").fill("50")
    tablet.proxy.delays_s = {"/tills": 4}
    await page.get_by_test_id("open-till").click()
    await page.get_by_test_id("close-till").wait_for()
    await tablet.complete_case("registration_confirmation")
    tablet.proxy.delays_s = {}
    await tablet.wait_until_all_sent()
    async with asyncio.timeout(30):
        while not (tills := await tablet.rows("tills"))[0]["told"]:
            await asyncio.sleep(0.1)
    assert (tills[0]["receipts"], tills[0]["cash_cents"]) == (1, 330)


async def test_a_form_that_was_dropped_does_not_come_back(tablet: Tablet) -> None:
    await tablet.start_case("registration_confirmation")
    await tablet.page.locator("#family_name").fill("Huber")
    await tablet.page.get_by_role("button", name="Verwerfen").click()
    await tablet.page.get_by_test_id("walk-in").wait_for()
    await asyncio.sleep(1)
    assert await tablet.rows("cases") == []


async def test_an_operator_creates_an_enrolment_code_on_the_command_line(
    make_tablet: MakeTablet,
) -> None:
    tablet = await make_tablet()
    await tablet.switch_on()
    command = [str(Path(sys.executable).parent / "wanderamt"), "devices", "invite", "--label", "Tablet 12"]
    env = {**os.environ, **tablet.system.env("intake")}
    done = await asyncio.to_thread(
        subprocess.run, command, env=env, capture_output=True, text=True, timeout=60, check=True
    )
    await tablet.page.locator("#code").fill(done.stdout.strip().lower())
    await tablet.page.get_by_test_id("enrol").click()
    await tablet.page.get_by_test_id("sign-in").wait_for()
    assert (await tablet.get_fact("device"))["label"] == "Tablet 12"


async def test_an_export_replaces_sending_and_is_needed_before_wiping(tablet: Tablet, tmp_path: Path) -> None:
    page, file = tablet.page, tmp_path / "device.wanderamt"
    tablet.proxy.down = True
    await tablet.complete_case("dog_registration", family="Unverwechselbar")
    await tablet.complete_case("registration_confirmation")
    device_id = await tablet.device_id()
    entries, files = await tablet.rows("entries"), await tablet.rows("files")
    await page.goto(f"{tablet.url}#/shift")
    await page.locator("[data-testid=wipe][aria-disabled=true]").wait_for()
    async with page.expect_download() as download:
        await page.get_by_test_id("export").click()
    await (await download.value).save_as(file)
    assert b"Unverwechselbar" not in file.read_bytes()
    await page.locator("[data-testid=wipe]:not([aria-disabled])").click()
    await page.get_by_role("heading", name="Gerät anmelden").wait_for()

    command = [
        str(Path(sys.executable).parent / "wanderamt"),
        "devices",
        "import",
        str(file),
        "--officer",
        "anna.huber@linz",
    ]
    env = {**os.environ, **tablet.system.env("intake")}
    for status in ("applied", "duplicate"):  # importing twice is harmless
        done = await asyncio.to_thread(
            subprocess.run, command, env=env, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"entries {status}" in done.stdout
        assert str(len(entries)) in done.stdout
    received = await tablet.sql("SELECT * FROM entry WHERE device_id = $1", device_id)
    assert {str(row["entry_id"]) for row in received} == {row["entry_id"] for row in entries}
    assert {row["status"] for row in received} == {"applied"}
    uploads = await tablet.sql("SELECT completed_at FROM attachment WHERE device_id = $1", device_id)
    assert [bool(upload["completed_at"]) for upload in uploads] == [True] * len(files)
    waiting = {"dog_registration": "waits for the register dogs"}  # which answers at night
    async with asyncio.timeout(60):  # the registers are asked in the officer's name, and answer
        while waiting != dict(
            await tablet.sql(
                "SELECT service, reason FROM case_file WHERE device_id = $1 AND state = 'provisional'", device_id
            )
        ):
            await asyncio.sleep(0.2)
    file.write_text(file.read_text()[:200] + "x" + file.read_text()[201:])
    done = await asyncio.to_thread(
        subprocess.run, command, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode != 0


async def test_a_conflict_shows_both_values_and_a_clerk_decides(tablet: Tablet, make_gallery: MakeGallery) -> None:
    """Another device has entered a different phone number meanwhile."""
    page = tablet.page
    await tablet.start_case("registration_confirmation")
    await tablet.continue_until("identify")
    await tablet.wait_until_all_sent()
    case_id = (await tablet.rows("entries"))[0]["case_id"]
    tablet.proxy.down = True
    await tablet.fill_on_other_device(case_id, {"contact": {"phone": "+43660111111", "consent": "2026-1"}})
    await page.locator("summary").click()
    await page.get_by_role("button", name="Formular ändern").click()
    await page.locator("#phone").fill("0660 222222")
    await page.locator("#consent").check()
    await page.get_by_test_id("form-done").click()
    await page.locator("[data-stage=identify]").wait_for()
    tablet.proxy.down = False
    await tablet.send_now()
    await page.locator("li[data-state=conflict]").wait_for()
    await page.get_by_text("Konflikt: Ein anderes Gerät").first.wait_for()
    await page.get_by_role("link", name="Konflikte ansehen").click()
    await page.get_by_text("+43660111111").wait_for()
    await page.get_by_text("+43660222222").wait_for()
    gallery = make_gallery(tablet, "de-conflict")
    await gallery.capture("both-values")
    await page.get_by_role("button", name="English").click()
    await gallery.capture("both-values-english")
    await page.get_by_role("button", name="Deutsch").click()
    assert gallery.violations == []
    await page.get_by_role("button", name="Das gilt").nth(1).click()
    await page.get_by_text("Keine Konflikte.").wait_for()
    await tablet.wait_until_all_sent()
    [decided] = await tablet.sql("SELECT resolution, decided_by FROM conflict WHERE case_id = $1", case_id)
    assert (decided["resolution"], decided["decided_by"]) == ("theirs", "anna.huber@linz")

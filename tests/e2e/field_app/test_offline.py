"""A complete service without a network, up to a document that anybody can verify."""

import asyncio
import sys
import time
from pathlib import Path

import httpx
from wanderamt_faults.tablet import Tablet


async def verify(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "wanderamt"),
        "verify",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, output.decode()


async def test_a_complete_service_offline_ends_with_a_verifiable_code(tablet: Tablet, tmp_path: Path) -> None:
    certificate, status_list, picture = tmp_path / "authority.pem", tmp_path / "list", tmp_path / "code.png"
    async with httpx.AsyncClient(base_url=tablet.system.url("intake")) as http:
        certificate.write_text((await http.get("/authority.pem")).text)
        status_list.write_bytes(
            (await http.get("/status-list")).content
        )  # from before: the document does not exist yet
    tablet.proxy.down = True
    begun = time.monotonic()
    await tablet.start_case("registration_confirmation")
    await tablet.continue_to_document()
    took_s = time.monotonic() - begun
    code = tablet.page.get_by_test_id("code")
    await code.screenshot(path=picture)
    print(f"offline from walk-in to document: {took_s:.1f} s")
    exit_code, output = await verify(str(picture), "--certificate", str(certificate), "--status-list", str(status_list))
    assert exit_code == 0, output
    assert "genuine and valid" in output
    assert "at a stand" in output
    stamp = str(await code.get_attribute("data-stamp"))
    assert (await verify(stamp[:-7] + "0000000", "--certificate", str(certificate)))[0] == 1

    await tablet.page.get_by_test_id("hand-over").click()
    await tablet.page.get_by_test_id("walk-in").wait_for()
    await tablet.page.goto(f"{tablet.url}#/verify")
    await tablet.page.locator("#stamp-file").set_input_files(picture)
    await tablet.page.locator("[data-verdict]").wait_for()
    assert await tablet.page.locator("[data-verdict]").get_attribute("data-verdict") == "valid"
    await tablet.page.locator("#stamp").fill(stamp[:-7] + "0000000")
    await tablet.page.get_by_test_id("verify").click()
    await tablet.page.locator("[data-verdict=forged], [data-verdict=unreadable]").wait_for()

    tablet.proxy.down = False
    await tablet.send_now()
    await tablet.wait_until_all_sent()
    case_id = (await tablet.rows("entries"))[0]["case_id"]
    async with asyncio.timeout(60):
        while (
            not (
                documents := await tablet.sql(
                    "SELECT number, pdf IS NOT NULL AS made FROM document WHERE case_id = $1", case_id
                )
            )
            or not documents[0]["made"]
        ):
            await asyncio.sleep(0.2)
    assert documents[0]["number"].startswith("UK-"), "the office issues the document under the number of the stand"
    page, file = tablet.page, tmp_path / "paper.pdf"
    await page.goto(f"{tablet.url}#/case/{case_id}")
    await page.evaluate("dispatchEvent(new Event('online'))")
    await page.get_by_text(f"Erledigt ({documents[0]['number']})").wait_for()
    async with page.expect_download() as download:
        await page.get_by_test_id("office-paper").click()
    await (await download.value).save_as(file)
    assert (await verify(str(file), "--certificate", str(certificate), "--status-list", str(status_list)))[0] == 0


async def test_a_case_needs_only_a_keyboard(tablet: Tablet) -> None:
    tablet.proxy.down = True
    page = tablet.page

    async def focus(selector: str) -> None:
        """Presses Tab until the element has the focus, and checks that the focus is visible."""
        for _ in range(60):
            if await page.evaluate("(s) => document.activeElement?.matches(s) ?? false", selector):
                width = await page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
                assert width not in {"0px", ""}, f"the focus on {selector} is not visible"
                return
            await page.keyboard.press("Tab")
        raise AssertionError(f"{selector} cannot be reached by keyboard")

    async def press(selector: str, key: str = "Enter") -> None:
        await focus(selector)
        await page.keyboard.press(key)

    async def type_text(selector: str, text: str) -> None:
        await focus(selector)
        await page.keyboard.type(text)

    await press("[data-testid=walk-in]")
    await page.locator("#language").wait_for()
    await press("[data-testid=start-registration_confirmation]")
    await page.locator("#given_name").wait_for()
    await type_text("#given_name", "Ada")
    await type_text("#family_name", "Lovelace")
    await type_text("#birth_date", "12101985")
    for fact in ("channel", "register_asked", "recipient_named"):
        await press(f"input[name=fact-{fact}]", "Space")
    await press("[data-testid=form-done]")
    await page.locator("[data-stage=identify]").wait_for()
    await press("[data-testid=identify-photo_id]")
    await page.locator("[data-stage=fee]").wait_for()
    await press("input[name=payment]", "Space")
    await press("[data-testid=pay]")
    await page.locator("[data-stage=paper]").wait_for()
    await page.get_by_test_id("code").wait_for()
    await press("[data-testid=hand-over]")
    await page.get_by_test_id("walk-in").wait_for()
    assert await tablet.unsynced() == 4

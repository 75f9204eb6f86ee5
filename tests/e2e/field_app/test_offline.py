"""A whole service without a network, ending with a paper that anybody can check."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import httpx


async def verify(*words: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "wanderamt"),
        "verify",
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, said.decode()


async def test_a_whole_service_is_finished_offline_with_a_code_that_verifies(tablet: Any, tmp_path: Path) -> None:
    certificate, listed, picture = tmp_path / "authority.pem", tmp_path / "list", tmp_path / "code.png"
    async with httpx.AsyncClient(base_url=tablet.system.url("intake")) as http:
        certificate.write_text((await http.get("/authority.pem")).text)
        listed.write_bytes((await http.get("/status-list")).content)  # of before: the paper does not exist yet
    tablet.door.down = True
    begun = time.monotonic()
    await tablet.start_case("registration_confirmation")
    await tablet.go_on_to_paper()
    took_s = time.monotonic() - begun
    code = tablet.page.get_by_test_id("code")
    await code.screenshot(path=picture)
    print(f"offline from walk-in to paper: {took_s:.1f} s")
    told, said = await verify(str(picture), "--certificate", str(certificate), "--status-list", str(listed))
    assert told == 0, said
    assert "genuine and valid" in said
    assert "at a stand" in said
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

    tablet.door.down = False
    await tablet.send_now()
    await tablet.all_sent()
    case_id = (await tablet.rows("entries"))[0]["case_id"]
    async with asyncio.timeout(60):
        while (
            not (
                made := await tablet.sql(
                    "SELECT number, pdf IS NOT NULL AS made FROM document WHERE case_id = $1", case_id
                )
            )
            or not made[0]["made"]
        ):
            await asyncio.sleep(0.2)
    assert made[0]["number"].startswith("UK-"), "the paper of the stand and that of the office are one"
    page, file = tablet.page, tmp_path / "paper.pdf"
    await page.goto(f"{tablet.url}#/case/{case_id}")
    await page.evaluate("dispatchEvent(new Event('online'))")
    await page.get_by_text(f"Erledigt ({made[0]['number']})").wait_for()
    async with page.expect_download() as download:
        await page.get_by_test_id("office-paper").click()
    await (await download.value).save_as(file)
    assert (await verify(str(file), "--certificate", str(certificate), "--status-list", str(listed)))[0] == 0


async def test_a_case_is_taken_by_keyboard_alone(tablet: Any) -> None:
    tablet.door.down = True
    page = tablet.page

    async def to(selector: str) -> None:
        """Tab, until it has the focus, which can be seen."""
        for _ in range(60):
            if await page.evaluate("(s) => document.activeElement?.matches(s) ?? false", selector):
                width = await page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
                assert width not in {"0px", ""}, f"the focus on {selector} cannot be seen"
                return
            await page.keyboard.press("Tab")
        raise AssertionError(f"{selector} is not reached by keyboard")

    async def press(selector: str, key: str = "Enter") -> None:
        await to(selector)
        await page.keyboard.press(key)

    async def write(selector: str, text: str) -> None:
        await to(selector)
        await page.keyboard.type(text)

    await press("[data-testid=walk-in]")
    await page.locator("#service").wait_for()
    await press("input[name=service]", "Space")
    await press("[data-testid=start]")
    await page.locator("#given_name").wait_for()
    await write("#given_name", "Ada")
    await write("#family_name", "Lovelace")
    await write("#birth_date", "12101985")
    for fact in ("channel", "register_asked", "recipient_named"):
        await press(f"input[name=fact-{fact}]", "Space")
    await press("[data-testid=form-done]")
    await page.locator("[data-stage=identify]").wait_for()
    await press("input[name=level]", "Space")
    await press("[data-testid=identify]")
    await page.locator("[data-stage=fee]").wait_for()
    await press("input[name=payment]", "Space")
    await press("[data-testid=pay]")
    await page.locator("[data-stage=paper]").wait_for()
    await press("[data-testid=give-paper]")
    await page.get_by_test_id("code").wait_for()
    await press("[data-testid=hand-over]")
    await page.get_by_test_id("walk-in").wait_for()
    assert await tablet.waiting() == 4

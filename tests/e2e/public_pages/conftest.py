"""A real browser. Without a browser the tests fail and show how to install one."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, async_playwright

SCREENS = Path(__file__).parents[3] / "build" / "screens"
NAMES = ("chromium", "chromium-browser", "google-chrome")
SEVERE_IMPACTS = {"serious", "critical"}


class AccessibilityChecker:
    """Checks the accessibility of a page with axe, and saves a screenshot of it."""

    def __init__(self, page: Page) -> None:
        self.page, self._axe = page, Axe()

    async def violations(self, name: str) -> list[str]:
        """The serious and critical violations, one line each. `name`: of the screenshot."""
        SCREENS.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=SCREENS / f"{name}.png", full_page=True)
        violations: Any = (await self._axe.run(self.page)).response["violations"]
        return [
            f"{violation['id']} ({violation['impact']}): {violation['help']}: {violation['nodes'][0]['html']}"
            for violation in violations
            if violation["impact"] in SEVERE_IMPACTS
        ]


@pytest_asyncio.fixture
async def checker() -> AsyncIterator[AccessibilityChecker]:
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    assert executable, "there is no Chromium: 'make test' installs it with apt if it may; else install it yourself"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 420, "height": 860})
        yield AccessibilityChecker(page)
        await browser.close()

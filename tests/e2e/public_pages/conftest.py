"""A real browser. Without one the tests fail and say how to get it."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, async_playwright

SCREENS = Path(__file__).parents[3] / "build" / "screens"
NAMES = ("chromium", "chromium-browser", "google-chrome")
GRAVE = {"serious", "critical"}


class Eye:
    """Looks at a page as a machine for people who see little, and keeps a picture of it for those who see."""

    def __init__(self, page: Page) -> None:
        self.page, self._axe = page, Axe()

    async def finds(self, name: str) -> list[str]:
        """What is serious or critical, a line each."""
        SCREENS.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=SCREENS / f"{name}.png", full_page=True)
        found: Any = (await self._axe.run(self.page)).response["violations"]
        return [
            f"{one['id']} ({one['impact']}): {one['help']}: {one['nodes'][0]['html']}"
            for one in found
            if one["impact"] in GRAVE
        ]


@pytest_asyncio.fixture
async def eye() -> AsyncIterator[Eye]:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    assert found, "there is no Chromium: 'make test' installs it with apt where it may, else install it yourself"
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 420, "height": 860})
        yield Eye(page)
        await browser.close()

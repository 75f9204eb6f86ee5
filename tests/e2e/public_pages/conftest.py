"""A real browser. Without a browser the tests fail and show how to install one."""

import shutil
from collections.abc import AsyncIterator

import pytest_asyncio
from browser_fixtures import AccessibilityChecker
from playwright.async_api import async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest_asyncio.fixture
async def checker() -> AsyncIterator[AccessibilityChecker]:
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    assert executable, "there is no Chromium: 'make test' installs it with apt if it may; else install it yourself"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 420, "height": 860})
        yield AccessibilityChecker(page)
        await browser.close()

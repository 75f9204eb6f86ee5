"""Tablets before a stand that the office knows, and a gallery of what they show."""

import asyncio
import io
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from PIL import Image
from playwright.async_api import Page, async_playwright
from wanderamt.backbone.sources import utc_now
from wanderamt.security.roles import Role
from wanderamt_faults.lossy import Lossy
from wanderamt_faults.tablet import Tablet

SHOTS = Path(__file__).parents[3] / "build" / "field-app"
GRAVE = {"serious", "critical"}
SERVICES = ["registration_confirmation", "dog_registration", "found_property_report", "registration"]


class Gallery:
    """Keeps a picture of each screen, and what axe finds serious or critical on it."""

    def __init__(self, tablet: Any, language: str) -> None:
        self.tablet, self.language, self.seen, self.found = tablet, language, 0, []

    async def look(self, name: str) -> None:
        page: Page = self.tablet.page
        await asyncio.sleep(0.3)
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.seen += 1
        await page.screenshot(path=SHOTS / f"{self.language}-{self.seen:02}-{name}.png", full_page=True)
        violations: Any = (await Axe().run(page)).response["violations"]
        self.found += [f"{name}: {one['id']} {one['nodes'][0]['html']}" for one in violations if one["impact"] in GRAVE]
        wide = await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert not wide, f"{name} scrolls sideways"


@pytest.fixture
def make_gallery() -> Callable[[Tablet, str], Gallery]:
    return Gallery


MakeTablet = Callable[..., Awaitable[Tablet]]


@pytest_asyncio.fixture
async def make_tablet(running_system: Any, tmp_path: Path, photo: bytes) -> AsyncIterator[MakeTablet]:
    """`await make_tablet(seed=1)` → a tablet that is off, before a stand that the office knows."""
    tablets: list[Tablet] = []
    async with async_playwright() as play:

        async def make(*, seed: int = 1, **options: Any) -> Tablet:
            door = Lossy(("127.0.0.1", running_system.ports["intake"]), random.Random(seed))
            await door.start()
            tablet = Tablet(
                running_system, play, tmp_path / f"profile-{len(tablets)}", door, options=options, photo=photo
            )
            tablets.append(tablet)
            await _schedule(running_system, tablet.stand_id)
            return tablet

        yield make
        for tablet in tablets:
            await tablet.switch_off()
            await tablet.door.stop()


@pytest_asyncio.fixture
async def tablet(make_tablet: MakeTablet) -> Tablet:
    """At the stand, with everything loaded, and a network."""
    made = await make_tablet()
    await made.ready()
    return made


async def _schedule(system: Any, stand_id: UUID) -> None:
    begin = utc_now() + timedelta(minutes=5)
    planner = {"Authorization": f"Bearer {system.token('p@linz', Role.PLANNER, audience='scheduling')}"}
    stand = {
        "stand_id": str(stand_id),
        "place": f"Südbahnhofmarkt {str(stand_id)[-4:]}",
        "district": "Innere Stadt",
        "starts_at": begin.isoformat(),
        "ends_at": (begin + timedelta(hours=5)).isoformat(),
        "crew": f"Team {stand_id}",
        "vehicle": f"Bus {stand_id}",
        "kit": f"Koffer {stand_id}",
        "services": SERVICES,
        "desks": 3,
        "walk_in_share": 0,
    }
    async with httpx.AsyncClient(base_url=system.url("scheduling"), headers=planner, timeout=10) as http:
        (await http.post("/stands", json=stand)).raise_for_status()
    clerk = {"Authorization": f"Bearer {system.token('c@linz', Role.CLERK, audience='intake')}"}
    async with httpx.AsyncClient(base_url=system.url("intake"), headers=clerk, timeout=10) as http, asyncio.timeout(30):
        while str(stand_id) not in {one["stand_id"] for one in (await http.get("/stands")).json()}:
            await asyncio.sleep(0.1)


def page_of(width: int) -> bytes:
    """A page as a camera takes it, so many pixels wide: not easy to press together."""
    grain = Image.effect_noise((width, width * 3 // 4), 40).convert("RGB")
    held = io.BytesIO()
    grain.save(held, "JPEG", quality=90)
    return held.getvalue()


@pytest.fixture(scope="session")
def photo() -> bytes:
    return page_of(2400)


@pytest.fixture(scope="session")
def small_photo() -> bytes:
    """More than one request of 20 s holds at 64 kbit/s, and less than two."""
    return page_of(700)

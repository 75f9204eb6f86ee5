"""Fixtures: tablets with a stand that intake knows, and screenshots with an accessibility check."""

import asyncio
import io
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from browser_fixtures import Gallery, MakeGallery, MakeTablet
from PIL import Image
from playwright.async_api import async_playwright
from wanderamt.backbone.environment import utc_now
from wanderamt.security.roles import Role
from wanderamt_faults.lossy_proxy import LossyProxy
from wanderamt_faults.tablet import Tablet
from wanderamt_local.system import System

SERVICES = ["registration_confirmation", "dog_registration", "found_property_report", "registration"]


@pytest.fixture
def make_gallery() -> MakeGallery:
    return Gallery


@pytest_asyncio.fixture
async def make_tablet(running_system: System, tmp_path: Path, photo: bytes) -> AsyncIterator[MakeTablet]:
    """`await make_tablet(seed=1)` returns a tablet that is switched off; intake knows its stand."""
    tablets: list[Tablet] = []
    async with async_playwright() as playwright:

        async def make(*, seed: int = 1, **options: Any) -> Tablet:
            door = LossyProxy(("127.0.0.1", running_system.ports["intake"]), random.Random(seed))
            await door.start()
            tablet = Tablet(
                running_system, playwright, tmp_path / f"profile-{len(tablets)}", door, options=options, photo=photo
            )
            tablets.append(tablet)
            await _schedule_stand(running_system, tablet.stand_id)
            return tablet

        yield make
        for tablet in tablets:
            await tablet.switch_off()
            await tablet.proxy.stop()


@pytest_asyncio.fixture
async def tablet(make_tablet: MakeTablet) -> Tablet:
    """A tablet at the stand: enrolled, signed in, bundle loaded, with a network."""
    tablet = await make_tablet()
    await tablet.prepare()
    return tablet


async def _schedule_stand(system: System, stand_id: UUID) -> None:
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
        while str(stand_id) not in {stand["stand_id"] for stand in (await http.get("/stands")).json()}:
            await asyncio.sleep(0.1)


def noisy_photo(width: int) -> bytes:
    """A JPEG of `width` pixels with noise, so that it compresses as badly as a camera photo."""
    grain = Image.effect_noise((width, width * 3 // 4), 40).convert("RGB")
    buffer = io.BytesIO()
    grain.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def photo() -> bytes:
    return noisy_photo(2400)


@pytest.fixture(scope="session")
def small_photo() -> bytes:
    """Larger than one request of 20 s at 64 kbit/s can carry, and smaller than two."""
    return noisy_photo(700)

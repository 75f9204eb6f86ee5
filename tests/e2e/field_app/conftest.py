"""Fixtures: tablets with a stand that intake knows, and screenshots with an accessibility check."""

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from browser_fixtures import Gallery, MakeGallery, MakeTablet
from playwright.async_api import async_playwright
from stand_fixtures import noisy_photo, schedule_stand
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
            await schedule_stand(running_system, tablet.stand_id, SERVICES)
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


@pytest.fixture(scope="session")
def photo() -> bytes:
    return noisy_photo(2400)


@pytest.fixture(scope="session")
def small_photo() -> bytes:
    """Larger than one request of 20 s at 64 kbit/s can carry, and smaller than two."""
    return noisy_photo(700)

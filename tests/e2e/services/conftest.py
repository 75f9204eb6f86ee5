"""Fixtures: one running system and one tablet for all services."""

import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import async_playwright
from service_desk import Desk
from service_stack import ServiceSystem, new_system
from stand_fixtures import noisy_photo, schedule_stand
from wanderamt_faults.lossy_proxy import LossyProxy
from wanderamt_faults.tablet import Tablet
from wanderamt_local.state import StateFolder
from wanderamt_testing.servers import LoopThread

SERVICES = [
    *("registration_confirmation", "registration", "deregistration", "dog_registration", "resident_parking"),
    *("found_property_report", "lost_property_report", "active_pass", "voting_card", "residence_information"),
    *("household_confirmation", "life_certificate", "advice"),
]


@pytest.fixture(scope="session")
def register_system(loop_thread: LoopThread) -> Iterator[ServiceSystem]:
    """The whole system, with registers that know the citizens of the visits."""
    folder = Path(tempfile.mkdtemp(prefix="wanderamt-services-"))
    system = new_system(StateFolder(folder))
    loop_thread.run(system.start())
    yield system
    loop_thread.run(system.stop())
    shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def desk(register_system: ServiceSystem, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """A tablet at a stand that offers everything, with a network."""
    async with async_playwright() as playwright, httpx.AsyncClient(timeout=20) as client:
        door = LossyProxy(("127.0.0.1", register_system.ports["intake"]), random.Random(1))
        await door.start()
        tablet = Tablet(
            register_system,
            playwright,
            tmp_path_factory.mktemp("profile"),
            door,
            options={"has_touch": True},
            photo=noisy_photo(700),
        )
        await schedule_stand(register_system, tablet.stand_id, SERVICES)
        await tablet.prepare()
        yield Desk(tablet, register_system, client)
        await tablet.switch_off()
        await door.stop()

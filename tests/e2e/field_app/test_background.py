"""The browser wakes the worker when there is a network again, with no tab of the app open."""

import asyncio
from typing import Any


async def test_the_worker_sends_what_waits_without_a_tab(tablet: Any) -> None:
    tablet.door.down = True
    await tablet.whole("registration_confirmation")
    device_id = await tablet.device_id()
    session = await tablet.context.new_cdp_session(tablet.page)
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: [found.set_result(one["registrationId"]) for one in told["registrations"] if not found.done()],
    )
    await session.send("ServiceWorker.enable")
    registration = await asyncio.wait_for(found, 10)
    other = await tablet.context.new_page()
    waker = await tablet.context.new_cdp_session(other)
    await waker.send("ServiceWorker.enable")
    await tablet.page.close()
    tablet.door.down = False
    async with asyncio.timeout(60):
        while len(await tablet.sql("SELECT 1 FROM entry WHERE device_id = $1", device_id)) < 4:
            about = {"origin": tablet.door.url, "registrationId": registration, "tag": "outbox", "lastChance": False}
            await waker.send("ServiceWorker.dispatchSyncEvent", about)
            await asyncio.sleep(1)
    await tablet.open("#/queue")
    await tablet.all_sent()

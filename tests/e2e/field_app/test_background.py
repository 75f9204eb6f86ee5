"""Background Sync: the browser wakes the service worker when the network is back, without an open tab."""

import asyncio
from typing import Any

from wanderamt_faults.tablet import Tablet


async def test_the_service_worker_sends_the_outbox_without_a_tab(tablet: Tablet) -> None:
    tablet.proxy.down = True
    await tablet.complete_case("registration_confirmation")
    device_id = await tablet.device_id()
    assert tablet.context
    session = await tablet.context.new_cdp_session(tablet.page)
    registered: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def on_registration(event: dict[str, Any]) -> None:
        for registration in event["registrations"]:
            if not registered.done():
                registered.set_result(registration["registrationId"])

    session.on("ServiceWorker.workerRegistrationUpdated", on_registration)
    await session.send("ServiceWorker.enable")
    registration_id = await asyncio.wait_for(registered, 10)
    other_page = await tablet.context.new_page()
    waker = await tablet.context.new_cdp_session(other_page)
    await waker.send("ServiceWorker.enable")
    await tablet.page.close()
    tablet.proxy.down = False
    async with asyncio.timeout(60):
        while len(await tablet.sql("SELECT 1 FROM entry WHERE device_id = $1", device_id)) < 4:
            sync_event = {
                "origin": tablet.proxy.url,
                "registrationId": registration_id,
                "tag": "outbox",
                "lastChance": False,
            }
            await waker.send("ServiceWorker.dispatchSyncEvent", sync_event)
            await asyncio.sleep(1)
    await tablet.open("#/queue")
    await tablet.wait_until_all_sent()

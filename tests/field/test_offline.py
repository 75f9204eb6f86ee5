"""A whole service without a network, ending with a paper that anybody can check."""

from typing import Any


async def test_a_whole_service_is_finished_offline(tablet: Any) -> None:
    tablet.door.down = True
    stamp = await tablet.confirmation()
    assert stamp.startswith("WA1:")
    assert await tablet.waiting() == 4
    tablet.door.down = False
    await tablet.page.goto(f"{tablet.url}#/outbox")
    await tablet.page.get_by_test_id("send-now").click()
    await tablet.all_sent()

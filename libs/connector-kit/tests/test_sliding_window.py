"""A process that was busy does not exceed the rate afterwards."""

import asyncio
import time

import pytest
from connector_kit.resilience.sliding_window import SlidingWindow


@pytest.mark.parametrize("rate", [20, 200])
async def test_delayed_calls_stay_within_the_rate(rate: int) -> None:
    window, begun = SlidingWindow(rate), []
    loop = asyncio.get_running_loop()

    async def call(number: int) -> None:
        await asyncio.sleep(number / rate)
        await window.wait_for_slot()
        begun.append(loop.time())

    calls = [asyncio.create_task(call(number)) for number in range(2 * rate)]
    await asyncio.sleep(0.3)
    time.sleep(0.5)  # noqa: ASYNC251 -- the busy process
    await asyncio.gather(*calls)
    assert len(begun) == 2 * rate
    assert all(later - earlier >= 1.0 for earlier, later in zip(begun, begun[rate:], strict=False))


async def test_a_rate_below_one_per_second_holds() -> None:
    window = SlidingWindow(2.5)
    begun = []
    for _ in range(4):
        await window.wait_for_slot()
        begun.append(asyncio.get_running_loop().time())
    assert begun[3] - begun[0] >= 1.0

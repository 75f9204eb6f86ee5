"""A process that was busy does not make up for it all at once."""

import asyncio
import time

import pytest
from connector_kit.window import Window


@pytest.mark.parametrize("rate", [20, 200])
async def test_calls_whose_turn_came_while_the_loop_was_busy_stay_within_the_rate(rate: int) -> None:
    window, begun = Window(rate), []
    loop = asyncio.get_running_loop()

    async def call(number: int) -> None:
        await asyncio.sleep(number / rate)
        await window.enter()
        begun.append(loop.time())

    calls = [asyncio.create_task(call(number)) for number in range(2 * rate)]
    await asyncio.sleep(0.3)
    time.sleep(0.5)  # noqa: ASYNC251 -- the busy process
    await asyncio.gather(*calls)
    assert len(begun) == 2 * rate
    assert all(later - earlier >= 1.0 for earlier, later in zip(begun, begun[rate:], strict=False))


async def test_a_rate_below_one_a_second_is_kept_too() -> None:
    window = Window(2.5)
    begun = []
    for _ in range(4):
        await window.enter()
        begun.append(asyncio.get_running_loop().time())
    assert begun[3] - begun[0] >= 1.0

"""A process that was busy does not exceed the rate afterwards."""

import asyncio
import time

import pytest
from connector_kit.resilience.call_pacer import CallPacer


async def begin_calls(rate: int, *, seconds: float) -> list[float]:
    """When the calls of a process began that was held up for half a second. Each has its slot at the rate."""
    pacer, begun = CallPacer(rate), []
    loop = asyncio.get_running_loop()

    async def call(number: int) -> None:
        await asyncio.sleep(number / rate)
        await pacer.wait_for_turn()
        begun.append(loop.time())

    calls = [asyncio.create_task(call(number)) for number in range(round(seconds * rate))]
    await asyncio.sleep(0.3)
    time.sleep(0.5)  # noqa: ASYNC251 -- the busy process
    await asyncio.gather(*calls)
    assert len(begun) == len(calls)
    return begun


@pytest.mark.parametrize("rate", [20, 200])
async def test_delayed_calls_stay_within_the_rate(rate: int) -> None:
    begun = await begin_calls(rate, seconds=2)
    assert all(later - earlier >= 1.0 for earlier, later in zip(begun, begun[rate:], strict=False))


async def test_delayed_calls_do_not_begin_together() -> None:
    begun = await begin_calls(100, seconds=1)
    assert all(later - earlier >= 0.1 for earlier, later in zip(begun, begun[12:], strict=False))


async def test_a_rate_that_timers_cannot_keep_is_not_exceeded() -> None:
    pacer, loop = CallPacer(5000), asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(pacer.wait_for_turn() for _ in range(2000)))
    assert loop.time() - began >= 2000 / 5000 - 0.02


async def test_a_rate_below_one_per_second_holds() -> None:
    pacer = CallPacer(2.5)
    begun = []
    for _ in range(4):
        await pacer.wait_for_turn()
        begun.append(asyncio.get_running_loop().time())
    assert begun[3] - begun[0] >= 1.0


async def test_a_cancelled_call_takes_no_turn() -> None:
    pacer, loop = CallPacer(rate_per_s=2), asyncio.get_running_loop()
    await pacer.wait_for_turn()
    first_at = loop.time()
    waiting = asyncio.create_task(pacer.wait_for_turn())
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await pacer.wait_for_turn()
    assert loop.time() - first_at < 0.9

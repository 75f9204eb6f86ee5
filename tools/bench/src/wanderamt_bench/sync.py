"""Entries per second through POST /sync, beside a door that writes the same by one insert of many rows."""

import asyncio
from time import perf_counter

from wanderamt_bench.door import Door, bare_door, intake_alone
from wanderamt_bench.stage import Stage

CLIENTS = 4


async def bench_sync(stage: Stage) -> None:
    async with bare_door(stage) as bare, intake_alone(stage) as (_, ours):
        for size in (50, 1):
            count = stage.rows(10_000 if size > 1 else 1500)
            for door in (bare, ours):
                await entries_per_s(door, count // 5, size)
            pairs = [
                (await entries_per_s(bare, count, size), await entries_per_s(ours, count, size))
                for _ in range(stage.rounds)
            ]
            load = f"{count} entries, {CLIENTS} clients"
            stage.note(f"sync of {size} / bare multi-row insert", "entries/s", pairs, load)


async def entries_per_s(door: Door, count: int, size: int) -> float:
    """A burst of `count` entries in requests of `size`."""
    batches = [door.lines(size) for _ in range(count // size)]
    begun = perf_counter()

    async def client() -> None:
        while batches:
            await door.sync(batches.pop())

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return count / (perf_counter() - begun)

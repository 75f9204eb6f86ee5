"""Entries per second through POST /sync, compared with an endpoint that writes the same rows with one INSERT."""

import asyncio
from time import perf_counter

from wanderamt_bench.bench_environment import BenchEnvironment
from wanderamt_bench.sync_endpoint import SyncEndpoint, bare_endpoint, intake_alone

CLIENTS = 4


async def bench_sync(bench: BenchEnvironment) -> None:
    async with bare_endpoint(bench) as bare, intake_alone(bench) as (_, ours):
        for size in (50, 1):
            count = bench.scaled(10_000 if size > 1 else 1500)
            for endpoint in (bare, ours):
                await entries_per_s(endpoint, count // 5, size)
            pairs = [
                (await entries_per_s(bare, count, size), await entries_per_s(ours, count, size))
                for _ in range(bench.rounds)
            ]
            load = f"{count} entries, {CLIENTS} clients"
            bench.record(f"sync of {size} / bare multi-row insert", "entries/s", pairs, load)


async def entries_per_s(endpoint: SyncEndpoint, count: int, size: int) -> float:
    """Sends `count` entries in requests of `size` entries, as fast as possible."""
    batches = [endpoint.entry_lines(size) for _ in range(count // size)]
    begun = perf_counter()

    async def client() -> None:
        while batches:
            await endpoint.sync(batches.pop())

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return count / (perf_counter() - begun)

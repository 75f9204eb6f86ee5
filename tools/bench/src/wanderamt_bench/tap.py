"""Time from the last tap of a crew to the arrival of the citizen's SMS at the gateway, compared with the bare chain."""

import asyncio
import random
from collections.abc import Sequence

import httpx
from wanderamt.backbone.environment import utc_now

from wanderamt_bench.bench_environment import BenchEnvironment, quantile
from wanderamt_bench.sync_endpoint import SyncEndpoint, UntracedSystem, bare_endpoint, whole_system

TAPS_PER_S = {"idle": 1.0, "under half load": 8.0}


async def bench_tap(bench: BenchEnvironment) -> None:
    async with whole_system(bench) as (system, ours):
        third_parties = f"{system.url('residents')}/soap", f"{system.url('sms')}/messages", system.state.secrets.sms_key
        async with bare_endpoint(bench, *third_parties) as bare:
            warm_up = bench.scaled(20, quick=3)
            for _ in range(1 if bench.quick else 2):
                await measure_taps([(system, bare)], warm_up, 4.0)
                await measure_taps([(system, ours)], warm_up, 4.0)
            for load, per_s in TAPS_PER_S.items():
                count = bench.scaled(200, quick=8) if per_s > 1 else bench.scaled(60, quick=3)
                rounds = []
                for _ in range(bench.rounds):
                    [bare_ms] = await measure_taps([(system, bare)], count, per_s)
                    [ours_ms] = await measure_taps([(system, ours)], count, per_s)
                    rounds.append((bare_ms, ours_ms))
                for share, name in ((0.5, "p50"), (0.99, "p99")):
                    pairs = [(quantile(bare_ms, share), quantile(ours_ms, share)) for bare_ms, ours_ms in rounds]
                    bench.record(
                        f"tap to SMS {name} {load}", "ms", pairs, f"{count} taps at {per_s:.0f}/s, one case each"
                    )


async def measure_taps(
    systems: Sequence[tuple[UntracedSystem, SyncEndpoint]], count: int, per_s: float
) -> list[list[float]]:
    """The milliseconds of each tap, by system. The systems take turns; a random offset keeps taps out of step with timers.

    `per_s`: taps per second of all systems together; `count`: taps per system.
    """
    rng = random.Random(count)  # the same moments for both systems of a pair
    loop = asyncio.get_running_loop()
    tapped: list[dict[str, float]] = [{} for _ in systems]  # by phone number: each tap has its own
    first = int(utc_now().timestamp() * 1000) % 10**9
    begun = loop.time()
    sending: list[asyncio.Task[None]] = []
    for number in range(count * len(systems)):
        await asyncio.sleep(max(0.0, begun + (number + rng.uniform(0, 0.5)) / per_s - loop.time()))
        place = number % len(systems)
        phone = f"+43660{(first + number) % 10**8:08}"
        tapped[place][phone] = utc_now().timestamp()
        endpoint = systems[place][1]
        sending.append(asyncio.create_task(endpoint.sync(endpoint.entry_lines(1, phone=phone, whole=True))))
    await asyncio.gather(*sending)
    return [await _arrived(system, phones) for (system, _), phones in zip(systems, tapped, strict=True)]


async def _arrived(system: UntracedSystem, tapped: dict[str, float]) -> list[float]:
    async with asyncio.timeout(120), httpx.AsyncClient(timeout=10) as client:
        while True:
            messages = (await client.get(system.simulator_url("gate"))).json()["messages"]
            arrived = {sms["to"]: sms["at"] for sms in messages if sms["to"] in tapped and "fertig" in sms["text"]}
            if len(arrived) == len(tapped):
                return [(arrived[phone] - at) * 1000 for phone, at in tapped.items()]
            await asyncio.sleep(0.3)

"""From the tap of a crew to the gateway's receipt of the citizen's SMS, beside one process that does the same by hand."""

import asyncio
import random
from collections.abc import Sequence

import httpx
from wanderamt.backbone.sources import utc_now

from wanderamt_bench.door import Door, Untraced, bare_door, whole_system
from wanderamt_bench.stage import Stage, quantile

TAPS_PER_S = {"idle": 1.0, "under half load": 8.0}


async def bench_tap(stage: Stage) -> None:
    async with whole_system(stage) as (system, ours):
        third_parties = f"{system.url('residents')}/soap", f"{system.url('sms')}/messages", system.state.secrets.sms_key
        async with bare_door(stage, *third_parties) as bare:
            for _ in range(2):
                await taps([(system, bare)], 20, 4.0)
                await taps([(system, ours)], 20, 4.0)
            for load, per_s in TAPS_PER_S.items():
                count = stage.rows(200 if per_s > 1 else 60)
                rounds = []
                for _ in range(stage.rounds):
                    [bare_ms] = await taps([(system, bare)], count, per_s)
                    [ours_ms] = await taps([(system, ours)], count, per_s)
                    rounds.append((bare_ms, ours_ms))
                for share, name in ((0.5, "p50"), (0.99, "p99")):
                    pairs = [(quantile(one, share), quantile(two, share)) for one, two in rounds]
                    stage.note(
                        f"tap to SMS {name} {load}", "ms", pairs, f"{count} taps at {per_s:.0f}/s, one case each"
                    )


async def taps(ways: Sequence[tuple[Untraced, Door]], count: int, per_s: float) -> list[list[float]]:
    """Milliseconds of each tap, by way: they take turns. Not in step with any timer, as people are not.

    `per_s`: of all together; `count`: of each.
    """
    rng = random.Random(count)  # the same moments for both of a pair
    loop = asyncio.get_running_loop()
    tapped: list[dict[str, float]] = [{} for _ in ways]  # by the phone number: every tap has its own
    first = int(utc_now().timestamp() * 1000) % 10**9
    begun = loop.time()
    sending: list[asyncio.Task[None]] = []
    for number in range(count * len(ways)):
        await asyncio.sleep(max(0.0, begun + (number + rng.uniform(0, 0.5)) / per_s - loop.time()))
        way = number % len(ways)
        phone = f"+43660{(first + number) % 10**8:08}"
        tapped[way][phone] = utc_now().timestamp()
        door = ways[way][1]
        sending.append(asyncio.create_task(door.sync(door.lines(1, phone=phone, whole=True))))
    await asyncio.gather(*sending)
    return [await _arrived(system, phones) for (system, _), phones in zip(ways, tapped, strict=True)]


async def _arrived(system: Untraced, tapped: dict[str, float]) -> list[float]:
    async with asyncio.timeout(120), httpx.AsyncClient(timeout=10) as client:
        while True:
            seen = (await client.get(system.knobs("gate"))).json()["messages"]
            arrived = {one["to"]: one["at"] for one in seen if one["to"] in tapped and "fertig" in one["text"]}
            if len(arrived) == len(tapped):
                return [(arrived[phone] - at) * 1000 for phone, at in tapped.items()]
            await asyncio.sleep(0.3)

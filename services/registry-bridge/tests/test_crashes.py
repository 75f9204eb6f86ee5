"""Seeded runs against the traffic office with kills and time-outs: nothing lost, nothing done twice.

By the kit's own driver in a loop whose clock jumps (RUNS=1000 is the whole of it, and what runs here), and by the
service itself with its database, its runner killed at any moment.
"""

import asyncio
import os
import random
from datetime import timedelta
from typing import Any

import pytest
from connector_kit.conformance.candidate import Candidate
from connector_kit.conformance.loop import run
from connector_kit.conformance.rig import DAY_S, Rig, crash_expected
from connector_kit.driver import Asked, Crash, Fate, Point
from connector_kit.folder import read_folder
from connector_kit.manifest import Effect
from connector_kit.simulator import Knobs
from registry_bridge.bridges import HERE
from registry_bridge.bridges.parking.simulator import Simulator
from wanderamt.backbone.jobs import Jobs

RUNS = int(os.environ.get("RUNS", "1000"))
PARKING = Candidate.of(read_folder(HERE / "parking"))
SHARES = (0.0, 0.1, 0.3)
GRANT = {"zone": "A", "valid_from": "2026-12-01", "months": 24}


def test_a_thousand_seeded_runs_lose_and_double_nothing() -> None:
    humans = ended = 0
    for seed in range(RUNS):
        rig = run(lambda seed=seed: one_run(seed))  # type: ignore[misc]
        for asked in rig.ledger.asked.values():
            done = rig.simulator.seen.effects[str(asked.id)]
            effect = PARKING.manifest.operations[asked.operation].effect
            assert done <= 1, f"seed {seed}: {asked.operation} had its effect {done} times"
            if asked.fate is Fate.FOR_HUMAN:
                assert effect is Effect.UNSAFE, f"seed {seed}: {asked.operation} was left to a human"
                humans += 1
            else:
                assert asked.fate is Fate.ENDED, f"seed {seed}: {asked.operation} is lost: {asked.fate} {asked.code}"
                ended += 1
            if effect is Effect.KEY:
                assert done == 1, f"seed {seed}: {asked.operation} is answered and was not done"
    assert ended > 5 * RUNS
    assert humans > RUNS / 50  # the runs do reach what nobody can know


async def one_run(seed: int) -> Rig:
    """Twelve requests of twelve cases, kills at chance, a register that fails and forgets to answer."""
    chance = random.Random(seed)  # noqa: S311 -- faults on command
    rig = Rig(
        PARKING,
        error_share=chance.choice(SHARES),
        apply_then_timeout_share=chance.choice(SHARES),
        cut_share=chance.choice(SHARES),
        hang_s=chance.choice((4.9, 30.0)),
    )
    kills = chance.randrange(6)
    for _ in range(4):
        for name in PARKING.manifest.operations:
            rig.ask(name)
    for _ in range(kills):
        rig.new_driver(dies(chance))
        with crash_expected():
            await rig.run(chance.uniform(1, 600))
    rig.new_driver()
    rig.turn(error_share=0.0, cut_share=0.0, apply_then_timeout_share=0.0)
    await rig.run(DAY_S)
    return rig


def dies(chance: random.Random) -> Any:
    left = chance.randrange(1, 20)

    def at(_: Point, __: Asked) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise Crash

    return at


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_service_killed_at_any_moment_loses_and_doubles_nothing(
    serve: Any, open_house: Any, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 -- as above
    knobs = Knobs(latency_s=0.02, jitter_s=0.02, error_share=0.2, cut_share=0.1, apply_then_timeout_share=0.1, hang_s=1)
    office = Simulator(knobs=knobs, seed=seed)
    async with open_house({"parking": await serve(office)}) as house:
        orders = [
            await house.ask("parking", "grant_permit", GRANT | {"plate": f"L {number:05}A"}) for number in range(20)
        ]
        fees = [
            await house.ask("parking", "book_fee", {"plate": f"L {number:05}A", "cents": 6870}) for number in range(20)
        ]
        jobs = house.service.parts["jobs"]
        for _ in range(8):
            await asyncio.sleep(chance.uniform(0.05, 0.6))
            jobs = await killed(house, jobs)
        office.knobs = Knobs(latency_s=0.01)
        await settled(house)
        await jobs.stop()
        assert all(office.seen.effects[str(one)] <= 1 for one in fees)
        for one in orders:
            assert (await house.row(one))["verdict"] == "confirmed"
            assert office.seen.effects[str(one)] == 1
        for one in fees:
            row = await house.row(one)
            assert row["state"] == "for_human" or (row["verdict"], office.seen.effects[str(one)]) == ("confirmed", 1)


async def killed(house: Any, jobs: Jobs) -> Jobs:
    """As by kill -9: nothing is drained or written any more; another runner finds the rows as they are."""
    for task in [*jobs._tasks, *jobs._running.values()]:
        task.cancel()
    await asyncio.gather(*jobs._tasks, *jobs._running.values(), return_exceptions=True)
    another = Jobs(house.database, jobs.lanes)
    await another.start()
    return another


async def settled(house: Any) -> None:
    """Until every request is answered or left to a human; the clock runs ahead of leases and schedules."""
    async with asyncio.timeout(60):
        while await house.rows("SELECT 1 FROM request WHERE state = 'waiting' LIMIT 1"):
            await asyncio.sleep(0.3)
            if not await house.rows("SELECT 1 FROM job WHERE leased_until > $1", house.now()):
                house.ahead += timedelta(seconds=30)

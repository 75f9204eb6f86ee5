"""Seeded runs against the registers with kills and time-outs: nothing is lost, nothing happens twice.

Once with the kit's driver in an event loop whose clock jumps (RUNS=1000 by default for the traffic office, a tenth
for each other register), once with the service and its database, its job runner killed at random moments.
"""

import asyncio
import os
import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from connector_kit.call_outcome import Succeeded
from connector_kit.conformance.harness import DAY_S, Harness, crash_expected
from connector_kit.conformance.loop import run
from connector_kit.conformance.subject import BridgeUnderTest
from connector_kit.folder import read_folder
from connector_kit.manifest.operation import Idempotency
from connector_kit.testing.driver import DrivenRequest, DrivenRequestState, DriverStage, SimulatedCrashError
from connector_kit.testing.simulator import FaultConfig
from registry_bridge.bridges import BRIDGES_FOLDER
from registry_bridge.bridges.parking.simulator import ParkingSimulator
from registry_bridge_fixtures import BridgeEnv, OpenBridgeEnv
from wanderamt.backbone.jobs.runner import JobRunner
from wanderamt_testing.simulator_server import ServeSimulator

RUNS = int(os.environ.get("RUNS", "1000"))
PARKING = BridgeUnderTest.of(read_folder(BRIDGES_FOLDER / "parking"))
SHARES = (0.0, 0.1, 0.3)
GRANT = {"zone": "A", "valid_from": "2026-12-01", "months": 24}


def test_seeded_runs_lose_nothing_and_do_nothing_twice() -> None:
    left_to_operator, ended = audited_runs(PARKING, RUNS)
    assert ended > 5 * RUNS
    assert left_to_operator > RUNS / 50  # the runs do produce uncertain effects


@pytest.mark.parametrize("name", ["residents", "vehicles", "lost_property", "electoral_roll", "social"])
def test_no_register_does_anything_twice_or_without_an_answer(name: str) -> None:
    subject, runs = BridgeUnderTest.of(read_folder(BRIDGES_FOLDER / name)), max(1, RUNS // 10)
    left_to_operator, ended = audited_runs(subject, runs)
    assert (left_to_operator, ended) == (0, runs * 4 * len(subject.manifest.operations))


def audited_runs(subject: BridgeUnderTest, runs: int) -> tuple[int, int]:
    """(requests left to an operator, requests that ended)."""
    left_to_operator = ended = 0
    for seed in range(runs):
        harness = run(lambda seed=seed: run_once(subject, seed))  # type: ignore[misc]
        for request in harness.store.requests.values():
            done = harness.simulator.call_log.effects[str(request.id)]
            effect = subject.manifest.operations[request.operation].idempotency
            assert done <= 1, f"seed {seed}: {request.operation} had its effect {done} times"
            if request.state is DrivenRequestState.NEEDS_OPERATOR:
                assert effect is Idempotency.NONE, f"seed {seed}: {request.operation} was left to an operator"
                left_to_operator += 1
                continue
            assert request.state is DrivenRequestState.COMPLETED, (
                f"seed {seed}: {request.operation} is lost: {request.state} {request.code}"
            )
            ended += 1
            if effect is Idempotency.BY_KEY:
                assert done == isinstance(request.outcome, Succeeded), (
                    f"seed {seed}: {request.operation} ended as {request.outcome} and had its effect {done} times"
                )
    return left_to_operator, ended


async def run_once(subject: BridgeUnderTest, seed: int) -> Harness:
    """Four requests for each operation, random kills, a register that fails and loses answers."""
    chance = random.Random(seed)  # noqa: S311 -- injected faults
    harness = Harness(
        subject,
        error_share=chance.choice(SHARES),
        apply_then_timeout_share=chance.choice(SHARES),
        cut_share=chance.choice(SHARES),
        hang_s=chance.choice((4.9, 30.0)),
    )
    kills = chance.randrange(6)
    for _ in range(4):
        for name in subject.manifest.operations:
            harness.submit(name)
    for _ in range(kills):
        harness.new_driver(crash_at_random(chance))
        with crash_expected():
            await harness.run(chance.uniform(1, 600))
    harness.new_driver()
    harness.set_faults(error_share=0.0, cut_share=0.0, apply_then_timeout_share=0.0)
    await harness.run(DAY_S)
    return harness


def crash_at_random(chance: random.Random) -> Callable[[DriverStage, DrivenRequest], None]:
    left = chance.randrange(1, 20)

    def crash(_: DriverStage, __: DrivenRequest) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise SimulatedCrashError

    return crash


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_service_killed_at_any_moment_loses_nothing_and_does_nothing_twice(
    serve: ServeSimulator, open_bridge_env: OpenBridgeEnv, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 -- as above
    faults = FaultConfig(
        latency_s=0.02, jitter_s=0.02, error_share=0.2, cut_share=0.1, apply_then_timeout_share=0.1, hang_s=1
    )
    simulator = ParkingSimulator(faults=faults, seed=seed)
    async with open_bridge_env({"parking": await serve(simulator)}) as bridge_env:
        orders = [
            await bridge_env.ask("parking", "grant_permit", GRANT | {"plate": f"L {number:05}A"})
            for number in range(20)
        ]
        fees = [
            await bridge_env.ask("parking", "book_fee", {"plate": f"L {number:05}A", "cents": 6870})
            for number in range(20)
        ]
        jobs = bridge_env.jobs
        for _ in range(8):
            await asyncio.sleep(chance.uniform(0.05, 0.6))
            jobs = await kill_runner(bridge_env, jobs)
        simulator.faults = FaultConfig(latency_s=0.01)
        await wait_until_idle(bridge_env)
        await jobs.stop()
        assert all(simulator.call_log.effects[str(fee)] <= 1 for fee in fees)
        for order in orders:
            assert (await bridge_env.row(order))["outcome"] == "confirmed"
            assert simulator.call_log.effects[str(order)] == 1
        for fee in fees:
            row = await bridge_env.row(fee)
            assert row["state"] == "needs_operator" or (row["outcome"], simulator.call_log.effects[str(fee)]) == (
                "confirmed",
                1,
            )


async def kill_runner(bridge_env: BridgeEnv, jobs: JobRunner) -> JobRunner:
    """As by kill -9: nothing is drained or written; a new runner starts from the rows as they are."""
    for task in [*jobs._tasks, *jobs._running.values()]:
        task.cancel()
    for state in jobs._states:
        await state.completion.stop()
    await asyncio.gather(*jobs._tasks, *jobs._running.values(), return_exceptions=True)
    restarted = JobRunner(bridge_env.database, jobs.handlers)
    await restarted.start()
    return restarted


async def wait_until_idle(bridge_env: BridgeEnv) -> None:
    """Waits until every request is answered or left to an operator; the clock jumps past leases and schedules."""
    async with asyncio.timeout(60):
        while await bridge_env.rows("SELECT 1 FROM request WHERE state = 'waiting' LIMIT 1"):
            await asyncio.sleep(0.3)
            if not await bridge_env.rows(
                "SELECT 1 FROM job WHERE status = 'running' AND lease_expires_at > $1", bridge_env.clock()
            ):
                bridge_env.clock.ahead += timedelta(seconds=30)

"""Interactive lookups: within two seconds a fresh answer, a cached one with its time, or the expected wait."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from connector_kit.testing.simulator import FaultConfig
from registry_bridge.bridges.parking.simulator import ParkingSimulator
from registry_bridge_fixtures import BridgeEnv, OpenBridgeEnv
from uuid_utils.compat import uuid7
from wanderamt_testing.simulator_server import ServeSimulator

QUIET = FaultConfig(latency_s=0.01)
PERMIT = {"plate": "L 123AB", "zone": "A", "valid_from": "2026-12-01", "months": 24}


CASE = uuid7()


def lookup(**other: Any) -> dict[str, Any]:
    body = {
        "register_name": "parking",
        "operation": "find_permit",
        "case_id": str(CASE),
        "purpose": "StVO-45-4",
        "question": {"plate": "L 123AB"},
    }
    return body | other


@pytest_asyncio.fixture
async def lookups_env(
    serve: ServeSimulator, open_bridge_env: OpenBridgeEnv
) -> AsyncIterator[tuple[ParkingSimulator, BridgeEnv]]:
    simulator = ParkingSimulator(faults=QUIET)
    async with open_bridge_env({"parking": await serve(simulator)}, lookups_per_hour=8) as bridge_env:
        await bridge_env.wait_for_state(await bridge_env.ask("parking", "grant_permit", PERMIT))
        await bridge_env.deliver_case_events(bridge_env.opened(CASE, "parking find_permit StVO-45-4"))
        yield simulator, bridge_env


async def look_up(bridge_env: BridgeEnv, **other: Any) -> tuple[dict[str, Any], float]:
    """The answer, and how many seconds it took."""
    started = time.perf_counter()
    async with bridge_env.clerk_client() as client:
        reply = await client.post("/lookups", json=lookup(**other))
    assert reply.status_code == 200, reply.text
    return reply.json(), time.perf_counter() - started


async def test_the_answer_of_a_register_is_delivered_and_cached(
    lookups_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    simulator, bridge_env = lookups_env
    first, _ = await look_up(bridge_env)
    assert (first["freshness"], first["outcome"]) == ("fresh", "confirmed")
    assert first["answer"]["number"] == "P-000001"
    calls = simulator.call_log.calls.total()
    second, _ = await look_up(
        bridge_env, question={"plate": "L 123AB", "unknown": 1}
    )  # the same question in another form
    assert (second["freshness"], second["answer"]) == ("cached", first["answer"])
    assert datetime.fromisoformat(second["as_of"]) <= datetime.fromisoformat(first["as_of"])
    assert simulator.call_log.calls.total() == calls


async def test_while_the_register_is_down_an_older_answer_is_delivered_with_its_time(
    lookups_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    simulator, bridge_env = lookups_env
    first, _ = await look_up(bridge_env)
    simulator.faults = QUIET.model_copy(update={"down": True})
    bridge_env.clock.ahead += timedelta(minutes=10)
    second, _ = await look_up(bridge_env)
    assert (second["freshness"], second["answer"]) == ("cached", first["answer"])
    bridge_env.clock.ahead += timedelta(days=2)
    expired, _ = await look_up(bridge_env)
    assert (expired["freshness"], expired["answer"], expired["outcome"]) == ("unavailable", None, None)


async def test_a_slow_register_delays_no_one_and_its_answer_is_reused_by_the_next_lookup(
    lookups_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    simulator, bridge_env = lookups_env
    simulator.faults = QUIET.model_copy(update={"latency_s": 3.5})
    result, took_s = await look_up(bridge_env)
    assert result["freshness"] == "unavailable"
    assert took_s < 2.5  # two seconds are promised; the machine may be busy
    calls = simulator.call_log.calls.total()
    await asyncio.sleep(3)
    second, _ = await look_up(bridge_env)
    assert (second["freshness"], second["outcome"]) == ("cached", "confirmed")
    assert simulator.call_log.calls.total() == calls


async def test_interactive_lookups_have_reserved_slots_that_cases_do_not_take(
    lookups_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    simulator, bridge_env = lookups_env
    simulator.faults = QUIET.model_copy(update={"latency_s": 4.0})
    for number in range(10):
        await bridge_env.ask("parking", "find_permit", {"plate": f"L {number:05}B"})
    while simulator.call_log.concurrent < 3:
        await asyncio.sleep(0.05)
    simulator.faults = QUIET
    first, _ = await look_up(bridge_env)
    assert first["freshness"] == "fresh"
    assert simulator.call_log.max_concurrent <= 4


async def test_each_answer_is_logged_cached_or_fresh(lookups_env: tuple[ParkingSimulator, BridgeEnv]) -> None:
    _, bridge_env = lookups_env
    for _ in range(2):
        await look_up(bridge_env)
    entries = await bridge_env.rows("SELECT * FROM register_access_log WHERE request_id IS NULL ORDER BY read_at")
    assert [(entry["source"], entry["case_id"]) for entry in entries] == [("register", CASE), ("cache", CASE)]
    assert {entry["delivered"]["number"] for entry in entries} == {"P-000001"}


@pytest.mark.parametrize(
    ("other", "status", "code"),
    [
        ({"register_name": "passports"}, 404, "register.unknown"),
        ({"operation": "grant_permit"}, 404, "operation.unknown"),
        ({"purpose": "curiosity"}, 403, "purpose.not_allowed"),
        ({"question": {"plate": "no plate at all"}}, 422, "question.invalid"),
    ],
)
async def test_a_wrong_lookup_is_refused_and_calls_no_register(
    lookups_env: tuple[ParkingSimulator, BridgeEnv], other: dict[str, Any], status: int, code: str
) -> None:
    simulator, bridge_env = lookups_env
    calls = simulator.call_log.calls.total()
    async with bridge_env.clerk_client() as client:
        reply = await client.post("/lookups", json=lookup(**other))
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert simulator.call_log.calls.total() == calls

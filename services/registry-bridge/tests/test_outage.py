"""An hour without the register, with a clock that jumps: the backlog drains in order, within the rate limit.

The default is 400 requests; REQUESTS=5000 takes some two minutes.
"""

import asyncio
import os
from collections import Counter
from datetime import timedelta
from uuid import UUID

from connector_kit.resilience.circuit_breaker import BreakerPhase
from registry_bridge.bridges.residents.simulator import ResidentsFaults, ResidentsSimulator
from registry_bridge.store.registers import find_register
from registry_bridge_fixtures import BridgeEnv, OpenBridgeEnv
from uuid_utils.compat import uuid7
from wanderamt_testing.simulator_server import ServeSimulator

REQUESTS = int(os.environ.get("REQUESTS", "400"))
PER_CASE = 4
PERSON = {"given_name": "Zoë", "family_name": "Hadžić", "birth_date": "1990-04-01"}
QUIET = ResidentsFaults(latency_s=0.01, jitter_s=0)
MINUTE = timedelta(minutes=1)


async def test_the_backlog_of_an_hour_drains_in_order_within_the_limits_and_wastes_no_attempt(
    serve: ServeSimulator, open_bridge_env: OpenBridgeEnv
) -> None:
    register = ResidentsSimulator(None, QUIET.model_copy(update={"down": True}))
    async with open_bridge_env({"residents": await serve(register)}) as bridge_env:
        requested = await ask_all(bridge_env)
        await until_open(bridge_env)
        for _ in range(60):
            await wait_until_idle(bridge_env)
            bridge_env.clock.ahead += MINUTE
            await asyncio.sleep(0.05)
        await wait_until_idle(bridge_env)
        during = register.call_log.calls.total()
        assert await attempts(bridge_env) == during  # every attempt was a call: none was spent on waiting
        assert during <= 11 + 10 + 60  # all slots, the calls that open the breaker, one probe per minute

        register.call_log.at.clear()
        calls_before = Counter(register.call_log.calls)
        register.faults = QUIET
        bridge_env.clock.ahead += MINUTE
        await drained(bridge_env)
        limits = bridge_env.manifests["residents"].limits
        assert register.call_log.max_per_second() <= limits.rate_per_s + 1
        assert register.call_log.max_concurrent <= limits.max_concurrent_calls
        after = Counter(register.call_log.calls) - calls_before
        assert set(after) == {str(request_id) for ids in requested.values() for request_id in ids}
        assert max(after.values()) == 1
        for ids in requested.values():
            answered = await bridge_env.rows(
                "SELECT request_id FROM request WHERE request_id = ANY($1::uuid[]) ORDER BY answered_at", ids
            )
            assert [row["request_id"] for row in answered] == ids


async def ask_all(bridge_env: BridgeEnv) -> dict[UUID, list[UUID]]:
    """Ids of requests by case, in the order in which they were made."""
    requested: dict[UUID, list[UUID]] = {uuid7(): [] for _ in range(REQUESTS // PER_CASE)}
    for _ in range(PER_CASE):
        events = [
            bridge_env.request("residents", "confirm_residence", PERSON, case_id=case_id) for case_id in requested
        ]
        await bridge_env.deliver_events(*events)
        for event in events:
            requested[event.case_id].append(event.request_id)
    return requested


async def until_open(bridge_env: BridgeEnv) -> None:
    async with asyncio.timeout(30):
        while True:
            async with bridge_env.database.unit_of_work() as uow:
                state, _ = await find_register(uow, "residents")
            if state.breaker.phase is not BreakerPhase.CLOSED:
                return
            await asyncio.sleep(0.05)


async def wait_until_idle(bridge_env: BridgeEnv) -> None:
    """Waits until no call is running, so that the clock may jump."""
    async with asyncio.timeout(30):
        while await bridge_env.rows("SELECT 1 FROM job WHERE status = 'running'"):
            await asyncio.sleep(0.01)


async def attempts(bridge_env: BridgeEnv) -> int:
    [row] = await bridge_env.rows("SELECT sum(attempts)::int AS tries FROM job WHERE status <> 'succeeded'")
    return int(row["tries"])


async def drained(bridge_env: BridgeEnv) -> None:
    async with asyncio.timeout(REQUESTS / 10 + 60):
        while await bridge_env.rows("SELECT 1 FROM request WHERE state = 'waiting' LIMIT 1"):
            await asyncio.sleep(0.2)

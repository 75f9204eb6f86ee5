"""Requests that no bridge can carry out: an operator sees them, nobody is told a refusal, and a repair sends them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
import structlog
from connector_kit.testing.simulator import FaultConfig
from registry_bridge.app import build
from registry_bridge.bridges.parking.models import VehicleQuery
from registry_bridge.bridges.parking.simulator import ParkingSimulator
from registry_bridge.handlers.requests import resolve_request
from registry_bridge_fixtures import BridgeEnv, OpenBridgeEnv
from uuid_utils.compat import uuid7
from wanderamt.backbone.messaging.dead_letter_queries import list_groups
from wanderamt.backbone.scheduler import PeriodicTask
from wanderamt.contracts import RegisterAnswered
from wanderamt.kernel.ids import RequestId
from wanderamt.kernel.refusal import Refusal
from wanderamt_testing.service_env import component
from wanderamt_testing.simulator_server import ServeSimulator

GRANT = {"plate": "L 123AB", "zone": "A", "valid_from": "2026-12-01", "months": 24}
WRONG = {"plate": "?"}
Restart = Callable[..., AbstractAsyncContextManager[BridgeEnv]]


class AnyPlate(VehicleQuery):
    """The question of a repaired bridge."""

    plate: str


@pytest_asyncio.fixture
async def connected(
    serve: ServeSimulator, open_bridge_env: OpenBridgeEnv
) -> AsyncIterator[tuple[ParkingSimulator, BridgeEnv]]:
    """A service with a bridge to parking. Its jobs do not run; those of a restarted one do."""
    simulator = ParkingSimulator(faults=FaultConfig(latency_s=0.01))
    async with open_bridge_env({"parking": await serve(simulator)}) as bridge_env:
        await bridge_env.jobs.stop()
        yield simulator, bridge_env


@pytest.fixture
def restart() -> Restart:
    """`async with restart(bridge_env, bridges={})`: the service starts again, on the same database."""

    @asynccontextmanager
    async def restarted(before: BridgeEnv, **settings: Any) -> AsyncIterator[BridgeEnv]:
        changed = before.settings.model_copy(update=settings)
        after = BridgeEnv(build(changed), before.keys, settings=changed)
        await after.database.start()
        await after.jobs.start()
        try:
            yield after
        finally:
            await after.jobs.stop()
            await after.lookups.stop()
            await after.database.stop()

    return restarted


async def check_at_start(bridge_env: BridgeEnv) -> int:
    return await component(bridge_env.service.components, "configuration_checks", PeriodicTask).run_once()


async def wait_for_listing(bridge_env: BridgeEnv, *reasons: str) -> None:
    """Until the operator's list has a request for each of these reasons, and no job is to be run."""
    async with asyncio.timeout(30):
        while True:
            await asyncio.sleep(0.02)
            if await bridge_env.rows("SELECT 1 FROM job WHERE status IN ('todo', 'running', 'outcome_unknown')"):
                continue
            async with bridge_env.database.unit_of_work() as uow:
                groups = await list_groups(uow)
            if sorted((group.reason, group.rows) for group in groups) == [(reason, 1) for reason in sorted(reasons)]:
                return


async def resolve(bridge_env: BridgeEnv, request_id: UUID, *, happened: bool) -> str | Refusal:
    async with bridge_env.database.unit_of_work() as uow:
        return await resolve_request(
            RequestId(request_id),
            uow,
            happened=happened,
            manifests=bridge_env.manifests,
            cipher=bridge_env.cipher,
            operator="operator",
            consumer="registry-bridge",
        )


async def test_a_request_without_a_bridge_waits_for_an_operator_and_is_no_refusal(
    connected: tuple[ParkingSimulator, BridgeEnv], restart: Restart
) -> None:
    simulator, bridge_env = connected
    event = bridge_env.request("parking", "grant_permit", GRANT)
    async with restart(bridge_env, bridges={}) as unconnected:
        with structlog.testing.capture_logs() as entries:
            await unconnected.deliver_events(event)
        await wait_for_listing(unconnected, "no_bridge")
        row = await unconnected.row(event.request_id)
        assert (row["state"], row["code"], row["outcome"]) == ("needs_operator", "no_bridge", None)
        assert await unconnected.published(RegisterAnswered) == []
    [entry] = [entry for entry in entries if entry["event"] == "request.misconfigured"]
    ids = {"request_id": str(event.request_id), "case_id": str(event.case_id)}
    assert entry == ids | {"code": "no_bridge", "event": "request.misconfigured", "log_level": "error"}
    async with restart(bridge_env) as repaired:
        assert await check_at_start(repaired) == 1
        assert (await repaired.wait_for_state(event.request_id))["outcome"] == "confirmed"
        assert simulator.call_log.effects == {str(event.request_id): 1}
        await wait_for_listing(repaired)
        assert await check_at_start(repaired) == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"operation": "grant_permitt"}, "no_operation"), ({"purpose": "StVO-45-5"}, "no_purpose")],
)
async def test_a_misspelled_word_of_an_offer_waits_and_delays_no_other_request_of_the_case(
    connected: tuple[ParkingSimulator, BridgeEnv], restart: Restart, changes: dict[str, str], code: str
) -> None:
    simulator, bridge_env = connected
    case_id = uuid7()
    wrong = bridge_env.request("parking", "grant_permit", GRANT, case_id=case_id).model_copy(update=changes)
    right = bridge_env.request("parking", "find_permit", {"plate": "L 123AB"}, case_id=case_id)
    async with restart(bridge_env) as running:
        await running.deliver_events(wrong, right)
        assert (await running.wait_for_state(right.request_id))["outcome"] == "not_found"
        await wait_for_listing(running, code)
        assert (await running.row(wrong.request_id))["code"] == code
        assert await check_at_start(running) == 1  # it failed before; nothing has changed since then
        await wait_for_listing(running, code)
        assert await check_at_start(running) == 0
    assert simulator.call_log.calls.total() == 1


async def test_a_question_that_its_bridge_does_not_take_blocks_no_key_and_is_sent_by_a_repaired_one(
    connected: tuple[ParkingSimulator, BridgeEnv], restart: Restart
) -> None:
    simulator, bridge_env = connected
    case_id = uuid7()
    async with restart(bridge_env) as running:
        wrong = await running.ask("parking", "find_permit", WRONG, case_id=case_id)
        right = await running.ask("parking", "find_permit", {"plate": "L 123AB"}, case_id=case_id)
        assert (await running.wait_for_state(right))["outcome"] == "not_found"
        await wait_for_listing(running, "question_invalid")
        assert (await running.row(wrong))["state"] == "needs_operator"
        assert simulator.call_log.calls == {str(right): 1}
        assert isinstance(await resolve(running, wrong, happened=True), Refusal)
        assert isinstance(await resolve(running, wrong, happened=False), str)
        await wait_for_listing(running, "question_invalid")  # it was checked, and nothing has changed
    async with restart(bridge_env) as repaired:
        models = repaired.bridges["parking"].models
        assert isinstance(models, dict)
        models["VehicleQuery"] = AnyPlate
        await resolve(repaired, wrong, happened=False)
        row = await repaired.wait_for_state(wrong)
        assert (row["outcome"], row["code"]) == ("refused", "not-understood")  # by the register, which was called
        await wait_for_listing(repaired)
    actions = await bridge_env.rows("SELECT action, details FROM audit_record")
    assert [row["action"] for row in actions] == ["check_again"] * 2


async def test_after_its_deadline_such_a_request_is_answered_as_every_other_one(
    connected: tuple[ParkingSimulator, BridgeEnv], restart: Restart
) -> None:
    _, bridge_env = connected
    async with restart(bridge_env) as running:
        wrong = await running.ask("parking", "find_permit", WRONG)
        await wait_for_listing(running, "question_invalid")
        assert await check_at_start(running) == 1
        await wait_for_listing(running, "question_invalid")
        running.clock.ahead += timedelta(days=1, seconds=1)
        assert await check_at_start(running) == 1
        row = await running.wait_for_state(wrong)
        assert (row["outcome"], row["code"]) == ("unavailable", "question_invalid")
        await wait_for_listing(running)
        [answer] = await running.published(RegisterAnswered)
        assert (answer["outcome"], answer["code"]) == ("unavailable", "question_invalid")

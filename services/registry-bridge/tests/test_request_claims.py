"""What it costs to take requests, and what the transaction that stores them claims and locks."""

import asyncio

from registry_bridge.bridges.parking.simulator import ParkingSimulator
from registry_bridge.events import on_case_events
from registry_bridge.handlers.requests import record_queries
from registry_bridge.store.request_statements import lock_register
from registry_bridge_fixtures import BridgeEnv
from wanderamt.backbone.observability.tracing import current_trace
from wanderamt.backbone.persistence.unit_of_work import job_channel
from wanderamt.contracts import RegisterAnswered
from wanderamt_testing.statements import StatementLog, shortened

GRANT = {"plate": "L 123AB", "zone": "A", "valid_from": "2026-12-01", "months": 24}


async def test_a_request_costs_few_statements_from_its_event_to_its_answer(
    parking_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    _, bridge_env = parking_env
    await bridge_env.wait_for_state(await bridge_env.ask("parking", "grant_permit", GRANT))  # the register's row exists
    await bridge_env.jobs.stop()
    log = await StatementLog.of(bridge_env.database)
    request_id = await bridge_env.ask("parking", "grant_permit", GRANT)
    await bridge_env.jobs.start()
    await bridge_env.wait_for_state(request_id)
    await bridge_env.jobs.stop()
    steps = {
        "asked": ("INSERT INTO request ",),  # the request, its job
        "prepared": ("AS interrupted", "UPDATE register "),  # register, claim, request, register
        "answered": ("UPDATE request ",),  # request and register, all with the event, the access log and the job
    }
    counts = {step: len(log.transaction_with(*texts)) for step, texts in steps.items()}
    assert counts == {"asked": 4, "prepared": 6, "answered": 4}, shortened(log.statements)


async def test_events_of_cases_cost_a_batch_no_statement_of_their_own(
    parking_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    _, bridge_env = parking_env
    await bridge_env.wait_for_state(await bridge_env.ask("parking", "grant_permit", GRANT))  # the register's row exists
    await bridge_env.jobs.stop()
    log = await StatementLog.of(bridge_env.database)
    requests = [bridge_env.request("parking", "grant_permit", GRANT) for _ in range(3)]
    async with bridge_env.database.unit_of_work() as uow:
        await on_case_events([bridge_env.opened(request.case_id) for request in requests], uow)
        queries = [(request, current_trace()) for request in requests]
        await record_queries(queries, uow, manifests=bridge_env.manifests)
    assert len(log.transaction_with("INSERT INTO request ", "INSERT INTO case_copy ")) == 4, shortened(log.statements)
    assert len(await bridge_env.rows("SELECT 1 FROM case_copy")) == 3


async def test_a_claim_of_several_requests_writes_its_register_once(
    parking_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    _, bridge_env = parking_env
    await bridge_env.wait_for_state(await bridge_env.ask("parking", "grant_permit", GRANT))
    await bridge_env.jobs.stop()
    requests = [bridge_env.request("parking", "find_permit", {"plate": "L 123AB"}) for _ in range(3)]
    await bridge_env.deliver_events(*requests)
    log = await StatementLog.of(bridge_env.database)
    await bridge_env.jobs.start()
    for request in requests:
        await bridge_env.wait_for_state(request.request_id)
    await bridge_env.jobs.stop()
    claims = [sent for sent in log.transactions() if any("AS interrupted" in sql for sql in sent)]
    claimed = [sent for sent in claims if any("FROM request " in sql for sql in sent)]
    assert sum("UPDATE register " in sql for sent in claimed for sql in sent) == len(claimed), shortened(claimed[0])


async def test_an_idle_handler_locks_its_register_with_the_statement_that_stores_the_request(
    parking_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    _, bridge_env = parking_env
    await bridge_env.wait_for_state(await bridge_env.ask("parking", "grant_permit", GRANT))  # the register's row exists
    await wait_until_idle(bridge_env, "call-parking")
    log = await StatementLog.of(bridge_env.database)
    event = bridge_env.request("parking", "grant_permit", GRANT)
    await bridge_env.deliver_events(event, claim_jobs=True)
    await bridge_env.wait_for_state(event.request_id)
    assert [sql[:30] for sql in log.transaction_with("INSERT INTO request ")] == [
        "BEGIN;",
        "WITH added AS ( INSERT INTO re",
        "WITH part_0 AS (UPDATE registe",  # with the running job
        "COMMIT;",
    ], shortened(log.statements)


async def test_a_register_that_another_transaction_holds_delays_no_event(
    parking_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    _, bridge_env = parking_env
    await bridge_env.wait_for_state(await bridge_env.ask("parking", "grant_permit", GRANT))
    await wait_until_idle(bridge_env, "call-parking")
    event = bridge_env.request("parking", "grant_permit", GRANT | {"plate": "L 777XY"})
    async with bridge_env.database.unit_of_work() as other:
        await lock_register(other, "parking")
        async with asyncio.timeout(5):
            await bridge_env.deliver_events(event, claim_jobs=True)
        assert (await bridge_env.row(event.request_id))["state"] == "waiting"
    assert (await bridge_env.wait_for_state(event.request_id))["outcome"] == "confirmed"


async def test_a_request_that_arrives_twice_in_one_batch_is_called_once(
    parking_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    simulator, bridge_env = parking_env
    first, second = (
        bridge_env.request("parking", "grant_permit", GRANT | {"plate": plate}) for plate in ("L 777XY", "L 778XY")
    )
    await bridge_env.deliver_events(first, second, first)
    for event in (first, second):
        await bridge_env.wait_for_state(event.request_id)
    await bridge_env.deliver_events(second)
    assert len(await bridge_env.rows("SELECT 1 FROM job WHERE queue = 'call-parking'")) == 2
    assert simulator.call_log.effects == {str(event.request_id): 1 for event in (first, second)}
    assert len(await bridge_env.published(RegisterAnswered)) == 2


async def wait_until_idle(bridge_env: BridgeEnv, queue: str) -> None:
    """Until the handler of this queue has found that nothing is due."""
    async with asyncio.timeout(10):
        while not bridge_env.database.job_claimers[job_channel(queue)].is_idle():
            await asyncio.sleep(0.01)

"""Requests from cases: assertions, access log, retries, and commands whose effect is uncertain."""

import asyncio
from dataclasses import replace
from datetime import time, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from connector_kit.call_outcome import RawResponse, Succeeded, UnreadableResponse
from connector_kit.conformance.mutants import REFERENCE
from connector_kit.conformance.reference.library.simulator import open_simulator as open_library
from connector_kit.folder import read_folder
from connector_kit.manifest.limits import MaintenanceWindow, Portal, Weekday
from connector_kit.manifest.operation import OnFailure
from connector_kit.testing.simulator import FaultConfig
from pydantic import SecretStr
from registry_bridge.bridges.parking.models import FeeReceipt
from registry_bridge.bridges.parking.simulator import ParkingSimulator
from registry_bridge.domain.request import request_from
from registry_bridge.handlers.availability import acquire_call_slot
from registry_bridge.handlers.requests import (
    admit_calls,
    complete_call,
    find_unreadable_response,
    record_reparsed,
    resolve_request,
)
from registry_bridge.settings import RegisterConnectionSettings
from registry_bridge_fixtures import BridgeEnv, OpenBridgeEnv
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.jobs.handler import complete_each
from wanderamt.backbone.jobs.runner import JobRunner
from wanderamt.backbone.messaging import replay
from wanderamt.backbone.messaging.dead_letter import RawRecord
from wanderamt.backbone.messaging.dead_letter_queries import DeadLetterFilter, list_groups
from wanderamt.contracts import (
    EventHeader,
    RegisterAnswered,
    RegisterAvailabilityChanged,
    RegisterQueryRequested,
    encode,
)
from wanderamt.kernel.decision import Paused
from wanderamt.kernel.ids import RequestId
from wanderamt.security.assertions import INVALID, MISSING, Assertion, AssertionSigner
from wanderamt_local.state import Secrets
from wanderamt_testing.simulator_server import ServeSimulator

GRANT = {"plate": "L 123AB", "zone": "A", "valid_from": "2026-12-01", "months": 24}
FEE = {"plate": "L 123AB", "cents": 6870}
QUIET = FaultConfig(latency_s=0.01)
HANGS = QUIET.model_copy(update={"apply_then_timeout_share": 1.0})


async def test_a_command_is_executed_answered_and_published(parking_env: tuple[ParkingSimulator, BridgeEnv]) -> None:
    simulator, bridge_env = parking_env
    request_id = await bridge_env.ask("parking", "grant_permit", GRANT)
    assert (await bridge_env.wait_for_state(request_id))["outcome"] == "confirmed"
    [answer] = await bridge_env.published(RegisterAnswered)
    assert answer["outcome"] == "confirmed"
    assert answer["request_id"] == str(request_id)
    assert bridge_env.signer.verify_answer(RegisterAnswered.model_validate(answer)) == ""
    assert simulator.call_log.effects == {str(request_id): 1}


def asserted(event: RegisterQueryRequested) -> Assertion:
    return request_from(event, now=utc_now()).expected_assertion()


@pytest.mark.parametrize(
    "wrong", ["missing", "forged", "expired", "of another case", "of another operation", "of another question"]
)
async def test_no_call_without_a_valid_assertion(parking_env: tuple[ParkingSimulator, BridgeEnv], wrong: str) -> None:
    simulator, bridge_env = parking_env
    event = bridge_env.request("parking", "grant_permit", GRANT)
    assertion = asserted(event)
    until = bridge_env.clock() + timedelta(hours=1)
    sign = bridge_env.signer.sign
    token = {
        "missing": None,
        "forged": sign(assertion, until=until)[:-6] + "AAAAAA",
        "expired": sign(assertion, until=bridge_env.clock() - timedelta(minutes=1)),
        "of another case": bridge_env.request("parking", "grant_permit", GRANT).assertion,
        "of another operation": sign(
            assertion._replace(operation="book_fee"),
            until=until,
        ),
        "of another question": sign(
            assertion._replace(question=bridge_env.request("parking", "grant_permit", GRANT).question), until=until
        ),
    }[wrong]
    await bridge_env.deliver_events(event.model_copy(update={"assertion": token}))
    row = await bridge_env.wait_for_state(event.request_id)
    assert row["outcome"] == "refused"
    assert row["code"].startswith("assertion_")
    assert not simulator.call_log.calls


async def test_the_assertion_is_verified_at_the_time_of_the_call(
    parking_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    """The request arrived with a valid assertion, which expired while it waited for the register."""
    simulator, bridge_env = parking_env
    simulator.faults = QUIET.model_copy(update={"down": True})
    event = bridge_env.request("parking", "grant_permit", GRANT)
    sign = bridge_env.signer.sign
    assertion = asserted(event)
    await bridge_env.deliver_events(
        event.model_copy(update={"assertion": sign(assertion, until=bridge_env.clock() + timedelta(seconds=2))})
    )
    while not simulator.call_log.calls:
        await asyncio.sleep(0.02)
    await asyncio.sleep(2)
    simulator.faults = QUIET
    bridge_env.clock.ahead += timedelta(minutes=2)
    assert (await bridge_env.wait_for_state(event.request_id))["code"] == "assertion_expired"
    assert not simulator.call_log.effects


async def test_the_access_log_holds_the_ids_delivered_and_nothing_else(
    parking_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    _, bridge_env = parking_env
    case_id = uuid7()
    await bridge_env.wait_for_state(await bridge_env.ask("parking", "grant_permit", GRANT, case_id=case_id))
    known = await bridge_env.ask("parking", "find_permit", {"plate": "L 123AB"}, case_id=case_id)
    missing = await bridge_env.ask("parking", "find_permit", {"plate": "L 999ZZ"}, case_id=case_id)
    for request_id in (known, missing):
        await bridge_env.wait_for_state(request_id)
    entries = {row["request_id"]: row for row in await bridge_env.rows("SELECT * FROM register_access_log")}
    assert entries.keys() == {known, missing}  # a command reads nothing
    assert entries[known]["delivered"] == {"number": "P-000001"}
    assert entries[missing]["delivered"] == {}
    assert (entries[known]["officer"], entries[known]["purpose"]) == ("clerk@linz", "StVO-45-4")
    assert (entries[known]["case_id"], entries[known]["source"]) == (case_id, "register")


async def test_a_command_with_uncertain_effect_is_never_repeated_and_is_resolved_by_an_operator(
    parking_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    simulator, bridge_env = parking_env
    simulator.faults = HANGS
    case_id = uuid7()
    fee = await bridge_env.ask("parking", "book_fee", FEE, case_id=case_id)
    later = await bridge_env.ask("parking", "find_permit", {"plate": "L 123AB"}, case_id=case_id)
    assert (await bridge_env.wait_for_state(fee, "needs_operator"))["code"] == "no_answer"
    simulator.faults = QUIET
    await asyncio.sleep(1.5)
    assert simulator.call_log.effects == {str(fee): 1}
    assert (await bridge_env.row(later))["state"] == "waiting"  # its key is blocked

    async with bridge_env.database.unit_of_work() as uow:
        [group] = await list_groups(uow)
    assert (group.reason, group.rows) == ("no_answer", 1)
    async for _ in replay.replay(bridge_env.inbox, DeadLetterFilter(bridge_env.clock()), who="operator", rate=None):
        pass
    await asyncio.sleep(1.5)
    assert simulator.call_log.effects == {str(fee): 1}  # a retry repeats no command that may have happened
    assert (await bridge_env.row(fee))["state"] == "needs_operator"

    await resolve(bridge_env, fee, happened=True)
    assert (await bridge_env.wait_for_state(fee))["outcome"] == "confirmed"
    assert (await bridge_env.wait_for_state(later))["outcome"] == "not_found"
    async with bridge_env.database.unit_of_work() as uow:
        assert await list_groups(uow) == []
    assert simulator.call_log.effects == {str(fee): 1}


async def test_a_command_resolved_as_not_done_is_sent_again(
    parking_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    simulator, bridge_env = parking_env
    simulator.faults = HANGS
    fee = await bridge_env.ask("parking", "book_fee", FEE)
    await bridge_env.wait_for_state(fee, "needs_operator")
    simulator.faults = QUIET
    await resolve(bridge_env, fee, happened=False)
    assert (await bridge_env.wait_for_state(fee))["outcome"] == "confirmed"
    actions = await bridge_env.rows("SELECT who, action, details FROM audit_record WHERE action = 'resolve'")
    assert [(action["who"], action["details"]["happened"]) for action in actions] == [("operator", False)]


async def test_with_on_failure_skip_later_requests_of_the_case_continue(
    parking_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    simulator, bridge_env = parking_env
    manifest = bridge_env.manifests["parking"]
    skipping = manifest.operations["book_fee"].model_copy(update={"on_failure": OnFailure.SKIP})
    changed = manifest.model_copy(update={"operations": {**manifest.operations, "book_fee": skipping}})
    complete = complete_each(partial(complete_call, manifest=changed, cipher=bridge_env.cipher))
    await bridge_env.jobs.stop()
    bridge_env.jobs.handlers = [
        replace(handler, complete=complete) if handler.job.QUEUE == "call-parking" else handler
        for handler in bridge_env.jobs.handlers
    ]
    await bridge_env.jobs.start()
    simulator.faults = HANGS
    case_id = uuid7()
    fee = await bridge_env.ask("parking", "book_fee", FEE, case_id=case_id)
    await bridge_env.wait_for_state(fee, "needs_operator")
    simulator.faults = QUIET
    later = await bridge_env.ask("parking", "find_permit", {"plate": "L 123AB"}, case_id=case_id)
    assert (await bridge_env.wait_for_state(later))["outcome"] == "not_found"
    await resolve(bridge_env, fee, happened=True)
    assert not await bridge_env.rows("SELECT 1 FROM job WHERE status <> 'succeeded'")


async def test_an_outage_and_its_end_are_published(parking_env: tuple[ParkingSimulator, BridgeEnv]) -> None:
    simulator, bridge_env = parking_env
    simulator.faults = QUIET.model_copy(update={"down": True})
    request_ids = [await bridge_env.ask("parking", "find_permit", {"plate": f"L {number:05}A"}) for number in range(15)]
    async with asyncio.timeout(20):
        while not await bridge_env.published(RegisterAvailabilityChanged):
            await asyncio.sleep(0.05)
    simulator.faults = QUIET
    bridge_env.clock.ahead += timedelta(minutes=3)
    for request_id in request_ids:
        await bridge_env.wait_for_state(request_id)
    changes = await bridge_env.published(RegisterAvailabilityChanged)
    assert [change["status"] for change in changes] == ["down", "up"]
    assert changes[0]["register_name"] == "parking"
    assert changes[0]["waiting"] == 15
    assert not {"L 00001A"} & set(str(changes))


async def test_maintenance_that_begins_without_a_running_call_is_published(
    parking_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    _, bridge_env = parking_env
    all_day = [
        MaintenanceWindow(days=tuple(Weekday), begins=time(hour), ends=time((hour + 13) % 24)) for hour in (0, 12)
    ]
    closed = bridge_env.manifests["parking"].model_copy(update={"maintenance": tuple(all_day)})
    for _ in range(2):
        async with bridge_env.database.unit_of_work() as uow:
            assert isinstance(await admit_calls(1, uow, manifest=closed), Paused)
    assert [change["status"] for change in await bridge_env.published(RegisterAvailabilityChanged)] == ["maintenance"]


async def test_an_unreadable_response_is_stored_encrypted_and_parsed_by_a_fixed_adapter(
    parking_env: tuple[ParkingSimulator, BridgeEnv],
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    simulator, bridge_env = parking_env
    simulator.faults = QUIET.model_copy(update={"cut_share": 1.0})
    fee = await bridge_env.ask("parking", "book_fee", FEE)
    row = await bridge_env.wait_for_state(fee, "needs_operator")
    assert row["code"] == "invalid_answer"
    assert b"R-0000" not in row["unreadable_response"]
    response = await read_raw(bridge_env, fee)
    assert response.body.startswith(b'{"receipt"')
    output = capsys.readouterr()
    assert "R-0000" not in output.out + output.err + caplog.text
    assert isinstance(bridge_env.bridges["parking"].reparse("book_fee", response), UnreadableResponse)
    async with bridge_env.database.unit_of_work() as uow:  # the outcome of a fixed adapter
        result = await record_reparsed(
            RequestId(fee),
            Succeeded(FeeReceipt(receipt="R-000001")),
            uow,
            manifests=bridge_env.manifests,
            cipher=bridge_env.cipher,
            operator="operator",
            consumer="registry-bridge",
        )
    assert result == f"{fee}: answered from the stored response"
    assert (await bridge_env.row(fee))["outcome"] == "confirmed"
    assert not await bridge_env.rows("SELECT 1 FROM job WHERE status <> 'succeeded'")
    assert not await bridge_env.rows("SELECT 1 FROM dead_letter")


async def test_the_settings_name_the_folder_of_a_citys_own_bridge(
    serve: ServeSimulator, open_bridge_env: OpenBridgeEnv
) -> None:
    own = REFERENCE / "library"
    register = open_library(read_folder(own), faults={"latency_s": 0.01})
    connection = RegisterConnectionSettings(url=await serve(register), secrets={"library_token": SecretStr("x")})
    async with open_bridge_env({"library": ""}, library=connection, bridge_folders=[own]) as bridge_env:
        assert (await bridge_env.wait_for_state(await bridge_env.ask("library", "make_card", {"name": "Ana"})))[
            "outcome"
        ] == "confirmed"


async def test_two_processes_share_the_limit_of_concurrent_calls(
    parking_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    simulator, bridge_env = parking_env
    simulator.faults = QUIET.model_copy(update={"latency_s": 0.4})
    second = JobRunner(bridge_env.database, bridge_env.jobs.handlers)
    await second.start()
    try:
        request_ids = [
            await bridge_env.ask("parking", "find_permit", {"plate": f"L {number:05}A"}) for number in range(12)
        ]
        for request_id in request_ids:
            await bridge_env.wait_for_state(request_id)
    finally:
        await second.stop()
    assert simulator.call_log.max_concurrent == bridge_env.manifests["parking"].limits.background_slots == 3


async def test_registers_behind_one_portal_share_its_rate_limit(
    parking_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    _, bridge_env = parking_env
    manifest = bridge_env.manifests["parking"]
    behind = manifest.model_copy(update={"portal": Portal(id="city", rate_per_s=2)})
    other = behind.model_copy(update={"id": "other"})
    waits = []
    async with bridge_env.database.unit_of_work() as uow:
        for register in (behind, other, behind, other):
            waits.append(await acquire_call_slot(uow, register, str(uuid7())))
    assert waits[:3] == [0.0, 0.5, 1.0]
    assert isinstance(waits[3], Paused)  # slots are reserved at most one second ahead


async def read_raw(bridge_env: BridgeEnv, request_id: UUID) -> RawResponse:
    async with bridge_env.database.unit_of_work() as uow:
        stored = await find_unreadable_response(RequestId(request_id), uow, cipher=bridge_env.cipher)
    assert isinstance(stored, tuple)
    return stored[1]


async def resolve(bridge_env: BridgeEnv, request_id: UUID, *, happened: bool) -> None:
    async with bridge_env.database.unit_of_work() as uow:
        result = await resolve_request(
            RequestId(request_id),
            uow,
            happened=happened,
            manifests=bridge_env.manifests,
            cipher=bridge_env.cipher,
            operator="operator",
            consumer="registry-bridge",
        )
    assert isinstance(result, str)


async def test_a_request_that_intake_has_not_signed_is_rejected_on_arrival_and_the_true_one_is_carried_out(
    parking_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    """Otherwise its refusal, proven by this service, would answer the true request."""
    simulator, bridge_env = parking_env
    true = bridge_env.request("parking", "grant_permit", GRANT)
    other = bridge_env.request("parking", "grant_permit", GRANT | {"plate": "L 999ZZ"}, case_id=true.case_id)
    stranger = AssertionSigner(SecretStr(Secrets.generate().assertion_key))
    forged: list[dict[str, Any]] = [
        {"assertion": None},
        {"assertion": other.assertion},
        {"assertion": stranger.sign(asserted(true), until=true.deadline)},
        {"question": other.question},  # another person's, encrypted under the key of the same case
        {"officer": "other@linz"},
        {"operation": "book_fee"},
        {"purpose": "other"},
        {"case_id": uuid7()},
        {"request_id": uuid7()},
    ]
    records = [query_record(true.model_copy(update=changes), at, sequence=900) for at, changes in enumerate(forged)]
    await bridge_env.inbox.process_batch(records)
    rows = await bridge_env.rows("SELECT state, aggregate, reason FROM dead_letter")
    assert {(row["state"], row["aggregate"]) for row in rows} == {("rejected", None)}
    assert sorted(row["reason"] for row in rows) == [INVALID] * (len(forged) - 1) + [MISSING]
    assert await bridge_env.rows("SELECT * FROM request") == []
    await bridge_env.inbox.process_batch([query_record(true, len(forged))])
    assert (await bridge_env.wait_for_state(true.request_id))["outcome"] == "confirmed"
    assert simulator.call_log.effects == {str(true.request_id): 1}
    assert len(await bridge_env.published(RegisterAnswered)) == 1


async def test_a_signed_request_whose_time_has_passed_is_answered_and_not_rejected(
    parking_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    simulator, bridge_env = parking_env
    event = bridge_env.request("parking", "grant_permit", GRANT)
    signed = bridge_env.signer.sign(asserted(event), until=bridge_env.clock() - timedelta(days=1))
    await bridge_env.inbox.process_batch([query_record(event.model_copy(update={"assertion": signed}), 1)])
    assert (await bridge_env.wait_for_state(event.request_id))["code"] == "assertion_expired"
    assert not simulator.call_log.calls


def query_record(event: RegisterQueryRequested, offset: int, *, sequence: int = 1) -> RawRecord:
    header = EventHeader(uuid7(), event.TYPE, "/wanderamt/intake", event.case_id, utc_now(), sequence, {})
    key, value, headers = encode(event, header)
    return RawRecord(event.TOPIC, 0, offset, key, value, headers)

"""Requests from cases: in whose name, with what trace, and what becomes of those nobody can know about."""

import asyncio
from collections.abc import AsyncIterator
from datetime import time, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from connector_kit.conformance.mutants import REFERENCE
from connector_kit.conformance.reference.library.simulator import open_simulator as open_library
from connector_kit.folder import read_folder
from connector_kit.manifest import Day, Maintenance, OnDead, Portal
from connector_kit.simulator import Knobs
from connector_kit.verdict import Done, Malformed, Raw
from pydantic import SecretStr
from registry_bridge.bridges.parking.models import Booked
from registry_bridge.bridges.parking.simulator import Simulator
from registry_bridge.handlers.requests import find_raw, may_go, settle_request, take_reading
from registry_bridge.handlers.weather import take_moment
from registry_bridge.settings import BridgeSettings
from uuid_utils.compat import uuid7
from wanderamt.backbone import replay
from wanderamt.backbone.jobs import Jobs
from wanderamt.backbone.replay import Selection
from wanderamt.contracts import RegisterAnswered, RegisterWeatherChanged
from wanderamt.kernel.decision import Pause
from wanderamt.kernel.ids import RequestId
from wanderamt.security.assertions import Assertion

GRANT = {"plate": "L 123AB", "zone": "A", "valid_from": "2026-12-01", "months": 24}
FEE = {"plate": "L 123AB", "cents": 6870}
QUIET = Knobs(latency_s=0.01)
HANGS = QUIET.model_copy(update={"apply_then_timeout_share": 1.0})


@pytest_asyncio.fixture
async def office(serve: Any, open_house: Any) -> AsyncIterator[tuple[Simulator, Any]]:
    simulator = Simulator(knobs=QUIET)
    async with open_house({"parking": await serve(simulator)}) as house:
        yield simulator, house


async def test_an_order_is_done_answered_and_told(office: tuple[Simulator, Any]) -> None:
    simulator, house = office
    request_id = await house.ask("parking", "grant_permit", GRANT)
    assert (await house.until(request_id))["verdict"] == "confirmed"
    [told] = await house.told(RegisterAnswered)
    assert told["verdict"] == "confirmed"
    assert told["request_id"] == str(request_id)
    assert simulator.seen.effects == {str(request_id): 1}


@pytest.mark.parametrize("wrong", ["missing", "forged", "expired", "of another case", "of another question"])
async def test_nothing_is_asked_that_nobody_has_signed(office: tuple[Simulator, Any], wrong: str) -> None:
    simulator, house = office
    event = house.request("parking", "grant_permit", GRANT)
    mine = Assertion(
        event.officer, event.case_id, event.request_id, event.register_name, event.operation, event.purpose
    )
    until = house.now() + timedelta(hours=1)
    sign = house.sealer.voucher.sign
    token = {
        "missing": None,
        "forged": sign(mine, until=until)[:-6] + "AAAAAA",
        "expired": sign(mine, until=house.now() - timedelta(minutes=1)),
        "of another case": house.request("parking", "grant_permit", GRANT).assertion,
        "of another question": sign(
            Assertion(mine.officer, mine.case_id, mine.request_id, "parking", "book_fee", mine.purpose), until=until
        ),
    }[wrong]
    await house.take(event.model_copy(update={"assertion": token}))
    row = await house.until(event.request_id)
    assert row["verdict"] == "refused"
    assert row["code"].startswith("assertion_")
    assert not simulator.seen.calls


async def test_the_right_is_checked_when_the_call_is_made(office: tuple[Simulator, Any]) -> None:
    """It came in while the assertion was good, and waited for the register until it was not."""
    simulator, house = office
    simulator.knobs = QUIET.model_copy(update={"down": True})
    event = house.request("parking", "grant_permit", GRANT)
    sign = house.sealer.voucher.sign
    mine = Assertion(
        event.officer, event.case_id, event.request_id, event.register_name, event.operation, event.purpose
    )
    await house.take(event.model_copy(update={"assertion": sign(mine, until=house.now() + timedelta(seconds=2))}))
    while not simulator.seen.calls:
        await asyncio.sleep(0.02)
    await asyncio.sleep(2)
    simulator.knobs = QUIET
    house.ahead += timedelta(minutes=2)
    assert (await house.until(event.request_id))["code"] == "assertion_expired"
    assert not simulator.seen.effects


async def test_a_read_is_written_down_with_the_ids_delivered_and_nothing_else(office: tuple[Simulator, Any]) -> None:
    _, house = office
    case_id = uuid7()
    await house.until(await house.ask("parking", "grant_permit", GRANT, case_id=case_id))
    found = await house.ask("parking", "find_permit", {"plate": "L 123AB"}, case_id=case_id)
    missed = await house.ask("parking", "find_permit", {"plate": "L 999ZZ"}, case_id=case_id)
    for one in (found, missed):
        await house.until(one)
    reads = {row["request_id"]: row for row in await house.rows("SELECT * FROM register_read")}
    assert reads.keys() == {found, missed}  # an order reads nothing
    assert reads[found]["delivered"] == {"number": "P-000001"}
    assert reads[missed]["delivered"] == {}
    assert (reads[found]["officer"], reads[found]["purpose"]) == ("clerk@linz", "StVO-45-4")
    assert (reads[found]["case_id"], reads[found]["source"]) == (case_id, "register")


async def test_what_nobody_knows_is_parked_never_repeated_and_settled_by_a_human(office: tuple[Simulator, Any]) -> None:
    simulator, house = office
    simulator.knobs = HANGS
    case_id = uuid7()
    fee = await house.ask("parking", "book_fee", FEE, case_id=case_id)
    later = await house.ask("parking", "find_permit", {"plate": "L 123AB"}, case_id=case_id)
    assert (await house.until(fee, "for_human"))["code"] == "no_answer"
    simulator.knobs = QUIET
    await asyncio.sleep(1.5)
    assert simulator.seen.effects == {str(fee): 1}
    assert (await house.row(later))["state"] == "waiting"  # its key waits

    async with house.database.work() as work:
        [group] = await replay.groups(work, "registry-bridge")
    assert (group.reason, group.rows) == ("no_answer", 1)
    async for _ in replay.replay(house.inbox, Selection(house.now()), who="operator", rate=None):
        pass
    await asyncio.sleep(1.5)
    assert simulator.seen.effects == {str(fee): 1}  # a replay repeats no order that may have happened
    assert (await house.row(fee))["state"] == "for_human"

    await settle(house, fee, happened=True)
    assert (await house.until(fee))["verdict"] == "confirmed"
    assert (await house.until(later))["verdict"] == "not_found"
    async with house.database.work() as work:
        assert await replay.groups(work, "registry-bridge") == []
    assert simulator.seen.effects == {str(fee): 1}


async def test_an_order_of_which_somebody_says_that_it_did_not_happen_is_given_again(
    office: tuple[Simulator, Any],
) -> None:
    simulator, house = office
    simulator.knobs = HANGS
    fee = await house.ask("parking", "book_fee", FEE)
    await house.until(fee, "for_human")
    simulator.knobs = QUIET
    await settle(house, fee, happened=False)
    assert (await house.until(fee))["verdict"] == "confirmed"
    actions = await house.rows("SELECT who, action, details FROM operator_action WHERE action = 'settle'")
    assert [(one["who"], one["details"]["happened"]) for one in actions] == [("operator", False)]


async def test_where_the_manifest_says_so_what_comes_later_of_a_case_goes_on(
    office: tuple[Simulator, Any],
) -> None:
    simulator, house = office
    manifest = house.manifests["parking"]
    skipping = manifest.operations["book_fee"].model_copy(update={"on_dead": OnDead.SKIP})
    [lane] = [one for one in house.service.parts["jobs"].lanes if one.job.QUEUE == "ask-parking"]
    lane.record.keywords["manifest"] = manifest.model_copy(
        update={"operations": {**manifest.operations, "book_fee": skipping}}
    )
    simulator.knobs = HANGS
    case_id = uuid7()
    fee = await house.ask("parking", "book_fee", FEE, case_id=case_id)
    await house.until(fee, "for_human")
    simulator.knobs = QUIET
    later = await house.ask("parking", "find_permit", {"plate": "L 123AB"}, case_id=case_id)
    assert (await house.until(later))["verdict"] == "not_found"
    await settle(house, fee, happened=True)
    assert not await house.rows("SELECT 1 FROM job")


async def test_a_register_that_goes_and_comes_back_is_told_of(office: tuple[Simulator, Any]) -> None:
    simulator, house = office
    simulator.knobs = QUIET.model_copy(update={"down": True})
    asked = [await house.ask("parking", "find_permit", {"plate": f"L {number:05}A"}) for number in range(15)]
    async with asyncio.timeout(20):
        while not await house.told(RegisterWeatherChanged):
            await asyncio.sleep(0.05)
    simulator.knobs = QUIET
    house.ahead += timedelta(minutes=3)
    for one in asked:
        await house.until(one)
    told = await house.told(RegisterWeatherChanged)
    assert [one["sky"] for one in told] == ["down", "fair"]
    assert told[0]["register_name"] == "parking"
    assert told[0]["waiting"] == 15
    assert not {"L 00001A"} & set(str(told))


async def test_a_maintenance_that_begins_while_nothing_is_under_way_is_told(office: tuple[Simulator, Any]) -> None:
    _, house = office
    all_day = [Maintenance(days=tuple(Day), begins=time(hour), ends=time((hour + 13) % 24)) for hour in (0, 12)]
    closed = house.manifests["parking"].model_copy(update={"maintenance": tuple(all_day)})
    for _ in range(2):
        async with house.database.work() as work:
            assert isinstance(await may_go(1, work, manifest=closed), Pause)
    assert [one["sky"] for one in await house.told(RegisterWeatherChanged)] == ["closed"]


async def test_an_answer_nobody_can_read_is_kept_sealed_and_read_again_by_a_mended_adapter(
    office: tuple[Simulator, Any], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    simulator, house = office
    simulator.knobs = QUIET.model_copy(update={"cut_share": 1.0})
    fee = await house.ask("parking", "book_fee", FEE)
    row = await house.until(fee, "for_human")
    assert row["code"] == "no_answer_of_ours"
    assert b"R-0000" not in row["raw"]
    found = await read_raw(house, fee)
    assert found.body.startswith(b'{"receipt"')
    said = capsys.readouterr()
    assert "R-0000" not in said.out + said.err + caplog.text
    assert isinstance(house.bridges["parking"].read_again("book_fee", found), Malformed)
    async with house.database.work() as work:  # what a mended adapter makes of it
        told = await take_reading(
            RequestId(fee),
            Done(Booked(receipt="R-000001")),
            work,
            manifests=house.manifests,
            sealer=house.sealer,
            who="operator",
            consumer="registry-bridge",
        )
    assert told == f"{fee}: answered from what was kept"
    assert (await house.row(fee))["verdict"] == "confirmed"
    assert not await house.rows("SELECT 1 FROM job")
    assert not await house.rows("SELECT 1 FROM parked")


async def test_a_citys_own_bridge_is_a_folder_that_settings_name(serve: Any, open_house: Any) -> None:
    own = REFERENCE / "library"
    register = open_library(read_folder(own), knobs={"latency_s": 0.01})
    connection = BridgeSettings(url=await serve(register), secrets={"library_token": SecretStr("x")})
    async with open_house({"library": ""}, library=connection, bridge_folders=[own]) as house:
        assert (await house.until(await house.ask("library", "make_card", {"name": "Ana"})))["verdict"] == "confirmed"


async def test_two_processes_together_make_no_more_calls_at_once_than_the_register_bears(
    office: tuple[Simulator, Any],
) -> None:
    simulator, house = office
    simulator.knobs = QUIET.model_copy(update={"latency_s": 0.4})
    second = Jobs(house.database, house.service.parts["jobs"].lanes)
    await second.start()
    try:
        asked = [await house.ask("parking", "find_permit", {"plate": f"L {number:05}A"}) for number in range(12)]
        for one in asked:
            await house.until(one)
    finally:
        await second.stop()
    assert simulator.seen.most_together == house.manifests["parking"].limits.for_cases == 3


async def test_registers_behind_one_portal_keep_its_pace_together(office: tuple[Simulator, Any]) -> None:
    _, house = office
    manifest = house.manifests["parking"]
    behind = manifest.model_copy(update={"portal": Portal(id="city", rate_per_s=2)})
    other = behind.model_copy(update={"id": "other"})
    waits = []
    async with house.database.work() as work:
        for one in (behind, other, behind, other):
            waits.append(await take_moment(work, one, str(uuid7())))
    assert waits[:3] == [0.0, 0.5, 1.0]
    assert isinstance(waits[3], Pause)  # more than a second ahead nothing is given out


async def read_raw(house: Any, request_id: UUID) -> Raw:
    async with house.database.work() as work:
        found = await find_raw(RequestId(request_id), work, sealer=house.sealer)
    assert isinstance(found, tuple)
    return found[1]


async def settle(house: Any, request_id: UUID, *, happened: bool) -> None:
    async with house.database.work() as work:
        said = await settle_request(
            RequestId(request_id),
            work,
            happened=happened,
            manifests=house.manifests,
            who="operator",
            consumer="registry-bridge",
        )
    assert isinstance(said, str)

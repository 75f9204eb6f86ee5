"""The changes that a device reads, on a real database: none is missing, none stays behind the cursor."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest
from enrolment_fixtures import BrowserKey, code, enrol, session
from intake.domain.entry import parse_line
from intake.handlers.change_waits import ChangeWaits
from intake.handlers.sync import SyncRequest, process_sync
from intake.store import case_statements, change_statements
from intake.store.change_statements import server_epoch
from intake_fixtures import CATALOGUE, IntakeClient
from uuid_utils.compat import uuid7
from wanderamt.backbone.persistence.database import Database
from wanderamt.kernel.ids import CaseId, DeviceId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Principal
from wanderamt_testing.service_env import component
from wanderamt_testing.statements import StatementLog


async def changes(intake_client: IntakeClient, cursor: str = "", **params: Any) -> dict[str, Any]:
    reply = await intake_client.http.get("/changes", params={"cursor": cursor} | params, headers=intake_client.clerk())
    assert reply.status_code == 200, reply.text
    page: dict[str, Any] = reply.json()
    return page


async def test_another_device_of_the_stand_sees_a_case_with_its_form_and_every_change_of_it(
    intake_client: IntakeClient,
) -> None:
    other = await intake_client.second_device()
    entry = intake_client.entry()
    await intake_client.sync(entry)
    first = await changes(other)
    [case] = first["cases"]
    assert (case["case_id"], case["state"]) == (entry["case_id"], "provisional")
    assert case["form"]["applicant.family_name"] == "Hadžić"
    assert (await changes(other, first["cursor"]))["cases"] == []
    await intake_client.answer_register(entry["case_id"], "confirmed")
    [again] = (await changes(other, first["cursor"]))["cases"]
    assert (again["state"], again["version"] > case["version"]) == ("final", True)


async def test_pages_skip_no_case_and_another_stand_sees_no_case(
    intake_client: IntakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("intake.handlers.changes.PAGE_SIZE", 3)
    entries = [intake_client.entry(body={"service": "advice"}) for _ in range(10)]
    await intake_client.sync(*entries[:7])
    await intake_client.sync(*entries[7:])
    seen, page = [], await changes(intake_client)
    while page["cases"]:
        seen += [case["case_id"] for case in page["cases"]]
        page = await changes(intake_client, page["cursor"])
    assert sorted(seen) == sorted(case["case_id"] for case in entries)
    assert not page["more"]
    intake_client.stand_id = intake_client.device_id
    assert (await changes(intake_client))["cases"] == []


async def test_a_change_that_commits_late_is_not_behind_the_cursor(intake_client: IntakeClient) -> None:
    """A transaction begins before another transaction and ends after it."""
    slow, quick = intake_client.entry(), intake_client.entry()
    await intake_client.sync(slow, quick)
    cursor = (await changes(intake_client))["cursor"]
    database = intake_client.service.context.database
    async with database.unit_of_work() as late:
        filed = (await case_statements.lock_cases(late, [slow["case_id"]], intake_client.cipher)).popitem()[1]
        await late.db.execute("SELECT pg_current_xact_id()")
        await intake_client.answer_register(quick["case_id"], "confirmed")
        assert (await changes(intake_client, cursor))["cases"] == []  # not yet: an older change may still be committed
        case_statements.save_cases(late, [filed], also=[], cipher=intake_client.cipher)
    page = await changes(intake_client, cursor)
    assert {case["case_id"] for case in page["cases"]} == {slow["case_id"], quick["case_id"]}


async def test_a_waiting_device_gets_the_next_change(intake_client: IntakeClient) -> None:
    cursor = (await changes(intake_client))["cursor"]
    waiting = asyncio.create_task(changes(intake_client, cursor, wait_s=20))
    await asyncio.sleep(0.2)
    await intake_client.sync(intake_client.entry())
    assert len((await waiting)["cases"]) == 1


async def test_a_change_that_another_process_makes_wakes_a_waiting_device(intake_client: IntakeClient) -> None:
    entry = intake_client.entry()
    await intake_client.sync(entry)
    cursor = (await changes(intake_client))["cursor"]
    database = intake_client.service.context.database
    async with waiting_device(intake_client, cursor) as waiting:
        other = Database(database.url, service_name="intake")
        await other.start()
        async with other.unit_of_work() as uow:
            await change_statements.touch_case(uow, CaseId(UUID(entry["case_id"])))
        assert [case["case_id"] for case in (await waiting).json()["cases"]] == [entry["case_id"]]
        await other.stop()


async def test_a_change_that_an_older_transaction_hides_reaches_a_waiting_device(intake_client: IntakeClient) -> None:
    entry = intake_client.entry()
    await intake_client.sync(entry)
    cursor = (await changes(intake_client))["cursor"]
    async with waiting_device(intake_client, cursor) as waiting:
        async with intake_client.service.context.database.unit_of_work() as older:
            await older.db.execute("SELECT pg_current_xact_id()")
            await intake_client.answer_register(entry["case_id"], "confirmed")
            await asyncio.sleep(0.3)
            assert not waiting.done()
        assert [case["state"] for case in (await waiting).json()["cases"]] == ["final"]


async def test_nothing_is_asked_of_the_database_while_a_device_waits(intake_client: IntakeClient) -> None:
    cursor = (await changes(intake_client))["cursor"]
    async with waiting_device(intake_client, cursor) as waiting:
        log = await StatementLog.of(intake_client.service.context.database)
        await asyncio.sleep(1.5)
        assert log.statements == []
        component(intake_client.service.components, "change_waits", ChangeWaits).end_waits()
        assert ((await waiting).status_code, (await waiting).content) == (204, b"")
        late = await intake_client.http.get("/changes", params={"wait_s": 20}, headers=intake_client.clerk())
        assert late.status_code in {200, 204}


async def test_of_two_requests_of_a_device_the_newer_waits(intake_client: IntakeClient) -> None:
    cursor = (await changes(intake_client))["cursor"]
    async with waiting_device(intake_client, cursor) as earlier, waiting_device(intake_client, cursor) as newer:
        assert (await earlier).status_code == 204
        assert not newer.done()
        await intake_client.sync(intake_client.entry())
        assert len((await newer).json()["cases"]) == 1


async def test_more_devices_than_allowed_do_not_wait(intake_client: IntakeClient) -> None:
    other = await intake_client.second_device()
    waits = component(intake_client.service.components, "change_waits", ChangeWaits)
    waits.max_waits = 1
    async with waiting_device(intake_client, "") as waiting:
        refused = await other.http.get("/changes", params={"wait_s": 20}, headers=other.clerk())
        assert (refused.status_code, refused.json()["code"]) == (503, "changes.too_many_wait")
        assert (await changes(other))["cases"] == []
        assert not waiting.done()


@asynccontextmanager
async def waiting_device(intake_client: IntakeClient, cursor: str) -> AsyncIterator[asyncio.Task[httpx.Response]]:
    """A request that waits, after its first look."""
    params: dict[str, str | float] = {"cursor": cursor, "wait_s": 20}
    waiting = asyncio.create_task(intake_client.http.get("/changes", params=params, headers=intake_client.clerk()))
    await asyncio.sleep(0.3)
    yield waiting
    waiting.cancel()


async def test_a_device_learns_up_to_which_entry_the_office_has_stored_everything(intake_client: IntakeClient) -> None:
    entries = [intake_client.entry(body={"service": "advice"}) for _ in range(5)]
    assert (await changes(intake_client))["durable_through"] == 0
    for sent, through in ((entries[0], 1), (entries[2], 1), (entries[4], 1), (entries[1], 3), (entries[3], 5)):
        await intake_client.sync(sent)
        assert (await changes(intake_client))["durable_through"] == through


async def test_after_a_restore_a_device_gets_a_reset(intake_client: IntakeClient) -> None:
    await intake_client.sync(intake_client.entry())
    cursor = (await changes(intake_client))["cursor"]
    restored = "1-1" + cursor[cursor.index(".") :]
    page = await changes(intake_client, restored)
    assert (page["reset"], len(page["cases"])) == (True, 1)
    assert not (await changes(intake_client, page["cursor"]))["reset"]
    async with intake_client.service.context.database.unit_of_work() as uow:
        assert page["server_epoch"] == await server_epoch(uow)


@pytest.mark.parametrize(
    "cursor", ["x", "1-1.2", "1-1.x.0", "1-1.2.zz", f"1-1.{2**63}.{'0' * 32}", f"1-1.-1.{'0' * 32}"]
)
async def test_an_invalid_cursor_is_refused(intake_client: IntakeClient, cursor: str) -> None:
    reply = await intake_client.http.get("/changes", params={"cursor": cursor}, headers=intake_client.clerk())
    assert (reply.status_code, reply.json()["code"]) == (422, "changes.cursor")
    operator = intake_client.bearer(Role.OPERATOR, device=intake_client.device_id, stand=intake_client.stand_id)
    assert (await intake_client.http.get("/changes", headers=operator)).status_code == 403


@pytest.mark.parametrize("cut", ["officer", "session", "device"])
async def test_a_request_that_waits_tells_nothing_to_who_was_cut_off_meanwhile(
    intake_client: IntakeClient, stand: UUID, cut: str
) -> None:
    key, device_id = BrowserKey(), uuid7()
    await enrol(intake_client, key, device_id, await code(intake_client))
    begun = (await session(intake_client, key, device_id, stand)).json()
    [running] = await intake_client.rows("SELECT session_id, officer FROM field_session")
    token, operator = begun["token"], intake_client.bearer(Role.OPERATOR)
    cursor = (await changes(intake_client))["cursor"]
    headers = {"Authorization": f"Bearer {token}", "DPoP": key.proof("GET", "/changes", token)}
    params: dict[str, str | float] = {"cursor": cursor, "wait_s": 20}
    waiting = asyncio.create_task(intake_client.http.get("/changes", params=params, headers=headers))
    await asyncio.sleep(0.3)
    url, body = {
        "officer": ("/officers/cut-off", {"officer": running["officer"], "reason": "stolen account"}),
        "session": (f"/sessions/{running['session_id']}/end", {"reason": "left the stand"}),
        "device": (f"/devices/{device_id}/revoke", None),
    }[cut]
    assert (await intake_client.http.post(url, json=body, headers=operator)).status_code == 204
    assert not waiting.done()
    entry = replace(intake_client, stand_id=stand).entry()
    async with intake_client.service.context.database.unit_of_work() as uow:
        caller = Principal("other@linz", frozenset({Role.CLERK}), intake_client.device_id, stand)
        request = SyncRequest(caller, DeviceId(intake_client.device_id), (parse_line(json.dumps(entry).encode()),))
        answers = await process_sync(request, uow, cipher=intake_client.cipher, catalogue=CATALOGUE)
    assert not isinstance(answers, Refusal)
    assert [answer.status for answer in answers] == ["applied"]
    reply = await waiting
    expected = (403, "device.not_enrolled") if cut == "device" else (401, "access.cut_off")
    assert (reply.status_code, reply.json().get("code")) == expected

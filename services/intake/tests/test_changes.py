"""The way back to the field app, on a real database: nothing left out, nothing behind the cursor."""

import asyncio
from typing import Any

import pytest
from intake.store import cases
from intake.store.changes import server_epoch
from wanderamt.security.roles import Role


async def changes(desk: Any, cursor: str = "", **wanted: Any) -> dict[str, Any]:
    reply = await desk.http.get("/changes", params={"cursor": cursor} | wanted, headers=desk.clerk())
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def test_another_device_of_the_stand_sees_a_case_with_its_form_and_every_change_of_it(desk: Any) -> None:
    other = await desk.second()
    entry = desk.entry()
    await desk.sync(entry)
    first = await changes(other)
    [case] = first["cases"]
    assert (case["case_id"], case["state"]) == (entry["case_id"], "provisional")
    assert case["form"]["applicant.family_name"] == "Hadžić"
    assert (await changes(other, first["cursor"]))["cases"] == []
    await desk.hear(entry["case_id"], "confirmed")
    [again] = (await changes(other, first["cursor"]))["cases"]
    assert (again["state"], again["version"] > case["version"]) == ("final", True)


async def test_pages_leave_nothing_out_and_another_stand_sees_nothing(desk: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("intake.handlers.changes.PAGE", 3)
    entries = [desk.entry(body={"service": "found_property_report"}) for _ in range(10)]
    await desk.sync(*entries[:7])
    await desk.sync(*entries[7:])
    seen, page = [], await changes(desk)
    while page["cases"]:
        seen += [one["case_id"] for one in page["cases"]]
        page = await changes(desk, page["cursor"])
    assert sorted(seen) == sorted(one["case_id"] for one in entries)
    assert not page["more"]
    desk.stand_id = desk.device_id
    assert (await changes(desk))["cases"] == []


async def test_what_commits_late_is_not_left_behind_the_cursor(desk: Any) -> None:
    """A transaction that began before another one and ends after it."""
    slow, quick = desk.entry(), desk.entry()
    await desk.sync(slow, quick)
    cursor = (await changes(desk))["cursor"]
    database = desk.service.ground.database
    async with database.work() as late:
        filed = (await cases.lock_cases(late, [slow["case_id"]], desk.sealer)).popitem()[1]
        await late.db.execute("SELECT pg_current_xact_id()")
        await desk.hear(quick["case_id"], "confirmed")
        assert (await changes(desk, cursor))["cases"] == []  # not yet: something older may still come
        await cases.save_cases(late, [filed], beside=[])
    found = await changes(desk, cursor)
    assert {one["case_id"] for one in found["cases"]} == {slow["case_id"], quick["case_id"]}


async def test_a_device_waits_for_a_change_and_hears_it(desk: Any) -> None:
    cursor = (await changes(desk))["cursor"]
    waiting = asyncio.create_task(changes(desk, cursor, wait_s=20))
    await asyncio.sleep(0.2)
    await desk.sync(desk.entry())
    assert len((await waiting)["cases"]) == 1


async def test_a_device_knows_how_far_everything_is_kept(desk: Any) -> None:
    entries = [desk.entry(body={"service": "found_property_report"}) for _ in range(5)]
    assert (await changes(desk))["durable_through"] == 0
    for sent, through in ((entries[0], 1), (entries[2], 1), (entries[4], 1), (entries[1], 3), (entries[3], 5)):
        await desk.sync(sent)
        assert (await changes(desk))["durable_through"] == through


async def test_after_a_restore_a_device_is_told_to_begin_anew(desk: Any) -> None:
    await desk.sync(desk.entry())
    cursor = (await changes(desk))["cursor"]
    restored = "1-1" + cursor[cursor.index(".") :]
    found = await changes(desk, restored)
    assert (found["reset"], len(found["cases"])) == (True, 1)
    assert not (await changes(desk, found["cursor"]))["reset"]
    async with desk.service.ground.database.work() as work:
        assert found["server_epoch"] == await server_epoch(work)


@pytest.mark.parametrize("cursor", ["x", "1-1.2", "1-1.x.0", "1-1.2.zz"])
async def test_a_cursor_of_nobody_is_refused(desk: Any, cursor: str) -> None:
    reply = await desk.http.get("/changes", params={"cursor": cursor}, headers=desk.clerk())
    assert (reply.status_code, reply.json()["code"]) == (422, "changes.cursor")
    operator = desk.bearer(Role.OPERATOR, device=desk.device_id, stand=desk.stand_id)
    assert (await desk.http.get("/changes", headers=operator)).status_code == 403

"""Retention on the real stack with a moved clock: cases are closed, and deleted when their time is over."""

import asyncio
import base64
from uuid import UUID

import pytest
import structlog
from due_date_fixtures import MovedIntake
from intake.domain.case.fold import rebuild
from intake.store import case_statements, history_statements
from marked_text_fixtures import marks_in_tables
from retention_fixtures import JPEG, OBLIGATIONS, accepted, close_all, delete_all, upload
from uuid_utils.compat import uuid7
from wanderamt.kernel.ids import CaseId
from wanderamt.security.roles import Role


async def withdrawn_advice(moved: MovedIntake) -> str:
    """Its edition keeps cases for 30 days."""
    client = moved.client
    case_id = await moved.open({"service": "registration_confirmation", "language": "de"})
    assert (await client.http.post(f"/cases/{case_id}/withdraw", headers=client.clerk())).status_code == 200
    return case_id


async def test_a_case_in_which_nothing_is_open_is_closed_after_a_month_and_deleted_when_its_time_is_over(
    moved_intake: MovedIntake,
) -> None:
    case_id = await withdrawn_advice(moved_intake)
    moved_intake.pass_days(29)
    assert await close_all(moved_intake) == 0
    moved_intake.pass_days(1.1)
    with structlog.testing.capture_logs() as lines:
        assert await close_all(moved_intake) == 1
        assert (await moved_intake.client.case(case_id))["state"] == "closed"
        moved_intake.pass_days(29)
        assert await delete_all(moved_intake) == 0
        moved_intake.pass_days(1.1)
        assert await delete_all(moved_intake) == 1
        assert await delete_all(moved_intake) == 0
    [closed] = [line for line in lines if line["event"] == "cases.closed"]
    [deleted] = [line for line in lines if line["event"] == "cases.deleted"]
    assert closed["case_ids"] == deleted["case_ids"] == [case_id]
    [event] = await moved_intake.published("deleted")
    assert (event["case_id"], event["service"]) == (case_id, "registration_confirmation")
    [run] = await moved_intake.client.rows("SELECT * FROM retention_run")
    assert (run["service"], run["retention"], run["cases"]) == ("registration_confirmation", "days_30", 1)
    versions = await moved_intake.client.rows(f"SELECT version FROM outbox WHERE aggregate = '{case_id}' ORDER BY id")
    assert [row["version"] for row in versions] == list(range(1, len(versions) + 1))


async def test_several_processes_delete_each_case_once(moved_intake: MovedIntake) -> None:
    for _ in range(6):
        await withdrawn_advice(moved_intake)
    moved_intake.pass_days(31)
    assert sum(await asyncio.gather(*(close_all(moved_intake) for _ in range(3)))) == 6
    moved_intake.pass_days(31)
    assert sum(await asyncio.gather(*(delete_all(moved_intake) for _ in range(3)))) == 6
    assert len(await moved_intake.published("deleted")) == 6
    [run] = await moved_intake.client.rows("SELECT cases FROM retention_run")
    assert run["cases"] == 6


@pytest.mark.parametrize("wait", ["obligation", "refund", "document"])
async def test_a_case_in_which_something_is_open_stays(moved_intake: MovedIntake, wait: str) -> None:
    client = moved_intake.client
    if wait == "obligation":
        case_id = await moved_intake.finished_dog()
        await client.issue(case_id)
    elif wait == "refund":
        case_id = await moved_intake.open(client.complete_body())
        assert (await client.http.post(f"/cases/{case_id}/withdraw", headers=client.clerk())).status_code == 200
    else:
        case_id = await moved_intake.open({"service": "advice"})
    moved_intake.pass_days(1000)
    await moved_intake.follow()
    assert await close_all(moved_intake) == 0
    match wait:
        case "obligation":
            for code in OBLIGATIONS:
                assert await moved_intake.fulfil(case_id, code) == "accepted"
        case "refund":
            await client.rows("UPDATE refund SET receipt = 'BE-2026-0000001-1' RETURNING 1")
        case _:
            await client.issue(case_id)
    assert await close_all(moved_intake) == 1


async def test_a_case_that_was_reopened_is_kept_from_its_new_closing_on(moved_intake: MovedIntake) -> None:
    case_id = await withdrawn_advice(moved_intake)
    client, url = moved_intake.client, f"/cases/{case_id}"
    moved_intake.pass_days(31)
    await close_all(moved_intake)
    moved_intake.pass_days(20)
    reopened = await client.http.post(f"{url}/reopen", json={"reason": "came back"}, headers=client.clerk())
    assert reopened.status_code == 200
    await client.http.post(f"{url}/withdraw", headers=client.clerk())
    assert (await client.http.post(f"{url}/close", headers=client.clerk())).json()["state"] == "closed"
    moved_intake.pass_days(20)
    assert await delete_all(moved_intake) == 0
    moved_intake.pass_days(11)
    assert await delete_all(moved_intake) == 1


async def test_what_is_kept_until_the_closing_is_deleted_with_it_and_nothing_else(moved_intake: MovedIntake) -> None:
    client = moved_intake.client
    photo, scan, first_photo = uuid7(), uuid7(), uuid7()
    body = {
        "service": "active_pass",
        "language": "de",
        "applicant": {"given_name": "Zoë", "family_name": "Hadžić", "birth_date": "1990-04-01"},
        "facts": {"portrait": {"photo": str(first_photo)}},
    }
    case_id = await moved_intake.open(body)
    fill = client.follow_up(case_id, "case.fill", {"facts": {"portrait": {"photo": str(photo)}}}, case_seq=2)
    await accepted(client, fill)
    for attachment_id in (first_photo, photo):
        await upload(client, case_id, JPEG + attachment_id.bytes, attachment_id)
    dog = await moved_intake.open_dog()
    see = {"code": "expertise_proof", "handling": "scan", "attachment_id": str(scan)}
    await accepted(client, client.follow_up(dog, "case.see_paper", see, case_seq=2))
    await upload(client, dog, JPEG + b"scan", scan)
    other = await upload(client, dog, JPEG + b"letter")
    for id_ in (case_id, dog):
        url = f"/cases/{id_}"
        assert (await client.http.post(f"{url}/withdraw", headers=client.clerk())).status_code == 200
        assert (await client.http.post(f"{url}/close", headers=client.clerk())).status_code == 200
    left = await client.rows("SELECT attachment_id FROM attachment")
    assert [row["attachment_id"] for row in left] == [other]
    assert len(await client.rows("SELECT 1 FROM attachment_piece")) == 1
    form = await client.form(case_id)
    assert form["applicant.family_name"] == "Hadžić"
    assert "facts.portrait" not in form
    for text in (str(photo), str(first_photo)):
        assert (await marks_in_tables(client, [text])).get(text, set()) <= {"case_history.content", "outbox.value"}
    async with client.service.context.database.unit_of_work() as uow:
        ids = [CaseId(UUID(case_id)), CaseId(UUID(dog))]
        files = await case_statements.lock_cases(uow, ids, client.cipher)
        histories = await history_statements.find_histories(uow, ids, client.cipher)
    for key, filed in files.items():
        assert rebuild(key, [event for event, _ in histories[key]]) == filed.case
        assert not filed.case.attachments


async def test_what_comes_late_for_a_deleted_case_is_refused_and_not_stored(moved_intake: MovedIntake) -> None:
    client = moved_intake.client
    opened = client.entry(body={"service": "registration_confirmation"}, captured_at=moved_intake.clock().isoformat())
    case_id = await accepted(client, opened)
    withdrawn = client.follow_up(case_id, "case.withdraw", {}, case_seq=2)
    await accepted(client, withdrawn)
    moved_intake.pass_days(31)
    await close_all(moved_intake)
    moved_intake.pass_days(31)
    assert await delete_all(moved_intake) == 1
    for again in (opened, withdrawn):
        [result] = (await client.sync(again)).json()["results"]
        assert result["status"] == "duplicate"
    late = {"applicant": {"family_name": "Merkwortzz"}}
    other = await client.second_device()
    for device, seq in ((client, 3), (other, 1)):
        [result] = (await device.sync(device.follow_up(case_id, "case.fill", late, case_seq=seq))).json()["results"]
        assert (result["status"], result["problem"]["code"]) == ("refused", "case.deleted")
    reopened = other.entry(case_id=case_id, case_seq=2, body={"service": "advice"})
    [result] = (await other.sync(reopened)).json()["results"]
    assert (result["status"], result["problem"]["code"]) == ("refused", "case.deleted")
    assert await marks_in_tables(client, ["Merkwortzz"]) == {}
    assert await client.rows("SELECT 1 FROM case_file") == []
    about = {"attachment_id": str(uuid7()), "case_id": case_id, "sha256": "ab" * 32, "filetype": "image/png"}
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in about.items())
    headers = client.clerk() | {"Upload-Length": "100", "Upload-Metadata": metadata}
    reply = await client.http.post("/attachments", headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (409, "case.deleted")


async def test_an_entry_that_nobody_could_read_goes_after_three_months(moved_intake: MovedIntake) -> None:
    client = moved_intake.client
    await client.http.post(
        "/sync",
        content=b'{"entries": [{"type": "nonsense"}]}',
        headers=client.clerk() | {"Content-Type": "application/json"},
    )
    assert len(await client.rows("SELECT 1 FROM refused_entry")) == 1
    moved_intake.pass_days(89)
    assert await delete_all(moved_intake) == 0
    moved_intake.pass_days(2)
    assert await delete_all(moved_intake) == 1
    assert await client.rows("SELECT 1 FROM refused_entry") == []


async def test_the_office_sees_what_was_deleted_and_what_is_due(moved_intake: MovedIntake) -> None:
    await withdrawn_advice(moved_intake)
    client = moved_intake.client
    office = client.bearer(Role.OFFICE)
    moved_intake.pass_days(31)
    shown = (await client.http.get("/retention", headers=office)).json()
    assert shown == {"to_close": 1, "expired": [], "runs": []}
    await close_all(moved_intake)
    moved_intake.pass_days(31)
    shown = (await client.http.get("/retention", headers=office)).json()
    due = {"service": "registration_confirmation", "retention": "days_30", "cases": 1}
    assert (shown["to_close"], shown["expired"]) == (0, [due])
    await delete_all(moved_intake)
    shown = (await client.http.get("/retention", headers=office)).json()
    assert [run | {"day": ""} for run in shown["runs"]] == [due | {"day": ""}]
    assert (await client.http.get("/retention", headers=client.clerk())).status_code == 403

"""Deadlines and obligations on the real stack, with a moved clock: set, published, reminded of, fulfilled, missed."""

import asyncio
import json
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from due_date_fixtures import OWNER, MovedIntake
from intake.domain.case.fold import rebuild
from intake.store import case_statements, history_statements
from intake_fixtures import IntakeClient
from wanderamt.kernel.ids import CaseId
from wanderamt.security.roles import Role
from wanderamt.shell.access import REASON_HEADER

DAY = timedelta(days=1)
OBLIGATIONS = ["levy", "pet_database", "size_proof", "everyday_test"]
REASON = {REASON_HEADER: "paid%20at%20the%20counter"}


async def rows_of(client: IntakeClient, case_id: str) -> dict[str, str]:
    rows = await client.rows(f"SELECT * FROM due_date WHERE case_id = '{case_id}' ORDER BY due_at")
    return {
        row["code"]: "met" if row["met_at"] else "missed" if row["missed_at"] else "open"
        for row in rows
        if row["kind"] == "obligation"
    }


async def test_a_deadline_that_passed_is_noted_in_the_case_and_told(moved_intake: MovedIntake) -> None:
    client, today = moved_intake.client, moved_intake.today
    case_id = await moved_intake.open_dog(twelve_weeks_on=(today - 14 * DAY).isoformat())
    [deadline] = (await client.case(case_id))["deadlines"]
    assert (deadline["code"], deadline["state"]) == ("within_five_workdays", "missed")
    assert deadline["titles"]["de"] == "binnen fünf Werktagen"
    [missed] = await moved_intake.published("due-date-missed")
    assert missed["kind"] == "deadline"
    assert datetime.fromisoformat(missed["due_at"]) == datetime.fromisoformat(deadline["due_at"])
    [row] = await client.rows("SELECT kind, missed_at IS NOT NULL AS missed FROM due_date")
    assert tuple(row) == ("deadline", True)
    changed = (await client.http.get("/changes", headers=client.clerk())).json()["cases"]
    assert [case["deadlines"] for case in changed] == [[deadline]]


async def test_a_deadline_that_is_kept_is_no_event_for_others(moved_intake: MovedIntake) -> None:
    case_id = await moved_intake.open_dog()
    [deadline] = (await moved_intake.client.case(case_id))["deadlines"]
    assert deadline["state"] == "met"
    assert await moved_intake.published("due-date-missed") == []


async def test_the_obligations_of_a_finished_case_are_one_event_and_rows(moved_intake: MovedIntake) -> None:
    case_id = await moved_intake.finished_dog()
    client = moved_intake.client
    assert await rows_of(client, case_id) == dict.fromkeys(OBLIGATIONS, "open")
    assert await moved_intake.states(case_id) == dict.fromkeys(OBLIGATIONS, "open")
    [event] = await moved_intake.published("due-dates-set")
    assert [due["code"] for due in event["due_dates"]] == OBLIGATIONS
    assert event["due_dates"][0]["titles"] == {"de": "Hundeabgabe zahlen", "en": "Pay the dog levy"}
    events = await client.rows("SELECT content FROM case_history ORDER BY version")
    kinds = [event["kind"] for row in events for event in json.loads(row["content"])["events"]]
    assert kinds.count("ObligationsSet") == 1


async def test_services_without_due_dates_write_none(moved_intake: MovedIntake) -> None:
    client = moved_intake.client
    await moved_intake.open({"service": "advice"})
    assert await client.rows("SELECT 1 FROM due_date") == []
    assert await moved_intake.published("due-dates-set") == []


async def test_a_reminder_comes_at_its_time_and_once_whoever_looks(moved_intake: MovedIntake) -> None:
    case_id = await moved_intake.finished_dog()
    due_at = await moved_intake.due_at(case_id, "levy")
    moved_intake.move_to(due_at - 7 * DAY - timedelta(minutes=1))
    assert await moved_intake.follow() == 0
    moved_intake.move_to(due_at - 7 * DAY + timedelta(minutes=1))
    with structlog.testing.capture_logs() as lines:
        runs = await asyncio.gather(*(moved_intake.follow() for _ in range(4)))
    assert sum(runs) == 1
    assert await moved_intake.follow() == 0
    [event] = await moved_intake.published("reminder-due")
    assert event["sentence"] == {"de": "Die Hundeabgabe ist fällig.", "en": "The dog levy is due."}
    assert (event["code"], datetime.fromisoformat(event["due_at"])) == ("levy", due_at)
    contact = await moved_intake.client.rows("SELECT contact FROM case_file")
    assert event["contact"] == json.loads(contact[0]["contact"])
    [line] = [line for line in lines if line["event"] == "obligation.reminder_due"]
    assert (str(line["case_id"]), line["obligation"]) == (case_id, "levy")


async def test_a_missed_obligation_waits_at_the_office_although_its_case_is_final(moved_intake: MovedIntake) -> None:
    case_id = await moved_intake.finished_dog()
    client, office = moved_intake.client, moved_intake.client.bearer(Role.OFFICE)
    assert (await client.http.get("/waiting-cases", headers=office)).json()["cases"] == []
    moved_intake.move_to(await moved_intake.due_at(case_id, "levy"))
    assert await moved_intake.follow() == 1
    [waiting] = (await client.http.get("/waiting-cases", headers=office)).json()["cases"]
    assert (waiting["case_id"], waiting["state"], waiting["owner"]) == (case_id, "final", OWNER)
    assert waiting["reason"] == "missed obligation levy"
    missed = (await client.http.get("/obligations", params={"state": "missed"}, headers=office)).json()
    assert [(row["code"], row["state"], row["owner"]) for row in missed["obligations"]] == [("levy", "missed", OWNER)]
    opened = (await client.http.get("/obligations", params={"state": "open"}, headers=office)).json()
    assert [row["code"] for row in opened["obligations"]] == OBLIGATIONS[1:]
    [event] = await moved_intake.published("due-date-missed")
    assert (event["kind"], event["code"]) == ("obligation", "levy")
    assert await moved_intake.fulfil(case_id, "levy") == "accepted"
    assert (await client.http.get("/waiting-cases", headers=office)).json()["cases"] == []


async def test_a_device_of_any_stand_that_has_the_case_fulfils_an_obligation(moved_intake: MovedIntake) -> None:
    case_id = await moved_intake.finished_dog()
    moved_intake.pass_days(3)
    assert await moved_intake.fulfil(case_id, "levy") == "accepted"
    assert await moved_intake.fulfil(case_id, "levy") == "accepted"
    assert await moved_intake.fulfil(case_id, "no_such_thing") == "obligation.unknown"
    assert (await rows_of(moved_intake.client, case_id))["levy"] == "met"
    [met] = await moved_intake.published("due-date-met")
    assert met["code"] == "levy"
    moved_intake.pass_days(20)
    await moved_intake.follow()
    assert await moved_intake.published("reminder-due") == []


async def test_the_office_fulfils_with_a_reason_that_is_kept_and_sealed(moved_intake: MovedIntake) -> None:
    case_id = await moved_intake.finished_dog()
    client, office = moved_intake.client, moved_intake.client.bearer(Role.OFFICE)
    url = f"/cases/{case_id}/obligations/levy/fulfil"
    refused = await client.http.post(url, json={}, headers=office)
    assert (refused.status_code, refused.json()["code"]) == (403, "access.reason_needed")
    reply = await client.http.post(url, json={}, headers=office | REASON)
    assert reply.status_code == 200
    assert [due["code"] for due in reply.json()["obligations"] if due["state"] == "met"] == ["levy"]
    records = await client.rows(f"SELECT who, reason FROM audit_record WHERE subject_id = '{case_id}'")
    assert ("tester@city", "paid at the counter") in [(row["who"], row["reason"]) for row in records]
    history = str(await client.rows("SELECT content FROM case_history"))
    assert "paid at the counter" not in history
    unknown = await client.http.post(url.replace("levy", "nothing"), json={}, headers=office | REASON)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "obligation.unknown")


async def test_the_lists_of_the_office_come_in_pages_and_are_for_the_office_alone(moved_intake: MovedIntake) -> None:
    for _ in range(3):
        await moved_intake.finished_dog()
    client, office = moved_intake.client, moved_intake.client.bearer(Role.OFFICE)
    listed: list[tuple[str, str]] = []
    after: str | None = ""
    while after is not None:
        params: dict[str, str | int] = {"limit": 5, "after": after}
        page = (await client.http.get("/obligations", params=params, headers=office)).json()
        assert len(page["obligations"]) <= 5
        listed += [(row["case_id"], row["code"]) for row in page["obligations"]]
        after = page["after"]
    assert len(listed) == len(set(listed)) == 12
    for path in ("/obligations", "/waiting-cases"):
        for wrong in ("x", "1.2.3", f"{10**30}.{'0' * 32}.a", "-1." + "0" * 32 + ".a"):
            reply = await client.http.get(path, params={"after": wrong}, headers=office)
            assert (reply.status_code, reply.json()["code"]) == (422, "list.place")
        for role in (Role.CLERK, Role.PLANNER):
            assert (await client.http.get(path, headers=client.bearer(role))).status_code == 403


async def test_cases_that_wait_come_in_pages(moved_intake: MovedIntake) -> None:
    ids = {await moved_intake.open_dog() for _ in range(5)}
    client, office = moved_intake.client, moved_intake.client.bearer(Role.OFFICE)
    first = (await client.http.get("/waiting-cases", params={"limit": 3}, headers=office)).json()
    rest = (await client.http.get("/waiting-cases", params={"after": first["after"]}, headers=office)).json()
    assert (len(first["cases"]), len(rest["cases"]), rest["after"]) == (3, 2, None)
    assert {case["case_id"] for case in first["cases"] + rest["cases"]} == ids


async def test_a_reopened_case_loses_its_open_obligations_until_it_is_finished_again(
    moved_intake: MovedIntake,
) -> None:
    case_id = await moved_intake.finished_dog()
    client = moved_intake.client
    assert await moved_intake.fulfil(case_id, "levy") == "accepted"
    order = {"reason": "wrong breed", "correct": {"facts": {"breed": "Pudel"}}}
    assert (await client.http.post(f"/cases/{case_id}/reopen", json=order, headers=client.clerk())).status_code == 200
    assert await rows_of(client, case_id) == {"levy": "met"}
    for number in ("4711", "4712"):  # the dog is withdrawn and registered again
        await moved_intake.answer(case_id, {"number": number})
    assert await rows_of(client, case_id) == dict.fromkeys(OBLIGATIONS[1:], "open") | {"levy": "met"}


async def test_of_a_finished_case_that_is_withdrawn_nothing_is_due_any_more(moved_intake: MovedIntake) -> None:
    case_id = await moved_intake.finished_dog()
    client = moved_intake.client
    assert await moved_intake.fulfil(case_id, "levy") == "accepted"
    assert (await client.http.post(f"/cases/{case_id}/withdraw", headers=client.clerk())).status_code == 200
    assert await rows_of(client, case_id) == {"levy": "met"}


async def test_a_case_with_an_open_obligation_is_not_closed(moved_intake: MovedIntake) -> None:
    case_id = await moved_intake.finished_dog()
    client = moved_intake.client
    reply = await client.http.post(f"/cases/{case_id}/close", headers=client.clerk())
    assert (reply.status_code, reply.json()["code"]) == (409, "case.obligations_open")


async def test_the_file_is_the_fold_of_its_history_through_all_of_it(moved_intake: MovedIntake) -> None:
    case_id = await moved_intake.finished_dog()
    client = moved_intake.client
    for code in ("size_proof", "everyday_test"):
        moved_intake.move_to(await moved_intake.due_at(case_id, code))
        await moved_intake.follow()
    assert await moved_intake.fulfil(case_id, "levy") == "accepted"
    async with client.service.context.database.unit_of_work() as uow:
        id_ = CaseId(UUID(case_id))
        [filed] = (await case_statements.lock_cases(uow, [id_], client.cipher)).values()
        histories = await history_statements.find_histories(uow, [id_], client.cipher)
    assert rebuild(id_, [event for event, _ in histories[id_]]) == filed.case
    rows = await client.rows(f"SELECT version FROM outbox WHERE aggregate = '{case_id}' ORDER BY version")
    assert [row["version"] for row in rows] == list(range(1, len(rows) + 1))

"""Changes that no device sends: answers of registers, decisions of the back office, deadlines; and the history."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import structlog
from httpx import Response
from intake.domain.case.case_events import HandedOver
from intake.domain.case.fold import rebuild
from intake.domain.case.state import CaseState
from intake.handlers.cases import escalate_overdue_cases
from intake.store import case_statements, history_statements
from intake_fixtures import CATALOGUE, WITH_REASON, IntakeClient
from wanderamt.kernel.ids import CaseId
from wanderamt.security.roles import Role

PAPER_ID = "0197c1c0-0000-7000-8000-000000000001"


async def open_complete_case(intake_client: IntakeClient, **body: Any) -> str:
    entry = intake_client.entry()
    entry["body"] |= body
    assert [result["status"] for result in (await intake_client.sync(entry)).json()["results"]] == ["accepted"]
    case_id: str = entry["case_id"]
    return case_id


def provisional_body(intake_client: IntakeClient) -> dict[str, str]:
    return {"document_id": PAPER_ID, "number": intake_client.numbers.take("UK")}


async def types(intake_client: IntakeClient) -> list[str]:
    rows = await intake_client.rows("SELECT type, version FROM outbox ORDER BY id")
    return [row["type"].removeprefix("at.wanderamt.").removesuffix(".v1") for row in rows]


async def test_the_state_of_every_case_is_the_fold_of_its_history(intake_client: IntakeClient) -> None:
    first, second = (
        await open_complete_case(intake_client),
        await open_complete_case(intake_client, provisional=provisional_body(intake_client)),
    )
    await intake_client.answer_register(first, "confirmed")
    await intake_client.answer_register(second, "not_found")
    await intake_client.http.post(f"/cases/{first}/close", headers=intake_client.clerk())
    await intake_client.http.post(
        f"/cases/{first}/reopen", json={"reason": "wrong name"}, headers=intake_client.clerk()
    )
    async with intake_client.service.context.database.unit_of_work() as uow:
        ids = [UUID(first), UUID(second)]
        files = await case_statements.lock_cases(uow, ids, intake_client.cipher)
        histories = await history_statements.find_histories(uow, ids, intake_client.cipher)
        assert len(files) == 2
        for case_id, filed in files.items():
            assert rebuild(case_id, [event for event, _ in histories[case_id]]) == filed.case
            assert filed.case.form["applicant.family_name"] == "Hadžić"


async def test_published_versions_have_no_gap(intake_client: IntakeClient) -> None:
    case_id = await open_complete_case(intake_client)
    await intake_client.answer_register(case_id, "confirmed")
    await intake_client.http.post(f"/cases/{case_id}/close", headers=intake_client.clerk())
    rows = await intake_client.rows(f"SELECT version FROM outbox WHERE aggregate = '{case_id}' ORDER BY id")
    assert [row["version"] for row in rows] == [1, 2, 3, 4]
    assert await intake_client.rows(
        f"SELECT event_version FROM case_file WHERE case_id = '{case_id}' AND event_version = 4"
    )


@pytest.mark.parametrize("outcome", ["not_found", "refused"])
async def test_a_provisional_document_is_revoked_when_the_register_refuses(
    intake_client: IntakeClient, outcome: str
) -> None:
    case_id = await open_complete_case(intake_client, provisional=provisional_body(intake_client))
    await intake_client.answer_register(case_id, outcome)
    case = await intake_client.case(case_id)
    assert (case["state"], case["paid_cents"], case["deadline"]) == ("compensated", 0, None)
    assert case["document_revoked_at"]
    assert case["document_id"] is None
    assert (await types(intake_client))[-2:] == ["case.compensated", "document.revoked"]
    await intake_client.answer_register(case_id, "confirmed")  # too late
    assert (await intake_client.case(case_id))["state"] == "compensated"


async def test_without_a_document_the_case_only_needs_another_visit(intake_client: IntakeClient) -> None:
    case_id = await open_complete_case(intake_client)
    await intake_client.answer_register(case_id, "not_found")
    case = await intake_client.case(case_id)
    assert (case["state"], case["reason"]) == ("needs_visit", "not_found")
    assert case["deadline"]


async def test_the_office_hands_over_withdraws_closes_and_opens_again(intake_client: IntakeClient) -> None:
    case_id = await open_complete_case(intake_client)
    url, clerk = f"/cases/{case_id}", intake_client.clerk()
    order = {"to": "office", "reason": "original missing", "deadline": "2026-12-01T12:00:00+01:00"}
    assert (await intake_client.http.post(f"{url}/hand-over", json=order, headers=clerk)).json()["owner"] == "office"
    early = await intake_client.http.post(f"{url}/close", headers=clerk)
    assert (early.status_code, early.json()["code"]) == (409, "case.not_ended")
    withdrawn = (await intake_client.http.post(f"{url}/withdraw", headers=clerk)).json()
    assert (withdrawn["state"], withdrawn["paid_cents"]) == ("withdrawn", 0)
    assert (await intake_client.http.post(f"{url}/close", headers=clerk)).json()["state"] == "closed"
    reopened = await intake_client.http.post(f"{url}/reopen", json={"reason": "she came back"}, headers=clerk)
    assert (reopened.json()["state"], reopened.json()["owner"]) == ("provisional", "tester@city")  # asks again
    assert (
        await intake_client.http.post(f"/cases/{intake_client.device_id}/close", headers=clerk | WITH_REASON)
    ).status_code == 404


async def test_what_people_type_about_a_case_is_nowhere_in_clear(intake_client: IntakeClient) -> None:
    case_id = await open_complete_case(intake_client)
    url, clerk = f"/cases/{case_id}", intake_client.clerk()
    typed = {"to": "Ada Lovelace", "reason": "her son Byron called", "deadline": "2026-12-01T12:00:00+01:00"}
    sent = intake_client.follow_up(case_id, "case.hand_over", typed, case_seq=2)
    with structlog.testing.capture_logs() as lines:
        assert (await intake_client.http.post(f"{url}/hand-over", json=typed, headers=clerk)).status_code == 200
        assert (await intake_client.sync(sent)).json()["results"][0]["status"] == "accepted"
        case = await intake_client.case(case_id)
        await intake_client.http.post(f"{url}/withdraw", headers=clerk)
        await intake_client.http.post(f"{url}/reopen", json={"reason": "Ada came back"}, headers=clerk)
    assert (case["owner"], case["reason"]) == ("Ada Lovelace", "her son Byron called")
    assert (await intake_client.case(case_id))["state"] == CaseState.PROVISIONAL
    tables = ("case_file", "case_history", "entry", "outbox", "job", "audit_record")
    kept = {table: str(await intake_client.rows(f"SELECT t::text FROM {table} t")) for table in tables}
    for text in ("Ada", "Lovelace", "Byron"):
        assert text not in str(lines)
        assert [table for table, content in kept.items() if text in content] == []


async def test_a_case_of_an_earlier_release_keeps_its_owner_and_its_reason(intake_client: IntakeClient) -> None:
    case_id = await open_complete_case(intake_client)
    earlier = "UPDATE case_file SET owner = 'office', reason = 'seen', assignment = NULL RETURNING 1"
    events = [
        {"kind": "HandedOver", "data": {"owner": "office", "reason": "seen", "deadline": "2026-12-01T12:00:00+01:00"}}
    ]
    await intake_client.rows(earlier)
    content = json.dumps({"events": events, "fields": None})
    await intake_client.rows(f"UPDATE case_history SET content = '{content}' RETURNING 1")
    case = await intake_client.case(case_id)
    assert (case["owner"], case["reason"]) == ("office", "seen")
    async with intake_client.service.context.database.unit_of_work() as uow:
        histories = await history_statements.find_histories(uow, [UUID(case_id)], intake_client.cipher)
    [(event, _)] = histories[CaseId(UUID(case_id))]
    assert isinstance(event, HandedOver)
    assert event.reason == "seen"
    await intake_client.answer_register(case_id, "not_found")
    [row] = await intake_client.rows("SELECT owner, reason FROM case_file")
    assert (row["owner"], row["reason"]) == ("", "")
    assert (await intake_client.case(case_id))["owner"] == "office"


async def test_a_reopened_case_gets_a_new_document_and_the_old_one_is_revoked(intake_client: IntakeClient) -> None:
    case_id = await open_complete_case(intake_client)
    await intake_client.answer_register(case_id, "confirmed")
    await intake_client.http.post(
        f"/cases/{case_id}/reopen", json={"reason": "wrong name"}, headers=intake_client.clerk()
    )
    await intake_client.answer_register(case_id, "confirmed")
    rows = await intake_client.rows("SELECT number, revoked_at IS NULL AS valid FROM document ORDER BY ordered_at")
    assert [row["valid"] for row in rows] == [False, True]
    assert len({row["number"] for row in rows}) == 2


async def test_the_office_corrects_a_finished_case_with_its_reopening_or_withdraws_it(
    intake_client: IntakeClient,
) -> None:
    case_id = await open_complete_case(intake_client)
    await intake_client.answer_register(case_id, "confirmed")
    url, clerk = f"/cases/{case_id}/reopen", intake_client.clerk()

    async def reopen(**order: object) -> Response:
        return await intake_client.http.post(url, json={"reason": "wrong name", **order}, headers=clerk)

    unknown = await reopen(correct={"facts": {"no_such": 1}})
    fee = await reopen(correct={"facts": {"register_asked": "local"}})
    assert [reply.status_code for reply in (unknown, fee)] == [422, 409]
    assert (await intake_client.case(case_id))["state"] == "final"  # all of it, or nothing
    corrected = await reopen(correct={"applicant": {"family_name": "Hadžič"}})
    assert corrected.json()["state"] == "provisional"  # the register is asked with the new name
    await intake_client.answer_register(case_id, "confirmed")
    assert (await intake_client.case(case_id))["state"] == "final"
    withdrawn = await intake_client.http.post(f"/cases/{case_id}/withdraw", headers=clerk)
    assert (withdrawn.json()["state"], withdrawn.json()["paid_cents"]) == ("withdrawn", 0)
    rows = await intake_client.rows("SELECT revoked_at IS NULL AS valid FROM document ORDER BY ordered_at")
    assert [row["valid"] for row in rows] == [False, False]


async def test_an_overdue_case_is_handed_over_once_and_published(intake_client: IntakeClient) -> None:
    case_id = await open_complete_case(intake_client)
    async with intake_client.service.context.database.unit_of_work() as uow:
        assert await escalate_overdue_cases(uow, to="head", cipher=intake_client.cipher, catalogue=CATALOGUE) == 0
        uow.now += timedelta(days=2)
        assert await escalate_overdue_cases(uow, to="head", cipher=intake_client.cipher, catalogue=CATALOGUE) == 1
        assert await escalate_overdue_cases(uow, to="head", cipher=intake_client.cipher, catalogue=CATALOGUE) == 0
    assert (await intake_client.case(case_id))["owner"] == "head"
    assert (await types(intake_client))[-1] == "case.handed-over"


async def test_the_wrong_role_may_not_change_a_case(intake_client: IntakeClient) -> None:
    case_id = await open_complete_case(intake_client)
    for role in (Role.PLANNER, Role.OPERATOR):
        for order in ("hand-over", "withdraw", "close", "reopen"):
            reply = await intake_client.http.post(
                f"/cases/{case_id}/{order}", json={}, headers=intake_client.bearer(role)
            )
            assert (reply.status_code, reply.json()["code"]) == (403, "role.missing")
        inbox = await intake_client.http.get(
            f"/stands/{intake_client.stand_id}/conflicts", headers=intake_client.bearer(role)
        )
        assert inbox.status_code == 403
        decide = await intake_client.http.post(
            f"/conflicts/{case_id}/decide", json={}, headers=intake_client.bearer(role)
        )
        assert decide.status_code == 403


async def test_documents_keep_the_ids_from_the_device(intake_client: IntakeClient) -> None:
    case_id = await open_complete_case(intake_client, provisional=provisional_body(intake_client))
    await intake_client.answer_register(case_id, "confirmed")
    rows = await intake_client.rows("SELECT document_id FROM document")
    assert [str(row["document_id"]) for row in rows] == [PAPER_ID]


async def test_a_document_issued_and_revoked_in_one_sync_is_void(intake_client: IntakeClient) -> None:
    opened = intake_client.entry()
    opened["body"]["provisional"] = provisional_body(intake_client)
    withdrawn = intake_client.follow_up(opened["case_id"], "case.withdraw", {}, case_seq=2)
    results = (await intake_client.sync(opened, withdrawn)).json()["results"]
    assert [result["status"] for result in results] == ["accepted", "accepted"]
    assert (await intake_client.case(opened["case_id"]))["document_revoked_at"]
    assert (await types(intake_client))[-1] == "document.revoked"


async def test_a_case_without_a_register_can_be_reopened_and_gets_another_document(intake_client: IntakeClient) -> None:
    entry = intake_client.entry(body={"service": "advice"})
    await intake_client.sync(entry)
    url = f"/cases/{entry['case_id']}/reopen"
    reopened = await intake_client.http.post(url, json={"reason": "another finder"}, headers=intake_client.clerk())
    assert reopened.json()["state"] == "final"
    rows = await intake_client.rows("SELECT revoked_at IS NULL AS valid FROM document ORDER BY revoked_at")
    assert [row["valid"] for row in rows] == [False, True]


async def test_a_person_is_found_only_by_the_bpk_of_the_sector(intake_client: IntakeClient) -> None:
    source = "Qq03dPrgcHsx3G0lKSH6SQ=="  # the person's source number, from which both bPKs are derived
    own_sector, other_sector = "PRxp74JK9GWBUpxf5I81fhJaF8o=", "Xcd0Rg71oIx2vonv/3CV8YF/mMg="
    body = intake_client.complete_body()
    body["applicant"]["bpk"] = own_sector
    entry = intake_client.entry(body=body)
    await intake_client.sync(entry, intake_client.entry(body=intake_client.complete_body()))

    async def of(bpk: str) -> list[str]:
        reply = await intake_client.http.post("/persons/cases", json={"bpk": bpk}, headers=intake_client.clerk())
        return [case["case_id"] for case in reply.json()]

    assert await of(own_sector) == [entry["case_id"]]
    assert await of(other_sector) == []
    refused = intake_client.entry(body=intake_client.complete_body())
    refused["body"]["applicant"]["bpk"] = source  # no service may hold the source number
    [result] = (await intake_client.sync(refused)).json()["results"]
    assert (result["status"], result["problem"]["code"]) == ("refused", "entry.invalid")
    for table in ("case_file", "case_history", "entry", "refused_entry", "outbox"):
        assert source not in str([tuple(row) for row in await intake_client.rows(f"SELECT t::text FROM {table} t")])

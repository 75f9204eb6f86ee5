"""Cases behind the stand: answers of the register, orders of the office, the clock; and their history."""

from datetime import timedelta
from typing import Any

import pytest
from intake.domain.process.case import fold
from intake.handlers.cases import raise_late_cases
from intake.store import cases, history
from wanderamt.security.bpk import derive_bpk
from wanderamt.security.roles import Role

PAPER_ID = "0197c1c0-0000-7000-8000-000000000001"


async def whole(desk: Any, **body: Any) -> str:
    entry = desk.entry()
    entry["body"] |= body
    assert [one["status"] for one in (await desk.sync(entry)).json()["results"]] == ["accepted"]
    case_id: str = entry["case_id"]
    return case_id


def paper(desk: Any) -> dict[str, str]:
    return {"document_id": PAPER_ID, "number": desk.numbers.take("UK")}


async def types(desk: Any) -> list[str]:
    rows = await desk.rows("SELECT type, version FROM outbox ORDER BY id")
    return [row["type"].removeprefix("at.wanderamt.").removesuffix(".v1") for row in rows]


async def test_the_file_of_every_case_is_the_fold_of_its_history(desk: Any) -> None:
    first, second = await whole(desk), await whole(desk, provisional=paper(desk))
    await desk.hear(first, "confirmed")
    await desk.hear(second, "not_found")
    await desk.http.post(f"/cases/{first}/close", headers=desk.clerk())
    await desk.http.post(f"/cases/{first}/reopen", json={"reason": "wrong name"}, headers=desk.clerk())
    async with desk.service.ground.database.work() as work:
        files = await cases.lock_cases(work, [first, second], desk.sealer)
        told = await history.histories(work, [first, second], desk.sealer)
        assert len(files) == 2
        for case_id, filed in files.items():
            assert fold(case_id, [happening for happening, _ in told[case_id]]) == filed.case
            assert filed.case.form["applicant.family_name"] == "Hadžić"


async def test_the_versions_that_are_told_have_no_gap(desk: Any) -> None:
    case_id = await whole(desk)
    await desk.hear(case_id, "confirmed")
    await desk.http.post(f"/cases/{case_id}/close", headers=desk.clerk())
    rows = await desk.rows(f"SELECT version FROM outbox WHERE aggregate = '{case_id}' ORDER BY id")
    assert [row["version"] for row in rows] == [1, 2, 3, 4]
    assert await desk.rows(f"SELECT told FROM case_file WHERE case_id = '{case_id}' AND told = 4")


@pytest.mark.parametrize("verdict", ["not_found", "refused"])
async def test_a_provisional_paper_is_taken_back_when_the_register_says_no(desk: Any, verdict: str) -> None:
    case_id = await whole(desk, provisional=paper(desk))
    await desk.hear(case_id, verdict)
    case = await desk.case(case_id)
    assert (case["state"], case["paid_cents"], case["deadline"]) == ("compensated", 0, None)
    assert case["document_revoked_at"]
    assert case["document_id"] is None
    assert (await types(desk))[-2:] == ["case.compensated", "document.revoked"]
    await desk.hear(case_id, "confirmed")  # too late
    assert (await desk.case(case_id))["state"] == "compensated"


async def test_without_a_paper_the_citizen_is_only_asked_to_come_again(desk: Any) -> None:
    case_id = await whole(desk)
    await desk.hear(case_id, "not_found")
    case = await desk.case(case_id)
    assert (case["state"], case["reason"]) == ("needs_visit", "not_found")
    assert case["deadline"]


async def test_the_office_hands_over_withdraws_closes_and_opens_again(desk: Any) -> None:
    case_id = await whole(desk)
    url, clerk = f"/cases/{case_id}", desk.clerk()
    order = {"to": "office", "reason": "original missing", "deadline": "2026-12-01T12:00:00+01:00"}
    assert (await desk.http.post(f"{url}/hand-over", json=order, headers=clerk)).json()["owner"] == "office"
    early = await desk.http.post(f"{url}/close", headers=clerk)
    assert (early.status_code, early.json()["code"]) == (409, "case.not_ended")
    withdrawn = (await desk.http.post(f"{url}/withdraw", headers=clerk)).json()
    assert (withdrawn["state"], withdrawn["paid_cents"]) == ("withdrawn", 0)
    assert (await desk.http.post(f"{url}/close", headers=clerk)).json()["state"] == "closed"
    reopened = await desk.http.post(f"{url}/reopen", json={"reason": "she came back"}, headers=clerk)
    assert (reopened.json()["state"], reopened.json()["owner"]) == ("provisional", "tester@linz")  # asks again
    assert (await desk.http.post("/cases/" + str(desk.device_id) + "/close", headers=clerk)).status_code == 404


async def test_a_case_opened_again_gets_another_document_and_the_old_one_is_void(desk: Any) -> None:
    case_id = await whole(desk)
    await desk.hear(case_id, "confirmed")
    await desk.http.post(f"/cases/{case_id}/reopen", json={"reason": "wrong name"}, headers=desk.clerk())
    await desk.hear(case_id, "confirmed")
    rows = await desk.rows("SELECT number, revoked_at IS NULL AS valid FROM document ORDER BY ordered_at")
    assert [row["valid"] for row in rows] == [False, True]
    assert len({row["number"] for row in rows}) == 2


async def test_a_late_case_is_raised_once_and_told(desk: Any) -> None:
    case_id = await whole(desk)
    async with desk.service.ground.database.work() as work:
        assert await raise_late_cases(work, to="head", sealer=desk.sealer) == 0
        work.now += timedelta(days=2)
        assert await raise_late_cases(work, to="head", sealer=desk.sealer) == 1
        assert await raise_late_cases(work, to="head", sealer=desk.sealer) == 0
    assert (await desk.case(case_id))["owner"] == "head"
    assert (await types(desk))[-1] == "case.handed-over"


async def test_the_wrong_role_may_not_give_orders(desk: Any) -> None:
    case_id = await whole(desk)
    for role in (Role.PLANNER, Role.OPERATOR):
        for order in ("hand-over", "withdraw", "close", "reopen"):
            reply = await desk.http.post(f"/cases/{case_id}/{order}", json={}, headers=desk.bearer(role))
            assert (reply.status_code, reply.json()["code"]) == (403, "role.missing")
        inbox = await desk.http.get(f"/stands/{desk.stand_id}/conflicts", headers=desk.bearer(role))
        assert inbox.status_code == 403
        decide = await desk.http.post(f"/conflicts/{case_id}/decide", json={}, headers=desk.bearer(role))
        assert decide.status_code == 403


async def test_ids_of_papers_are_those_the_device_gave_them(desk: Any) -> None:
    case_id = await whole(desk, provisional=paper(desk))
    await desk.hear(case_id, "confirmed")
    rows = await desk.rows("SELECT document_id FROM document")
    assert [str(row["document_id"]) for row in rows] == [PAPER_ID]


async def test_a_paper_given_and_taken_back_in_one_sync_is_void(desk: Any) -> None:
    opened = desk.entry()
    opened["body"]["provisional"] = paper(desk)
    withdrawn = desk.more(opened["case_id"], "case.withdraw", {}, case_seq=2)
    results = (await desk.sync(opened, withdrawn)).json()["results"]
    assert [one["status"] for one in results] == ["accepted", "accepted"]
    assert (await desk.case(opened["case_id"]))["document_revoked_at"]
    assert (await types(desk))[-1] == "document.revoked"


async def test_a_case_without_a_register_can_be_opened_again_and_gets_another_document(desk: Any) -> None:
    entry = desk.entry(body={"service": "found_property_report"})
    await desk.sync(entry)
    url = f"/cases/{entry['case_id']}/reopen"
    reopened = await desk.http.post(url, json={"reason": "another finder"}, headers=desk.clerk())
    assert reopened.json()["state"] == "final"
    rows = await desk.rows("SELECT revoked_at IS NULL AS valid FROM document ORDER BY revoked_at")
    assert [row["valid"] for row in rows] == [False, True]


async def test_a_person_is_found_by_the_bpk_of_the_sector_and_by_nothing_else(desk: Any) -> None:
    source = "Qq03dPrgcHsx3G0lKSH6SQ=="
    here, elsewhere = derive_bpk(source, "ZP"), derive_bpk(source, "SA")
    body = desk.whole()
    body["applicant"]["bpk"] = here
    entry = desk.entry(body=body)
    await desk.sync(entry, desk.entry(body=desk.whole()))

    async def of(bpk: str) -> list[str]:
        found = (await desk.http.post("/persons/cases", json={"bpk": bpk}, headers=desk.clerk())).json()
        return [one["case_id"] for one in found]

    assert await of(here) == [entry["case_id"]]
    assert await of(elsewhere) == []
    refused = desk.entry(body=desk.whole())
    refused["body"]["applicant"]["bpk"] = source  # the source number is nobody's business
    [result] = (await desk.sync(refused)).json()["results"]
    assert (result["status"], result["problem"]["code"]) == ("refused", "entry.invalid")
    for table in ("case_file", "case_history", "entry", "refused_entry", "outbox"):
        assert source not in str([tuple(row) for row in await desk.rows(f"SELECT t::text FROM {table} t")])

"""What the audit log of intake holds about refused requests, and about searches for a person."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from enrolment_fixtures import BrowserKey, code, enrol, session
from intake_fixtures import WITH_REASON, IntakeClient
from uuid_utils.compat import uuid7
from wanderamt.security.roles import Role
from wanderamt.shell import audit_log
from wanderamt.shell.access import REASON_HEADER

BPK, OTHER_BPK = "PRxp74JK9GWBUpxf5I81fhJaF8o=", "Xcd0Rg71oIx2vonv/3CV8YF/mMg="


async def records(client: IntakeClient, outcome: str, action: str) -> list[dict[str, Any]]:
    await client.service.context.audit_log.flush()
    rows = await client.rows("SELECT * FROM audit_record ORDER BY id")
    return [dict(row) for row in rows if (row["outcome"], row["action"]) == (outcome, action)]


async def test_a_wrong_enrolment_code_is_written_down(intake_client: IntakeClient) -> None:
    replies = [await enrol(intake_client, BrowserKey(), uuid7(), f"0000{number:06}") for number in range(22)]
    assert [reply.status_code for reply in replies] == [404] * 20 + [429] * 2
    [wrong] = await records(intake_client, "enrolment.code", "device.enrol")
    assert (wrong["who"], wrong["subject_id"], wrong["times"]) == ("", "", 20)
    [limited] = await records(intake_client, "enrolment.too_many_codes", "device.enrol")
    assert limited["times"] == 2


async def test_a_refused_revocation_names_the_device_and_the_operator(intake_client: IntakeClient) -> None:
    device_id = uuid7()
    url, operator = f"/devices/{device_id}/revoke", intake_client.bearer(Role.OPERATOR)
    assert (await intake_client.http.post(url, headers=operator)).status_code == 404
    [record] = await records(intake_client, "device.not_found", "device.revoke")
    assert (record["who"], record["subject_id"]) == ("tester@city", str(device_id))


async def test_an_invalid_request_for_a_recorded_action_is_written_down(intake_client: IntakeClient) -> None:
    operator = intake_client.bearer(Role.OPERATOR)
    assert (await intake_client.http.post("/devices", json={"label": ""}, headers=operator)).status_code == 422
    [record] = await records(intake_client, "request.invalid", "device.enrol")
    assert record["who"] == "tester@city"


async def test_a_session_with_the_device_of_another_is_written_down(intake_client: IntakeClient, stand: UUID) -> None:
    device_id = uuid7()
    await enrol(intake_client, BrowserKey(), device_id, await code(intake_client))
    reply = await session(intake_client, BrowserKey(), device_id, stand)
    assert (reply.status_code, reply.json()["code"]) == (409, "enrolment.other_key")
    [record] = await records(intake_client, "enrolment.other_key", "session.begin")
    assert (record["who"], record["subject_id"]) == ("tester@city", str(device_id))


async def test_a_token_without_the_proof_of_its_key_is_recorded_with_its_officer(
    intake_client: IntakeClient, stand: UUID
) -> None:
    key, device_id, case_id = BrowserKey(), uuid7(), uuid7()
    await enrol(intake_client, key, device_id, await code(intake_client))
    token = (await session(intake_client, key, device_id, stand)).json()["token"]
    wrong = {"Authorization": f"Bearer {token}", "DPoP": BrowserKey().proof("GET", f"/cases/{case_id}", token)}
    for headers, outcome in (({"Authorization": f"Bearer {token}"}, "proof.missing"), (wrong, "proof.wrong")):
        assert (await intake_client.http.get(f"/cases/{case_id}", headers=headers)).status_code == 401
        [record] = await records(intake_client, outcome, "case.read")
        assert (record["who"], record["device_id"], record["subject_id"]) == ("tester@city", device_id, str(case_id))


async def test_150_requests_of_nobody_are_a_few_records(intake_client: IntakeClient) -> None:
    invalid = {"Authorization": "Bearer a.b.c"}
    for headers in ({}, invalid):
        await asyncio.gather(*(intake_client.http.get(f"/cases/{uuid7()}", headers=headers) for _ in range(150)))
    for outcome in ("token.missing", "token.invalid"):
        rows = await records(intake_client, outcome, "case.read")
        assert sum(row["times"] for row in rows) == 150
        assert {row["subject_id"] for row in rows} == {""}
        assert len(rows) < 10


async def test_searches_for_one_person_have_one_subject_that_nobody_can_read(intake_client: IntakeClient) -> None:
    async def search(text: bytes, headers: dict[str, str]) -> int:
        sent = {"Content-Type": "application/json", **headers}
        return (await intake_client.http.post("/persons/cases", content=text, headers=sent)).status_code

    office = intake_client.bearer(Role.OFFICE)
    bodies = [f'{{"bpk": "{BPK}"}}', f'{{ "bpk":"{BPK}" }}', f'{{"bpk": "{OTHER_BPK}"}}']
    for body in bodies:
        assert await search(body.encode(), office | WITH_REASON) == 200
    assert await search(bodies[0].encode(), office) == 403
    assert await search(bodies[0].encode("utf-16"), office | WITH_REASON) in {200, 422}
    allowed = [row["subject_id"] for row in await records(intake_client, "allowed", "person.find_cases")]
    refused = [row["subject_id"] for row in await records(intake_client, "access.reason_needed", "person.find_cases")]
    assert allowed[0] == allowed[1] == refused[0] != allowed[2]
    assert [len(subject) for subject in allowed[:3]] == [64] * 3
    assert allowed[3] in {allowed[0], ""}
    assert await search(b"{", office | WITH_REASON) == 422
    assert await search(b"[" * 60_000, office | WITH_REASON | {"Content-Type": "text/plain"}) == 422
    stored = str([tuple(row) for row in await intake_client.rows("SELECT t::text FROM audit_record t")])
    assert BPK not in stored
    assert OTHER_BPK not in stored


async def test_wrong_tokens_for_the_parts_of_readiness_are_written_down(intake_client: IntakeClient) -> None:
    for headers in ({}, {"Authorization": "Bearer a.b.c"}):
        assert (await intake_client.http.get("/health/ready", headers=headers)).json().keys() == {"status"}
    assert len(await records(intake_client, "token.invalid", "metrics.read")) == 1


async def test_a_flood_of_different_refusals_hides_no_officer(intake_client: IntakeClient) -> None:
    planner = intake_client.bearer(Role.PLANNER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit_log, "MAX_DIFFERENT", 3)
        for _ in range(6):
            await intake_client.http.get(f"/cases/{uuid7()}", headers=planner)
        await intake_client.http.get(f"/documents/{uuid7()}.pdf", headers=planner)
    rows = await records(intake_client, "role.missing", "case.read")
    assert {row["who"] for row in rows} == {"tester@city"}
    assert sum(row["times"] for row in rows) == 6
    [other] = await records(intake_client, "role.missing", "document.read")
    assert other["who"] == "tester@city"


@pytest.mark.parametrize(
    "reason",
    [
        "%CC%81" * 8,  # accents without a letter
        "a" + "%CC%81" * 8,
        "%E2%80%8B" * 8,  # zero-width spaces
        "asked%E2%80%AE at the counter",  # turns the text around
        "asked%0Aat the counter",
        "%C3%A9",
        "%FF%FE%FF%FE%FF",
        "%20" * 8,
        "%F3%A0%80%81" * 8,
        "x" * 201,
        "Bürgerin am Stand",  # bytes that are not encoded
    ],
)
async def test_a_reason_that_nobody_can_read_is_refused(intake_client: IntakeClient, reason: str) -> None:
    office = intake_client.bearer(Role.OFFICE) | {REASON_HEADER: reason}
    sent = [(name.encode(), value.encode()) for name, value in office.items()]
    reply = await intake_client.http.get(f"/documents/{uuid7()}.pdf", headers=sent)
    assert (reply.status_code, reply.json()["code"]) == (422, "access.reason_unreadable")
    assert await records(intake_client, "allowed", "document.read") == []
    assert len(await records(intake_client, "access.reason_unreadable", "document.read")) == 1

"""Intake's routes: good entries are accepted, bad entries get a reason, nothing is lost."""

import gzip
import json
from datetime import timedelta
from uuid import UUID

import pytest
from intake.api.sync import MAX_BYTES
from intake_fixtures import WITH_REASON, IntakeClient
from pydantic import SecretStr
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.contracts import (
    AllowedQuery,
    CaseApplicantChanged,
    CaseEvent,
    CaseOpened,
    CaseReopened,
    RegisterQueryRequested,
)
from wanderamt.security.assertions import EXPIRED, INVALID, Assertion, AssertionSigner, Person
from wanderamt.security.roles import Role
from wanderamt_testing.run_keys import RunKeys
from wanderamt_testing.statements import StatementLog, shortened


async def test_an_entry_opens_a_case_and_writes_its_events_in_the_same_transaction(intake_client: IntakeClient) -> None:
    entry = intake_client.entry()
    answer = (await intake_client.sync(entry)).json()
    assert [result["status"] for result in answer["results"]] == ["accepted"]
    case = (await intake_client.http.get(f"/cases/{entry['case_id']}", headers=intake_client.clerk())).json()
    assert case["state"] == "provisional"
    assert case["owner"] == "tester@city"
    assert case["deadline"]
    assert case["reason"]
    rows = await intake_client.rows("SELECT version, type FROM outbox ORDER BY id")
    assert [row["version"] for row in rows] == [1, 2]
    assert rows[1]["type"] == "at.wanderamt.case.register-query-requested.v1"


async def test_a_request_to_a_register_is_signed_for_its_officer_case_question_and_purpose(
    intake_client: IntakeClient, run_keys: RunKeys
) -> None:
    await intake_client.sync(intake_client.entry())
    [row] = await intake_client.rows(
        "SELECT value FROM outbox WHERE type = 'at.wanderamt.case.register-query-requested.v1'"
    )
    request = RegisterQueryRequested.model_validate_json(row["value"])
    assertion = Assertion(
        officer="tester@city",
        case_id=request.case_id,
        request_id=request.request_id,
        register=request.register_name,
        operation=request.operation,
        purpose=request.purpose,
        question=request.question,
    )
    signer = AssertionSigner(SecretStr(run_keys.secrets.assertion_key))
    assert signer.verify(request.assertion, assertion, now=utc_now()) == ""
    assert signer.verify(request.assertion, assertion, now=request.deadline + timedelta(seconds=1)) == EXPIRED
    assert signer.verify(request.assertion, assertion._replace(officer="other@linz"), now=utc_now()) == INVALID
    assert signer.verify(request.assertion, assertion._replace(case_id=uuid7()), now=utc_now()) == INVALID
    other = intake_client.cipher.seal(request.case_id, b'{"family_name": "Other"}')
    assert signer.verify(request.assertion, assertion._replace(question=other), now=utc_now()) == INVALID


ASKED_IN_CONFIRMATION = AllowedQuery(register_name="residents", operation="confirm_residence", purpose="MeldeG-19")


async def test_an_opened_case_tells_what_its_service_may_ask_and_about_whom_without_a_name(
    intake_client: IntakeClient, run_keys: RunKeys
) -> None:
    body = {"service": "registration_confirmation", "applicant": {"given_name": "Zoë", "family_name": "Hadžić"}}
    opened = intake_client.entry(body=body)
    await intake_client.sync(opened)
    signer, case_id = AssertionSigner(SecretStr(run_keys.secrets.assertion_key)), UUID(opened["case_id"])
    assert await case_events(intake_client, CaseOpened) == [((ASKED_IN_CONFIRMATION,), "")]  # nobody without a birth
    changes = (
        {"applicant": {"birth_date": "1990-04-01"}},
        {"contact": {"phone": "+43660555001"}},
        {"applicant": {"family_name": "Hadzic"}},
    )
    for number, fields in enumerate(changes, 2):
        fill = intake_client.follow_up(opened["case_id"], "case.fill", fields, case_seq=number)
        assert [result["status"] for result in (await intake_client.sync(fill)).json()["results"]] == ["accepted"]
    expected = [
        signer.hash_applicant(case_id, Person("Zoë", "Hadžić", "1990-04-01")),
        signer.hash_applicant(case_id, Person("Zoë", "Hadzic", "1990-04-01")),
    ]
    assert [hash_ for _, hash_ in await case_events(intake_client, CaseApplicantChanged)] == expected
    assert all(expected)
    values = b" ".join(row["value"] for row in await intake_client.rows("SELECT value FROM outbox"))
    assert b"Had" not in values


async def test_a_reopened_case_tells_again_what_its_service_may_ask_and_about_whom(
    intake_client: IntakeClient, run_keys: RunKeys
) -> None:
    opened = intake_client.entry()
    await intake_client.sync(opened)
    office = intake_client.bearer(Role.OFFICE) | WITH_REASON
    for action, body in (("withdraw", None), ("reopen", {"reason": "came back"})):
        reply = await intake_client.http.post(f"/cases/{opened['case_id']}/{action}", json=body, headers=office)
        assert reply.status_code == 200, reply.text
    signer = AssertionSigner(SecretStr(run_keys.secrets.assertion_key))
    hash_ = signer.hash_applicant(UUID(opened["case_id"]), Person("Zoë", "Hadžić", "1990-04-01"))
    assert await case_events(intake_client, CaseOpened) == [((ASKED_IN_CONFIRMATION,), hash_)]
    assert await case_events(intake_client, CaseReopened) == [((ASKED_IN_CONFIRMATION,), hash_)]


async def case_events(intake_client: IntakeClient, kind: type[CaseEvent]) -> list[tuple[object, str]]:
    """(queries, applicant hash) of the events of this kind."""
    rows = await intake_client.rows(f"SELECT value FROM outbox WHERE type = '{kind.TYPE}' ORDER BY id")
    events = [kind.model_validate_json(row["value"]) for row in rows]
    return [(getattr(event, "queries", ()), getattr(event, "applicant_hash", "")) for event in events]


async def test_a_service_without_a_register_is_final_at_once_and_its_document_is_ordered(
    intake_client: IntakeClient,
) -> None:
    entry = intake_client.entry(body={"service": "advice"})
    await intake_client.sync(entry)
    assert (await intake_client.http.get(f"/cases/{entry['case_id']}", headers=intake_client.clerk())).json()[
        "state"
    ] == "final"
    assert [row["queue"] for row in await intake_client.rows("SELECT queue FROM job")] == ["issue-document"]


async def test_a_request_that_announces_too_much_is_refused_before_it_is_read(intake_client: IntakeClient) -> None:
    announced = intake_client.clerk() | {"Content-Length": str(MAX_BYTES + 1)}
    reply = await intake_client.http.post("/sync", content=b"{}", headers=announced)
    assert reply.status_code == 413
    assert reply.json()["code"] == "request.too_large"
    assert reply.json()["hint"]


async def test_entries_come_as_gzip_over_a_slow_link(intake_client: IntakeClient) -> None:
    packed = gzip.compress(json.dumps({"entries": [intake_client.entry(), intake_client.entry()]}).encode())
    headers = intake_client.clerk() | {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    reply = await intake_client.http.post("/sync", content=packed, headers=headers)
    assert [result["status"] for result in reply.json()["results"]] == ["accepted", "accepted"]
    for broken in (packed[:-9], b"no gzip at all", packed[:20] + b"x" + packed[21:]):
        reply = await intake_client.http.post("/sync", content=broken, headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (422, "request.not_gzip")
    bomb = gzip.compress(bytes(MAX_BYTES + 1))
    reply = await intake_client.http.post("/sync", content=bomb, headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (413, "request.too_large")


async def test_the_same_intent_twice_opens_one_case(intake_client: IntakeClient) -> None:
    entry = intake_client.entry()
    await intake_client.sync(entry)
    repeated = (await intake_client.sync(entry, entry)).json()["results"]
    assert [result["status"] for result in repeated] == ["duplicate", "duplicate"]
    assert len(await intake_client.rows("SELECT 1 FROM case_file")) == 1
    assert len(await intake_client.rows("SELECT 1 FROM outbox")) == 2


async def test_another_content_under_a_used_id_is_refused(intake_client: IntakeClient) -> None:
    entry = intake_client.entry()
    await intake_client.sync(entry)
    changed = entry | {"captured_at": "2026-05-04T10:30:00+02:00"}
    result = (await intake_client.sync(changed)).json()["results"][0]
    assert result["problem"]["code"] == "entry.id_reused"


async def test_each_bad_entry_gets_a_code_and_the_good_entries_are_accepted(
    intake_client: IntakeClient, megabytes: str
) -> None:
    huge = intake_client.entry()
    huge["body"]["applicant"]["given_name"] = megabytes
    wrong_body = intake_client.entry(body={"service": "registration_confirmation", "applicant": {"given_name": "Zoë"}})
    unknown = intake_client.entry(type="case.fly")
    elsewhere = intake_client.entry(stand_id=intake_client.entry()["entry_id"])
    not_offered = intake_client.entry()
    not_offered["body"]["service"] = "passport"
    good = intake_client.entry()
    reply = await intake_client.sync(huge, wrong_body, unknown, elsewhere, not_offered, "no entry", good)
    assert reply.status_code == 200
    results = reply.json()["results"]
    codes = [result["problem"]["code"] if result["problem"] else result["status"] for result in results]
    assert codes == [
        "entry.too_large",
        "entry.invalid",
        "entry.unknown_type",
        "entry.other_stand",
        "case.unknown_service",
        "entry.invalid",
        "accepted",
    ]
    assert all(result["problem"]["hint"] for result in results[:-1])
    kept = await intake_client.rows("SELECT code, bytes, raw FROM refused_entry ORDER BY id")
    assert [row["code"] for row in kept] == ["entry.too_large", "entry.invalid", "entry.unknown_type", "entry.invalid"]
    assert kept[0]["bytes"] > 2_000_000
    assert kept[1]["raw"]


async def test_values_that_no_column_accepts_are_refused_one_by_one(intake_client: IntakeClient) -> None:
    control, serial, sequence, kind, good = (intake_client.entry() for _ in range(5))
    control["body"]["applicant"]["given_name"] = "Z\u0000oë"
    serial["device_seq"], sequence["case_seq"], kind["type"] = 2**63, 2**31, {}
    results = (await intake_client.sync(control, serial, sequence, kind, good)).json()["results"]
    codes = [result["problem"] and result["problem"]["code"] for result in results]
    assert codes == ["entry.invalid"] * 3 + ["entry.unknown_type", None]
    device = {"device_id": str(uuid7()), "label": "Tablet\u0000"}
    refused = await intake_client.http.post("/devices", json=device, headers=intake_client.bearer(Role.OPERATOR))
    assert (refused.status_code, refused.json()["code"]) == (422, "request.character")


async def test_a_cut_upload_in_lines_loses_only_the_cut_line(intake_client: IntakeClient) -> None:
    lines = "\n".join(json.dumps(intake_client.entry()) for _ in range(3))[:-40]
    headers = intake_client.clerk() | {"Content-Type": "application/x-ndjson"}
    results = (await intake_client.http.post("/sync", content=lines, headers=headers)).json()["results"]
    assert [result["status"] for result in results] == ["accepted", "accepted", "refused"]
    assert results[2]["problem"]["code"] == "entry.malformed_json"


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 100_000, b""])
async def test_a_request_that_is_not_json_is_a_problem_document(intake_client: IntakeClient, body: bytes) -> None:
    reply = await intake_client.http.post("/sync", content=body, headers=intake_client.clerk())
    assert reply.status_code == 422
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["code"] == "request.malformed_json"


async def test_wrong_and_expired_tokens_are_refused(intake_client: IntakeClient) -> None:
    expired = intake_client.bearer(
        Role.CLERK, device=intake_client.device_id, stand=intake_client.stand_id, lifetime=timedelta(hours=-1)
    )
    other = {"Authorization": f"Bearer {intake_client.run_keys.token(Role.CLERK, audience='scheduling')}"}
    for headers, code in (
        (expired, "token.expired"),
        (other, "token.invalid"),
        ({"Authorization": "Bearer x.y.z"}, "token.invalid"),
    ):
        reply = await intake_client.sync(intake_client.entry(), headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (401, code)
    assert (await intake_client.http.post("/sync", json={})).json()["code"] == "token.missing"
    assert await intake_client.rows("SELECT 1 FROM entry") == []


async def test_a_revoked_device_is_refused_until_it_is_enrolled_again(intake_client: IntakeClient) -> None:
    await intake_client.http.post(
        f"/devices/{intake_client.device_id}/revoke", headers=intake_client.bearer(Role.OPERATOR)
    )
    reply = await intake_client.sync(intake_client.entry())
    assert (reply.status_code, reply.json()["code"]) == (403, "device.not_enrolled")


async def test_the_wrong_role_is_refused(intake_client: IntakeClient) -> None:
    operator, clerk = (
        intake_client.bearer(Role.OPERATOR, device=intake_client.device_id, stand=intake_client.stand_id),
        intake_client.clerk(),
    )
    assert (await intake_client.sync(intake_client.entry(), headers=operator)).status_code == 403
    assert (await intake_client.http.post("/devices", json={}, headers=clerk)).status_code == 403
    assert (
        await intake_client.http.post(f"/devices/{intake_client.device_id}/revoke", headers=clerk)
    ).status_code == 403
    assert (
        await intake_client.http.get(f"/documents/{intake_client.device_id}.pdf", headers=operator)
    ).status_code == 403


async def test_no_personal_data_is_in_the_database_in_clear(intake_client: IntakeClient) -> None:
    await intake_client.sync(intake_client.entry(), intake_client.entry(type="case.fly"))
    for table in ("case_file", "case_history", "outbox", "entry", "refused_entry", "job"):
        text = str([dict(row) for row in await intake_client.rows(f"SELECT * FROM {table}")])
        assert not [word for word in ("Hadžić", "Hadzic", "+43660555001", "zoe@mail") if word in text], table


async def test_a_sync_of_fifty_entries_is_a_few_statements_in_one_transaction(intake_client: IntakeClient) -> None:
    final = {"body": {"service": "advice", "applicant": intake_client.entry()["body"]["applicant"]}}
    await intake_client.sync(
        intake_client.entry(), intake_client.entry(**final)
    )  # the driver looks types up once per connection
    log = await StatementLog.of(intake_client.service.context.database)
    reply = await intake_client.sync(*(intake_client.entry(**(final if number % 2 else {})) for number in range(50)))
    assert [result["status"] for result in reply.json()["results"]] == ["accepted"] * 50
    [transaction] = log.transactions()
    assert len(transaction) <= 10, shortened(transaction)


async def test_the_openapi_document_is_complete_and_its_example_is_accepted(intake_client: IntakeClient) -> None:
    described = intake_client.service.context.http.openapi()
    assert "$defs" not in json.dumps(described)
    body = described["paths"]["/sync"]["post"]["requestBody"]["content"]["application/json"]
    example = body["example"]["entries"][0]
    types = {
        result["properties"]["type"]["const"] for result in body["schema"]["properties"]["entries"]["items"]["oneOf"]
    }
    assert {"case.open", "case.fill", "case.give_provisional"} <= types
    reply = await intake_client.sync(example | {"stand_id": str(intake_client.stand_id)})
    assert [result["status"] for result in reply.json()["results"]] == ["accepted"]

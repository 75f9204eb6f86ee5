"""Intake's door: good entries are taken, bad ones are told why, nothing is lost."""

import gzip
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from uuid_utils.compat import uuid7
from wanderamt.backbone.sources import utc_now
from wanderamt.contracts import RegisterRequested
from wanderamt.security.assertions import EXPIRED, INVALID, Assertion, Voucher
from wanderamt.security.roles import Role
from wanderamt.shell.http import MAX_BODY_BYTES


async def test_an_entry_opens_a_case_and_writes_its_events_in_the_same_transaction(desk: Any) -> None:
    entry = desk.entry()
    answer = (await desk.sync(entry)).json()
    assert [one["status"] for one in answer["results"]] == ["accepted"]
    case = (await desk.http.get(f"/cases/{entry['case_id']}", headers=desk.clerk())).json()
    assert case["state"] == "provisional"
    assert case["owner"] == "tester@linz"
    assert case["deadline"]
    assert case["reason"]
    rows = await desk.rows("SELECT version, type FROM outbox ORDER BY id")
    assert [row["version"] for row in rows] == [1, 2]
    assert rows[1]["type"] == "at.wanderamt.case.register-requested.v1"


async def test_a_request_to_a_register_is_signed_for_its_officer_case_and_purpose(desk: Any, badge: Any) -> None:
    await desk.sync(desk.entry())
    [row] = await desk.rows("SELECT value FROM outbox WHERE type = 'at.wanderamt.case.register-requested.v1'")
    asked = RegisterRequested.model_validate_json(row["value"])
    mine = Assertion(
        "tester@linz", asked.case_id, asked.request_id, asked.register_name, asked.operation, asked.purpose
    )
    voucher = Voucher(SecretStr(badge.secrets.assertion_key))
    assert voucher.why_not(asked.assertion, mine, now=utc_now()) == ""
    assert voucher.why_not(asked.assertion, mine, now=asked.deadline + timedelta(seconds=1)) == EXPIRED
    assert voucher.why_not(asked.assertion, replace(mine, officer="other@linz"), now=utc_now()) == INVALID
    assert voucher.why_not(asked.assertion, replace(mine, case_id=uuid7()), now=utc_now()) == INVALID


async def test_a_service_without_a_register_is_final_at_once_and_its_document_is_ordered(desk: Any) -> None:
    entry = desk.entry(body={"service": "found_property_report"})
    await desk.sync(entry)
    assert (await desk.http.get(f"/cases/{entry['case_id']}", headers=desk.clerk())).json()["state"] == "final"
    assert [row["queue"] for row in await desk.rows("SELECT queue FROM job")] == ["issue-document"]


async def test_a_request_that_announces_too_much_is_refused_before_it_is_read(desk: Any) -> None:
    announced = desk.clerk() | {"Content-Length": str(MAX_BODY_BYTES + 1)}
    reply = await desk.http.post("/sync", content=b"{}", headers=announced)
    assert reply.status_code == 413
    assert reply.json()["code"] == "request.too_large"
    assert reply.json()["hint"]


async def test_entries_come_as_gzip_over_a_slow_link(desk: Any) -> None:
    packed = gzip.compress(json.dumps({"entries": [desk.entry(), desk.entry()]}).encode())
    headers = desk.clerk() | {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    reply = await desk.http.post("/sync", content=packed, headers=headers)
    assert [one["status"] for one in reply.json()["results"]] == ["accepted", "accepted"]
    for broken in (packed[:-9], b"no gzip at all", packed[:20] + b"x" + packed[21:]):
        reply = await desk.http.post("/sync", content=broken, headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (422, "request.not_gzip")
    bomb = gzip.compress(bytes(MAX_BODY_BYTES + 1))
    reply = await desk.http.post("/sync", content=bomb, headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (413, "request.too_large")


async def test_the_same_intent_twice_opens_one_case(desk: Any) -> None:
    entry = desk.entry()
    await desk.sync(entry)
    again = (await desk.sync(entry, entry)).json()["results"]
    assert [one["status"] for one in again] == ["duplicate", "duplicate"]
    assert len(await desk.rows("SELECT 1 FROM case_file")) == 1
    assert len(await desk.rows("SELECT 1 FROM outbox")) == 2


async def test_another_content_under_a_used_id_is_refused(desk: Any) -> None:
    entry = desk.entry()
    await desk.sync(entry)
    changed = entry | {"captured_at": "2026-05-04T10:30:00+02:00"}
    result = (await desk.sync(changed)).json()["results"][0]
    assert result["problem"]["code"] == "entry.id_reused"


async def test_bad_entries_get_a_code_each_and_the_good_ones_of_the_request_are_taken(
    desk: Any, megabytes: str
) -> None:
    huge = desk.entry()
    huge["body"]["applicant"]["given_name"] = megabytes
    wrong_body = desk.entry(body={"service": "registration_confirmation", "applicant": {"given_name": "Zoë"}})
    unknown = desk.entry(type="case.fly")
    elsewhere = desk.entry(stand_id=desk.entry()["entry_id"])
    not_offered = desk.entry()
    not_offered["body"]["service"] = "passport"
    good = desk.entry()
    reply = await desk.sync(huge, wrong_body, unknown, elsewhere, not_offered, "no entry", good)
    assert reply.status_code == 200
    results = reply.json()["results"]
    codes = [one["problem"]["code"] if one["problem"] else one["status"] for one in results]
    assert codes == [
        "entry.too_large",
        "entry.invalid",
        "entry.unknown_type",
        "entry.other_stand",
        "case.unknown_service",
        "entry.invalid",
        "accepted",
    ]
    assert all(one["problem"]["hint"] for one in results[:-1])
    kept = await desk.rows("SELECT code, bytes, raw FROM refused_entry ORDER BY id")
    assert [row["code"] for row in kept] == ["entry.too_large", "entry.invalid", "entry.unknown_type", "entry.invalid"]
    assert kept[0]["bytes"] > 2_000_000
    assert kept[1]["raw"]


async def test_numbers_texts_and_kinds_that_no_column_takes_are_refused_one_by_one(desk: Any) -> None:
    control, serial, sequence, kind, good = (desk.entry() for _ in range(5))
    control["body"]["applicant"]["given_name"] = "Z\u0000oë"
    serial["device_seq"], sequence["case_seq"], kind["type"] = 2**63, 2**31, {}
    results = (await desk.sync(control, serial, sequence, kind, good)).json()["results"]
    codes = [one["problem"] and one["problem"]["code"] for one in results]
    assert codes == ["entry.invalid"] * 3 + ["entry.unknown_type", None]
    device = {"device_id": str(uuid7()), "label": "Tablet\u0000"}
    refused = await desk.http.post("/devices", json=device, headers=desk.bearer(Role.OPERATOR))
    assert (refused.status_code, refused.json()["code"]) == (422, "request.character")


async def test_a_cut_upload_in_lines_loses_the_cut_line_alone(desk: Any) -> None:
    lines = "\n".join(json.dumps(desk.entry()) for _ in range(3))[:-40]
    headers = desk.clerk() | {"Content-Type": "application/x-ndjson"}
    results = (await desk.http.post("/sync", content=lines, headers=headers)).json()["results"]
    assert [one["status"] for one in results] == ["accepted", "accepted", "refused"]
    assert results[2]["problem"]["code"] == "entry.malformed_json"


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 100_000, b""])
async def test_a_request_that_is_not_json_is_a_problem_document(desk: Any, body: bytes) -> None:
    reply = await desk.http.post("/sync", content=body, headers=desk.clerk())
    assert reply.status_code == 422
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["code"] == "request.malformed_json"


async def test_wrong_and_expired_tokens_are_refused(desk: Any) -> None:
    expired = desk.bearer(Role.CLERK, device=desk.device_id, stand=desk.stand_id, lifetime=timedelta(hours=-1))
    other = {"Authorization": f"Bearer {desk.badge.token(Role.CLERK, audience='scheduling')}"}
    for headers, code in (
        (expired, "token.expired"),
        (other, "token.invalid"),
        ({"Authorization": "Bearer x.y.z"}, "token.invalid"),
    ):
        reply = await desk.sync(desk.entry(), headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (401, code)
    assert (await desk.http.post("/sync", json={})).json()["code"] == "token.missing"
    assert await desk.rows("SELECT 1 FROM entry") == []


async def test_a_revoked_device_is_refused_until_it_is_enrolled_again(desk: Any) -> None:
    await desk.http.post(f"/devices/{desk.device_id}/revoke", headers=desk.bearer(Role.OPERATOR))
    reply = await desk.sync(desk.entry())
    assert (reply.status_code, reply.json()["code"]) == (403, "device.not_enrolled")


async def test_the_wrong_role_is_refused(desk: Any) -> None:
    operator, clerk = desk.bearer(Role.OPERATOR, device=desk.device_id, stand=desk.stand_id), desk.clerk()
    assert (await desk.sync(desk.entry(), headers=operator)).status_code == 403
    assert (await desk.http.post("/devices", json={}, headers=clerk)).status_code == 403
    assert (await desk.http.post(f"/devices/{desk.device_id}/revoke", headers=clerk)).status_code == 403
    assert (await desk.http.get(f"/documents/{desk.device_id}.pdf", headers=operator)).status_code == 403


async def test_no_personal_data_stands_in_the_database_in_clear(desk: Any) -> None:
    await desk.sync(desk.entry(), desk.entry(type="case.fly"))
    for table in ("case_file", "case_history", "outbox", "entry", "refused_entry", "job"):
        text = str([dict(row) for row in await desk.rows(f"SELECT * FROM {table}")])
        assert not [word for word in ("Hadžić", "Hadzic", "+43660555001", "zoe@mail") if word in text], table


async def test_a_sync_of_fifty_entries_is_a_few_statements_in_one_transaction(desk: Any) -> None:
    said: list[str] = []
    final = {"body": {"service": "found_property_report", "applicant": desk.entry()["body"]["applicant"]}}
    await desk.sync(desk.entry(), desk.entry(**final))  # the driver looks types up once per connection
    for holder in desk.service.ground.database.pool._holders:
        if holder._con:
            holder._con.add_query_logger(lambda query: said.append(query.query))
    reply = await desk.sync(*(desk.entry(**(final if number % 2 else {})) for number in range(50)))
    assert [one["status"] for one in reply.json()["results"]] == ["accepted"] * 50
    assert len([query for query in said if "pg_notify" not in query]) <= 14
    assert len([query for query in said if query.startswith("BEGIN")]) == 1


async def test_the_description_of_the_interface_is_whole_and_its_example_is_taken(desk: Any) -> None:
    described = (await desk.http.get("/openapi.json")).json()
    assert "$defs" not in json.dumps(described)
    body = described["paths"]["/sync"]["post"]["requestBody"]["content"]["application/json"]
    example = body["example"]["entries"][0]
    types = {one["properties"]["type"]["const"] for one in body["schema"]["properties"]["entries"]["items"]["oneOf"]}
    assert {"case.open", "case.fill", "case.give_provisional"} <= types
    reply = await desk.sync(example | {"stand_id": str(desk.stand_id)})
    assert [one["status"] for one in reply.json()["results"]] == ["accepted"]

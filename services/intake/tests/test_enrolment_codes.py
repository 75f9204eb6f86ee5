"""Codes that enrol a device: for a new one, or for the one that they name."""

import asyncio
from uuid import UUID

import httpx
import pytest
from enrolment_fixtures import BrowserKey, code, enrol, session
from intake_fixtures import IntakeClient
from uuid_utils.compat import uuid7
from wanderamt.security.roles import Role


@pytest.mark.parametrize("by_hand", [True, False], ids=["without a key", "with a key"])
async def test_a_code_for_a_new_device_takes_over_no_known_one(intake_client: IntakeClient, by_hand: bool) -> None:
    key, device_id = BrowserKey(), uuid7()
    if by_hand:
        await intake_client.enrol(device_id)
    else:
        await enrol(intake_client, key, device_id, await code(intake_client))
    before = await intake_client.rows(f"SELECT * FROM device WHERE device_id = '{device_id}'")
    for other in (BrowserKey(), key):
        reply = await enrol(intake_client, other, device_id, text := await code(intake_client))
        assert (reply.status_code, reply.json()["code"]) == (409, "enrolment.known_device")
    await intake_client.http.post(f"/devices/{device_id}/revoke", headers=intake_client.bearer(Role.OPERATOR))
    revoked = await enrol(intake_client, key, device_id, text)
    assert revoked.json()["code"] == "enrolment.known_device"
    [after] = await intake_client.rows(f"SELECT * FROM device WHERE device_id = '{device_id}'")
    assert after["revoked_at"]
    assert {**after, "revoked_at": None} == {**before[0]}
    assert (await enrol(intake_client, key, uuid7(), text)).status_code == 200, "a refused attempt costs no code"


async def test_a_code_made_for_a_device_replaces_its_key_and_ends_its_sessions(
    intake_client: IntakeClient, stand: UUID
) -> None:
    old, new, device_id = BrowserKey(), BrowserKey(), uuid7()
    await enrol(intake_client, old, device_id, await code(intake_client))
    before = (await session(intake_client, old, device_id, stand)).json()["token"]
    text = await code(intake_client, device_id)
    stranger = await enrol(intake_client, BrowserKey(), uuid7(), text)
    assert (stranger.status_code, stranger.json()["code"]) == (409, "enrolment.other_device")
    for _ in range(2):
        reply = await enrol(intake_client, new, device_id, text)
        assert (reply.status_code, reply.json()["label"]) == (200, "Tablet 9")
    third = await enrol(intake_client, BrowserKey(), device_id, text)
    assert (third.status_code, third.json()["code"]) == (409, "enrolment.code_used")
    for path in ("/changes", "/stands", f"/cases/{uuid7()}"):
        sent = {"Authorization": f"Bearer {before}", "DPoP": old.proof("GET", path, before)}
        reply = await intake_client.http.get(path, headers=sent)
        assert (reply.status_code, reply.json()["code"]) == (401, "session.key_replaced"), path
    assert (await session(intake_client, old, device_id, stand)).json()["code"] == "enrolment.other_key"
    assert (await session(intake_client, new, device_id, stand)).status_code == 201


async def test_a_code_for_a_device_that_nobody_knows_is_not_made(intake_client: IntakeClient) -> None:
    operator = intake_client.bearer(Role.OPERATOR)
    unknown = await intake_client.http.post("/devices/codes", json={"device_id": str(uuid7())}, headers=operator)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "device.not_found")
    for body in ({}, {"label": ""}, {"label": " "}):
        assert (await intake_client.http.post("/devices/codes", json=body, headers=operator)).status_code == 422


async def test_no_request_enrols_a_revoked_device_again_but_an_operators_order(
    intake_client: IntakeClient, stand: UUID
) -> None:
    key, device_id = BrowserKey(), uuid7()
    await enrol(intake_client, key, device_id, first := await code(intake_client))
    made_before = await code(intake_client, device_id)
    token = (await session(intake_client, key, device_id, stand)).json()["token"]
    await intake_client.http.post(f"/devices/{device_id}/revoke", headers=intake_client.bearer(Role.OPERATOR))
    assert (await enrol(intake_client, key, device_id, first)).status_code == 409, "the same request again"
    assert (await enrol(intake_client, key, device_id, made_before)).json()["code"] == "enrolment.code"
    [row] = await intake_client.rows(f"SELECT revoked_at FROM device WHERE device_id = '{device_id}'")
    assert row["revoked_at"]
    for method, path in (("GET", f"/cases/{uuid7()}"), ("GET", "/stands"), ("POST", "/persons/cases")):
        sent = {"Authorization": f"Bearer {token}", "DPoP": key.proof(method, path, token)}
        reply = await intake_client.http.request(method, path, headers=sent)
        assert (reply.status_code, reply.json()["code"]) == (403, "device.not_enrolled"), path
    assert (await enrol(intake_client, key, device_id, await code(intake_client, device_id))).status_code == 200
    assert (await session(intake_client, key, device_id, stand)).status_code == 201


async def test_of_two_enrolments_at_once_one_wins(intake_client: IntakeClient) -> None:
    text = await code(intake_client)
    replies = await asyncio.gather(*(enrol(intake_client, BrowserKey(), uuid7(), text) for _ in range(6)))
    assert sorted(reply.status_code for reply in replies) == [200, *[409] * 5]
    device_id, codes = uuid7(), [await code(intake_client) for _ in range(4)]
    replies = await asyncio.gather(*(enrol(intake_client, BrowserKey(), device_id, text) for text in codes))
    assert sorted(reply.status_code for reply in replies) == [200, 409, 409, 409]
    assert {reply.json()["code"] for reply in replies if reply.is_error} == {"enrolment.known_device"}


async def test_wrong_codes_from_one_address_are_limited_and_right_ones_do_not_count(
    intake_client: IntakeClient,
) -> None:
    codes = [f"0000{number:06}" for number in range(25)]
    replies = [await enrol(intake_client, BrowserKey(), uuid7(), text) for text in codes]
    assert [reply.status_code for reply in replies] == [404] * 20 + [429] * 5
    assert replies[-1].json()["code"] == "enrolment.too_many_codes"
    valid = await code(intake_client)
    assert (await enrol(intake_client, BrowserKey(), uuid7(), valid)).status_code == 429
    transport = httpx.ASGITransport(intake_client.service.context.http, client=("198.51.100.9", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://intake.test") as other_address:
        body = {"code": valid, "device_id": str(uuid7()), "public_key": BrowserKey().jwk}
        for _ in range(25):  # the same device again: its answer was lost
            assert (await other_address.post("/field/enrol", json=body)).status_code == 200

"""Sessions that only the holder of a device's key can begin, and proofs that count once."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import structlog
from enrolment_fixtures import BrowserKey, code, enrol, session
from fastapi import Request
from intake.signing.authority import Authority, TrustedCertificate
from intake.signing.number_lease import sign_lease, verify_lease
from intake.store.access import ACCESS
from intake_fixtures import IntakeClient
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.housekeeping import BackboneRetention, Housekeeping
from wanderamt.security.roles import Role
from wanderamt.security.tokens import INVALID, Principal, TokenVerifier
from wanderamt.shell.http import read_proof
from wanderamt_testing.statements import StatementLog


async def test_a_code_enrols_one_device_once_and_a_lost_answer_costs_no_code(intake_client: IntakeClient) -> None:
    text, key, device_id = await code(intake_client), BrowserKey(), uuid7()
    typed = text.lower().replace("-", " ").replace("0", "o").replace("1", "l")  # as a person reads it aloud
    for _ in range(2):
        reply = await enrol(intake_client, key, device_id, typed)
        assert (reply.status_code, reply.json()["label"]) == (200, "Tablet 9")
    other = await enrol(intake_client, BrowserKey(), uuid7(), text)
    assert (other.status_code, other.json()["code"]) == (409, "enrolment.code_used")
    unknown = await enrol(intake_client, BrowserKey(), uuid7(), "00000-00000")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "enrolment.code")
    kept = await intake_client.rows("SELECT code FROM enrolment_code")
    assert text.encode() not in b"".join(row["code"] for row in kept), "the code itself is not kept"


async def test_a_code_expires(intake_client: IntakeClient) -> None:
    text = await code(intake_client)
    await intake_client.rows("UPDATE enrolment_code SET expires_at = now() - interval '1 second' RETURNING 1")
    assert (await enrol(intake_client, BrowserKey(), uuid7(), text)).json()["code"] == "enrolment.code"


async def test_a_session_is_for_the_holder_of_the_key_alone(intake_client: IntakeClient, stand: UUID) -> None:
    key, device_id = BrowserKey(), uuid7()
    await enrol(intake_client, key, device_id, await code(intake_client))
    begun = (await session(intake_client, key, device_id, stand)).json()
    assert len(base64.b64decode(begun["outbox_key"])) == 32
    assert (await session(intake_client, key, device_id, stand)).json()["outbox_key"] == begun["outbox_key"], (
        "always the same"
    )
    assert (await session(intake_client, BrowserKey(), device_id, stand)).json()["code"] == "enrolment.other_key"
    assert (await session(intake_client, key, uuid7(), stand)).json()["code"] == "device.not_enrolled"
    assert (await session(intake_client, key, device_id, uuid7())).json()["code"] == "session.stand"
    token = begun["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await intake_client.http.get("/changes", headers=bearer)).json()["code"] == "proof.missing"
    stolen = bearer | {"DPoP": BrowserKey().proof("GET", "/changes", token)}
    assert (await intake_client.http.get("/changes", headers=stolen)).json()["code"] == "proof.wrong"
    own = bearer | {"DPoP": key.proof("GET", "/changes", token)}
    assert (await intake_client.http.get("/changes", headers=own)).status_code == 200
    longer = bearer | {"DPoP": key.proof("POST", "/field/sessions", token)}
    order = {"device_id": str(device_id), "stand_id": str(stand)}
    reply = await intake_client.http.post("/field/sessions", json=order, headers=longer)
    assert (reply.status_code, reply.json()["code"]) == (401, "token.invalid"), "a session does not prolong itself"


async def test_a_session_has_a_token_for_another_service_only_if_the_device_asks_for_it(
    intake_client: IntakeClient, stand: UUID
) -> None:
    key, device_id = BrowserKey(), uuid7()
    await enrol(intake_client, key, device_id, await code(intake_client))
    assert (await session(intake_client, key, device_id, stand)).json()["tokens"] == {}
    sign_in = intake_client.run_keys.token(Role.CLERK, audience="intake")
    headers = {"Authorization": f"Bearer {sign_in}", "DPoP": key.proof("POST", "/field/sessions", sign_in)}
    order = {"device_id": str(device_id), "stand_id": str(stand), "services": ["registry-bridge"]}
    begun = await intake_client.http.post("/field/sessions", json=order, headers=headers)
    verifier = TokenVerifier(intake_client.run_keys.secrets.session_public_key, audience="registry-bridge")
    caller = verifier.verify(begun.json()["tokens"]["registry-bridge"], now=utc_now())
    assert isinstance(caller, Principal)
    assert (caller.roles, caller.device_id, caller.stand_id) == (frozenset({Role.CLERK}), device_id, stand)
    assert caller.key_thumbprint, "it counts only with a proof of the device's key"
    assert verifier.verify(begun.json()["token"], now=utc_now()) is INVALID, "each token is for one service"
    headers["DPoP"] = key.proof("POST", "/field/sessions", sign_in)
    other = await intake_client.http.post("/field/sessions", json=order | {"services": ["scheduling"]}, headers=headers)
    assert other.status_code == 422


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"htm": "GET"}, "proof.wrong"),
        ({"htu": "https://linz.example/changes"}, "proof.wrong"),
        ({"htu": "https://evil.example/field/sessions"}, "proof.address"),
        ({"htu": "http://linz.example/field/sessions"}, "proof.address"),
        ({"ath": "x"}, "proof.wrong"),
        ({"iat": "soon"}, "proof.wrong"),
        ({"jti": None}, "proof.wrong"),
        ({"iat": 10**400}, "proof.wrong"),
        ({"iat": float("nan")}, "proof.wrong"),
        ({"iat": float("inf")}, "proof.wrong"),
        ({"age": timedelta(days=2)}, "proof.clock"),
        ({"age": timedelta(seconds=62)}, "proof.clock"),
        ({"age": timedelta(seconds=-35)}, "proof.clock"),
        ({"age": timedelta(days=-2)}, "proof.clock"),
    ],
)
async def test_a_proof_for_another_request_is_refused(
    intake_client: IntakeClient, stand: UUID, changes: dict[str, Any], why: str
) -> None:
    key, device_id = BrowserKey(), uuid7()
    await enrol(intake_client, key, device_id, await code(intake_client))
    reply = await session(intake_client, key, device_id, stand, **changes)
    assert (reply.status_code, reply.json()["code"]) == (401, why)


@pytest.mark.parametrize("junk", ["", "a.b.c", "x" * 5000, "e30.e30.e30"])
async def test_an_invalid_proof_is_refused(intake_client: IntakeClient, stand: UUID, junk: str) -> None:
    headers = {"Authorization": f"Bearer {intake_client.run_keys.token(Role.CLERK, audience='intake')}", "DPoP": junk}
    order = {"device_id": str(uuid7()), "stand_id": str(stand)}
    assert (await intake_client.http.post("/field/sessions", json=order, headers=headers)).status_code == 401


async def test_a_revoked_device_gets_no_key_until_it_is_enrolled_again(
    intake_client: IntakeClient, stand: UUID
) -> None:
    key, device_id = BrowserKey(), uuid7()
    await enrol(intake_client, key, device_id, await code(intake_client))
    begun = (await session(intake_client, key, device_id, stand)).json()
    operator = intake_client.bearer(Role.OPERATOR)
    await intake_client.http.post(f"/devices/{device_id}/revoke", headers=operator)
    assert (await session(intake_client, key, device_id, stand)).json()["code"] == "device.not_enrolled"
    token = begun["token"]
    own = {"Authorization": f"Bearer {token}", "DPoP": key.proof("GET", "/changes", token)}
    assert (await intake_client.http.get("/changes", headers=own)).json()["code"] == "device.not_enrolled"
    await intake_client.http.post("/devices", json={"device_id": str(device_id), "label": "Tablet 9"}, headers=operator)
    assert (await session(intake_client, key, device_id, stand)).json()["outbox_key"] == begun["outbox_key"]


async def get_changes(intake_client: IntakeClient, *headers: tuple[str, str]) -> tuple[int, str]:
    """Status and code of the refusal."""
    reply = await intake_client.http.get("/changes", headers=list(headers))
    return reply.status_code, reply.json().get("code", "")


async def test_a_proof_counts_for_one_request(intake_client: IntakeClient, stand: UUID) -> None:
    key, device_id = BrowserKey(), uuid7()
    await enrol(intake_client, key, device_id, await code(intake_client))
    token = (await session(intake_client, key, device_id, stand)).json()["token"]
    sent = ("Authorization", f"Bearer {token}")
    proof = key.proof("GET", "/changes", token)
    assert await get_changes(intake_client, sent, ("DPoP", proof)) == (200, "")
    assert await get_changes(intake_client, sent, ("DPoP", proof)) == (401, "proof.used")
    again = json.loads(base64.urlsafe_b64decode(proof.split(".")[1] + "=="))
    same_id = key.proof("GET", "/changes", token, jti=again["jti"])
    assert same_id != proof, "another signature"
    assert await get_changes(intake_client, sent, ("DPoP", same_id)) == (401, "proof.used")
    both = [("DPoP", key.proof("GET", "/changes", token)) for _ in range(2)]
    assert await get_changes(intake_client, sent, *both) == (401, "proof.wrong")
    at_once = ("DPoP", key.proof("GET", "/changes", token))
    replies = await asyncio.gather(*(get_changes(intake_client, sent, at_once) for _ in range(8)))
    assert sorted(replies) == [(200, ""), *[(401, "proof.used")] * 7]
    reply = await session(intake_client, key, device_id, stand, jti="one and the same")
    assert reply.status_code == 201
    assert (await session(intake_client, key, device_id, stand, jti="one and the same")).json()["code"] == "proof.used"
    other = BrowserKey()
    await enrol(intake_client, other, other_id := uuid7(), await code(intake_client))
    assert (await session(intake_client, other, other_id, stand, jti="one and the same")).status_code == 201


async def test_each_process_of_the_service_knows_the_used_proofs(intake_client: IntakeClient, stand: UUID) -> None:
    key, device_id = BrowserKey(), uuid7()
    await enrol(intake_client, key, device_id, await code(intake_client))
    token = (await session(intake_client, key, device_id, stand)).json()["token"]
    headers = {"Authorization": f"Bearer {token}", "DPoP": key.proof("GET", "/changes", token)}
    context = intake_client.service.context
    other = Database(context.database.url, service_name="intake")
    await other.start()
    assert (await intake_client.http.get("/changes", headers=headers)).status_code == 200
    scope = {"type": "http", "method": "GET", "path": "/changes", "headers": [], "app": context.http}
    scope["headers"] = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    proof = read_proof(Request(scope), token)
    caller = Principal("c", frozenset({Role.CLERK}), device_id, key_thumbprint=proof.thumbprint)
    assert (await ACCESS.situation(caller, {}, other, proof=proof)).proof_used
    await other.stop()


async def test_used_proofs_are_forgotten_when_they_expired(intake_client: IntakeClient, stand: UUID) -> None:
    key, device_id = BrowserKey(), uuid7()
    await enrol(intake_client, key, device_id, await code(intake_client))
    await session(intake_client, key, device_id, stand)
    housekeeping = Housekeeping(intake_client.service.context.database, BackboneRetention())
    assert (await housekeeping.sweep())["used_proof"] == 0
    await intake_client.rows("UPDATE used_proof SET expires_at = now() - interval '1 second' RETURNING 1")
    assert (await housekeeping.sweep())["used_proof"] == 1


async def test_a_request_of_a_session_costs_one_more_statement(intake_client: IntakeClient, stand: UUID) -> None:
    key, device_id = BrowserKey(), uuid7()
    await enrol(intake_client, key, device_id, await code(intake_client))
    token = (await session(intake_client, key, device_id, stand)).json()["token"]
    log = await StatementLog.of(intake_client.service.context.database)
    for _ in range(2):
        headers = {"Authorization": f"Bearer {token}", "DPoP": key.proof("GET", "/stands", token)}
        assert (await intake_client.http.get("/stands", headers=headers)).status_code == 200
    alone = [transaction for transaction in log.transactions() if len(transaction) == 1]
    assert ["used_proof" in statement for [statement] in alone] == [True, True]


async def test_reports_of_the_app_hold_no_free_text(intake_client: IntakeClient) -> None:
    row = {"kind": "error", "code": "RangeError", "at": utc_now().isoformat(), "where": "assets/index.js:1:2"}
    good = {"app_version": "0.2.0", "reports": [row]}
    assert (
        await intake_client.http.post("/field/reports", json=good, headers=intake_client.clerk())
    ).status_code == 204
    for wrong in (
        {"code": "Ada Lovelace"},
        {"where": "<b>Ada</b>"},
        {"where": "Zoë"},
        {"message": "Ada"},
        {"kind": "gossip"},
    ):
        bad = good | {"reports": [row | wrong]}
        assert (
            await intake_client.http.post("/field/reports", json=bad, headers=intake_client.clerk())
        ).status_code == 422


async def test_a_report_of_the_app_brings_no_name_into_the_log(intake_client: IntakeClient) -> None:
    row = {"kind": "error", "code": "RangeError", "at": utc_now().isoformat(), "where": "assets/index-DxjK9H0D.js:1:2"}
    named = [
        {"code": "Ada-Lovelace"},
        {"code": "Lovelace"},
        {"where": "Ada Lovelace"},
        {"where": "Ada/Lovelace.js:1:2"},
    ]
    reports = [row, row | {"code": "app.0.2.0"}, row | {"where": ""}, *(row | changed for changed in named)]
    with structlog.testing.capture_logs() as lines:
        sent = {"app_version": "0.2.0", "reports": reports}
        reply = await intake_client.http.post("/field/reports", json=sent, headers=intake_client.clerk())
    assert reply.status_code == 204
    logged = [(line["code"], line["where"]) for line in lines if line["event"] == "field.report"]
    place = row["where"]
    assert logged == [
        ("RangeError", place),
        ("app.0.2.0", place),
        ("RangeError", ""),
        ("other", place),
        ("other", place),
        ("RangeError", ""),
        ("RangeError", ""),
    ]


async def test_after_a_restore_a_device_recovers_its_own_leases_only(
    intake_client: IntakeClient, previous_authority: Authority
) -> None:
    order = {"block_id": str(uuid7()), "series": "UK"}
    leased = (await intake_client.http.post("/numbers/blocks", json=order, headers=intake_client.clerk())).json()
    assert len(leased["places"]) == len(leased["numbers"]) == 50
    await intake_client.rows(f"DELETE FROM number_block WHERE block_id = '{order['block_id']}' RETURNING 1")
    await intake_client.rows("UPDATE number_series SET next_serial = 1 WHERE series = 'UK' RETURNING 1")
    other = await intake_client.second_device()
    leases = {"leases": [leased["lease"]]}
    assert (
        await intake_client.http.post("/numbers/blocks/restore", json=leases, headers=other.clerk())
    ).status_code == 422
    for count in (1, 0):
        reply = await intake_client.http.post("/numbers/blocks/restore", json=leases, headers=intake_client.clerk())
        assert reply.json() == {"restored": count}
    fresh = (
        await intake_client.http.post(
            "/numbers/blocks", json={"block_id": str(uuid7()), "series": "UK"}, headers=intake_client.clerk()
        )
    ).json()
    assert not set(fresh["numbers"]) & set(leased["numbers"])
    assert not set(fresh["places"]) & set(leased["places"])
    _, block = verify_lease(
        leased["lease"], [TrustedCertificate.parse(intake_client.run_keys.secrets.document_certificate)]
    ) or (None, None)
    assert block
    of_before = sign_lease(UUID(order["block_id"]), block, previous_authority)  # the city has changed its key
    assert (
        await intake_client.http.post(
            "/numbers/blocks/restore", json={"leases": [of_before]}, headers=intake_client.clerk()
        )
    ).is_success
    forged = {"leases": [leased["lease"][:-8] + "AAAAAAAA"]}
    reply = await intake_client.http.post("/numbers/blocks/restore", json=forged, headers=intake_client.clerk())
    assert (reply.status_code, reply.json()["code"]) == (422, "number.lease_forged")


async def test_the_app_is_served_with_a_policy_that_allows_no_other_script(intake_client: IntakeClient) -> None:
    reply = await intake_client.http.get("/field/", headers={"Accept-Encoding": "gzip"})
    assert reply.status_code == 200, "make builds the app before the tests"
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert reply.headers["content-encoding"] == "gzip"
    assert (await intake_client.http.get("/field/../settings.py")).status_code == 404

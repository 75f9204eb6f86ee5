"""Enrolment of devices, and sessions that only the holder of the device key can begin."""

import base64
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from intake.events import on_stand_scheduled
from intake.signing.authority import Authority, TrustedCertificate
from intake.signing.number_lease import sign_lease, verify_lease
from intake_fixtures import IntakeClient
from joserfc import jws
from joserfc.jwk import ECKey
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.contracts import StandScheduled
from wanderamt.security.dpop import sha256_base64url
from wanderamt.security.roles import Role


class BrowserKey:
    """The key of a device, as its browser holds it."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256")

    @property
    def jwk(self) -> dict[str, Any]:
        claims = self.key.as_dict(private=False)
        return {name: claims[name] for name in ("kty", "crv", "x", "y")}

    def proof(self, method: str, path: str, token: str, *, at: datetime | None = None, **changes: Any) -> str:
        claims = {
            "htm": method,
            "htu": f"https://linz.example{path}",
            "iat": int((at or utc_now()).timestamp()),
            "ath": sha256_base64url(token),
        }
        head = {"alg": "ES256", "typ": "dpop+jwt", "jwk": self.jwk}
        return jws.serialize_compact(head, json.dumps(claims | changes).encode(), self.key)


@pytest.fixture
async def stand(intake_client: IntakeClient) -> UUID:
    begin = utc_now()
    event = StandScheduled(
        stand_id=uuid7(), place="Markt", district="Mitte", starts_at=begin, ends_at=begin + timedelta(hours=4),
        crew="A", vehicle="B", kit="C", services=("registration_confirmation",),
    )  # fmt: skip
    async with intake_client.service.context.database.unit_of_work() as uow:
        await on_stand_scheduled(event, uow)
    return event.stand_id


async def code(intake_client: IntakeClient) -> str:
    reply = await intake_client.http.post(
        "/devices/codes", json={"label": "Tablet 9"}, headers=intake_client.bearer(Role.OPERATOR)
    )
    return str(reply.json()["code"])


async def enrol(intake_client: IntakeClient, key: BrowserKey, device_id: UUID, text: str) -> httpx.Response:
    return await intake_client.http.post(
        "/field/enrol", json={"code": text, "device_id": str(device_id), "public_key": key.jwk}
    )


async def session(
    intake_client: IntakeClient, key: BrowserKey, device_id: UUID, stand_id: UUID, **changes: Any
) -> httpx.Response:
    token = intake_client.run_keys.token(Role.CLERK, audience="intake")
    headers = {"Authorization": f"Bearer {token}", "DPoP": key.proof("POST", "/field/sessions", token, **changes)}
    order = {"device_id": str(device_id), "stand_id": str(stand_id)}
    return await intake_client.http.post("/field/sessions", json=order, headers=headers)


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
    repeated = await enrol(intake_client, BrowserKey(), device_id, await code(intake_client))
    assert (repeated.status_code, repeated.json()["code"]) == (409, "enrolment.other_key")
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


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"htm": "GET"}, "proof.wrong"),
        ({"htu": "https://linz.example/changes"}, "proof.wrong"),
        ({"ath": "x"}, "proof.wrong"),
        ({"iat": "soon"}, "proof.wrong"),
        ({"at": utc_now() - timedelta(days=2)}, "proof.clock"),
        ({"at": utc_now() + timedelta(days=2)}, "proof.clock"),
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


async def test_reports_of_the_app_hold_no_free_text(intake_client: IntakeClient) -> None:
    row = {"kind": "error", "code": "RangeError", "at": utc_now().isoformat(), "where": "assets/index.js:1:2"}
    good = {"app_version": "0.2.0", "reports": [row]}
    assert (
        await intake_client.http.post("/field/reports", json=good, headers=intake_client.clerk())
    ).status_code == 204
    for wrong in ({"code": "Ada Lovelace"}, {"where": "<b>Ada</b>"}, {"message": "Ada"}, {"kind": "gossip"}):
        bad = good | {"reports": [row | wrong]}
        assert (
            await intake_client.http.post("/field/reports", json=bad, headers=intake_client.clerk())
        ).status_code == 422


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

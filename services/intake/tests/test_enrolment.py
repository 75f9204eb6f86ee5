"""How a device comes in, and that its key alone opens what is meant for it."""

import base64
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from intake.handlers.ground import on_stand_scheduled
from intake.proof.authority import Authority, Trust
from intake.proof.lease import read_lease, sign_lease
from joserfc import jws
from joserfc.jwk import ECKey
from uuid_utils.compat import uuid7
from wanderamt.backbone.sources import utc_now
from wanderamt.contracts import StandScheduled
from wanderamt.security.proofs import hash_of
from wanderamt.security.roles import Role


class Key:
    """Of a device, as its browser holds it."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256")

    @property
    def jwk(self) -> dict[str, Any]:
        said = self.key.as_dict(private=False)
        return {name: said[name] for name in ("kty", "crv", "x", "y")}

    def proof(self, method: str, path: str, token: str, *, at: datetime | None = None, **changes: Any) -> str:
        said = {
            "htm": method,
            "htu": f"https://linz.example{path}",
            "iat": int((at or utc_now()).timestamp()),
            "ath": hash_of(token),
        }
        head = {"alg": "ES256", "typ": "dpop+jwt", "jwk": self.jwk}
        return jws.serialize_compact(head, json.dumps(said | changes).encode(), self.key)


@pytest.fixture
async def stand(desk: Any) -> UUID:
    begin = utc_now()
    event = StandScheduled(
        stand_id=uuid7(), place="Markt", district="Mitte", starts_at=begin, ends_at=begin + timedelta(hours=4),
        crew="A", vehicle="B", kit="C", services=("registration_confirmation",),
    )  # fmt: skip
    async with desk.service.ground.database.work() as work:
        await on_stand_scheduled(event, work)
    return event.stand_id


async def code(desk: Any) -> str:
    reply = await desk.http.post("/devices/codes", json={"label": "Tablet 9"}, headers=desk.bearer(Role.OPERATOR))
    return str(reply.json()["code"])


async def enrol(desk: Any, key: Key, device_id: UUID, text: str) -> Any:
    return await desk.http.post("/field/enrol", json={"code": text, "device_id": str(device_id), "public_key": key.jwk})


async def session(desk: Any, key: Key, device_id: UUID, stand_id: UUID, **changes: Any) -> Any:
    token = desk.badge.token(Role.CLERK, audience="intake")
    headers = {"Authorization": f"Bearer {token}", "DPoP": key.proof("POST", "/field/sessions", token, **changes)}
    order = {"device_id": str(device_id), "stand_id": str(stand_id)}
    return await desk.http.post("/field/sessions", json=order, headers=headers)


async def test_a_code_lets_one_device_in_once_and_a_lost_answer_costs_none(desk: Any) -> None:
    text, key, device_id = await code(desk), Key(), uuid7()
    typed = text.lower().replace("-", " ").replace("0", "o").replace("1", "l")  # as people read it out
    for _ in range(2):
        reply = await enrol(desk, key, device_id, typed)
        assert (reply.status_code, reply.json()["label"]) == (200, "Tablet 9")
    other = await enrol(desk, Key(), uuid7(), text)
    assert (other.status_code, other.json()["code"]) == (409, "enrolment.code_used")
    unknown = await enrol(desk, Key(), uuid7(), "00000-00000")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "enrolment.code")
    again = await enrol(desk, Key(), device_id, await code(desk))
    assert (again.status_code, again.json()["code"]) == (409, "enrolment.other_key")
    kept = await desk.rows("SELECT code FROM invitation")
    assert text.encode() not in b"".join(one["code"] for one in kept), "the code itself is not kept"


async def test_a_code_runs_out(desk: Any) -> None:
    text = await code(desk)
    await desk.rows("UPDATE invitation SET expires_at = now() - interval '1 second' RETURNING 1")
    assert (await enrol(desk, Key(), uuid7(), text)).json()["code"] == "enrolment.code"


async def test_a_session_is_for_the_holder_of_the_key_alone(desk: Any, stand: UUID) -> None:
    key, device_id = Key(), uuid7()
    await enrol(desk, key, device_id, await code(desk))
    begun = (await session(desk, key, device_id, stand)).json()
    assert len(base64.b64decode(begun["outbox_key"])) == 32
    assert (await session(desk, key, device_id, stand)).json()["outbox_key"] == begun["outbox_key"], "always the same"
    assert (await session(desk, Key(), device_id, stand)).json()["code"] == "enrolment.other_key"
    assert (await session(desk, key, uuid7(), stand)).json()["code"] == "device.not_enrolled"
    assert (await session(desk, key, device_id, uuid7())).json()["code"] == "session.stand"
    token = begun["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await desk.http.get("/changes", headers=bearer)).json()["code"] == "proof.missing"
    stolen = bearer | {"DPoP": Key().proof("GET", "/changes", token)}
    assert (await desk.http.get("/changes", headers=stolen)).json()["code"] == "proof.wrong"
    own = bearer | {"DPoP": key.proof("GET", "/changes", token)}
    assert (await desk.http.get("/changes", headers=own)).status_code == 200
    longer = bearer | {"DPoP": key.proof("POST", "/field/sessions", token)}
    order = {"device_id": str(device_id), "stand_id": str(stand)}
    reply = await desk.http.post("/field/sessions", json=order, headers=longer)
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
async def test_a_proof_for_something_else_proves_nothing(desk: Any, stand: UUID, changes: Any, why: str) -> None:
    key, device_id = Key(), uuid7()
    await enrol(desk, key, device_id, await code(desk))
    reply = await session(desk, key, device_id, stand, **changes)
    assert (reply.status_code, reply.json()["code"]) == (401, why)


@pytest.mark.parametrize("junk", ["", "a.b.c", "x" * 5000, "e30.e30.e30"])
async def test_what_is_no_proof_is_refused(desk: Any, stand: UUID, junk: str) -> None:
    headers = {"Authorization": f"Bearer {desk.badge.token(Role.CLERK, audience='intake')}", "DPoP": junk}
    order = {"device_id": str(uuid7()), "stand_id": str(stand)}
    assert (await desk.http.post("/field/sessions", json=order, headers=headers)).status_code == 401


async def test_a_revoked_device_gets_no_key_until_it_is_let_in_again(desk: Any, stand: UUID) -> None:
    key, device_id = Key(), uuid7()
    await enrol(desk, key, device_id, await code(desk))
    begun = (await session(desk, key, device_id, stand)).json()
    operator = desk.bearer(Role.OPERATOR)
    await desk.http.post(f"/devices/{device_id}/revoke", headers=operator)
    assert (await session(desk, key, device_id, stand)).json()["code"] == "device.not_enrolled"
    token = begun["token"]
    own = {"Authorization": f"Bearer {token}", "DPoP": key.proof("GET", "/changes", token)}
    assert (await desk.http.get("/changes", headers=own)).json()["code"] == "device.not_enrolled"
    await desk.http.post("/devices", json={"device_id": str(device_id), "label": "Tablet 9"}, headers=operator)
    assert (await session(desk, key, device_id, stand)).json()["outbox_key"] == begun["outbox_key"]


async def test_what_the_app_tells_of_itself_holds_no_free_text(desk: Any) -> None:
    one = {"kind": "error", "code": "RangeError", "at": utc_now().isoformat(), "where": "assets/index.js:1:2"}
    good = {"app_version": "0.2.0", "reports": [one]}
    assert (await desk.http.post("/field/reports", json=good, headers=desk.clerk())).status_code == 204
    for wrong in ({"code": "Ada Lovelace"}, {"where": "<b>Ada</b>"}, {"message": "Ada"}, {"kind": "gossip"}):
        bad = good | {"reports": [one | wrong]}
        assert (await desk.http.post("/field/reports", json=bad, headers=desk.clerk())).status_code == 422


async def test_leases_come_back_after_a_restore_and_nobody_else_s(desk: Any, former: Authority) -> None:
    order = {"block_id": str(uuid7()), "series": "UK"}
    leased = (await desk.http.post("/numbers/blocks", json=order, headers=desk.clerk())).json()
    assert len(leased["places"]) == len(leased["numbers"]) == 50
    await desk.rows(f"DELETE FROM number_block WHERE block_id = '{order['block_id']}' RETURNING 1")
    await desk.rows("UPDATE number_series SET next_serial = 1 WHERE series = 'UK' RETURNING 1")
    other = await desk.second()
    shown = {"leases": [leased["lease"]]}
    assert (await desk.http.post("/numbers/blocks/put-back", json=shown, headers=other.clerk())).status_code == 422
    for count in (1, 0):
        reply = await desk.http.post("/numbers/blocks/put-back", json=shown, headers=desk.clerk())
        assert reply.json() == {"put_back": count}
    fresh = (
        await desk.http.post("/numbers/blocks", json={"block_id": str(uuid7()), "series": "UK"}, headers=desk.clerk())
    ).json()
    assert not set(fresh["numbers"]) & set(leased["numbers"])
    assert not set(fresh["places"]) & set(leased["places"])
    _, block = read_lease(leased["lease"], [Trust.read(desk.badge.secrets.document_certificate)]) or (None, None)
    assert block
    of_before = sign_lease(UUID(order["block_id"]), block, former)  # the city has another key since
    assert (
        await desk.http.post("/numbers/blocks/put-back", json={"leases": [of_before]}, headers=desk.clerk())
    ).is_success
    forged = {"leases": [leased["lease"][:-8] + "AAAAAAAA"]}
    reply = await desk.http.post("/numbers/blocks/put-back", json=forged, headers=desk.clerk())
    assert (reply.status_code, reply.json()["code"]) == (422, "number.lease_forged")


async def test_the_app_comes_under_a_policy_that_lets_in_no_other_script(desk: Any) -> None:
    reply = await desk.http.get("/field/", headers={"Accept-Encoding": "gzip"})
    assert reply.status_code == 200, "make builds the app before the tests"
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert reply.headers["content-encoding"] == "gzip"
    assert (await desk.http.get("/field/../settings.py")).status_code == 404

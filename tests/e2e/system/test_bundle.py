"""The offline bundle of a stand: everything for a day without network, only for that stand, signed, small, expiring."""

import base64
import json
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from intake.signing.authority import TrustedCertificate
from intake.signing.detached_jws import verify_compact
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.contracts import case_code
from wanderamt.security.roles import Role
from wanderamt_local.system import System
from wanderamt_testing.citizens import citizen_client, new_phone

MAX_BYTES = 1_000_000
BookedStand = tuple[UUID, list[str]]
"""Its id and the codes of the appointments."""


@pytest.fixture
async def booked(running_system: System) -> BookedStand:
    """A stand with appointments: its id and the codes of the appointments."""
    system, stand_id = running_system, uuid7()
    begin = utc_now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=3)
    planner = {"Authorization": f"Bearer {system.token('p@linz', Role.PLANNER, audience='scheduling')}"}
    async with httpx.AsyncClient(base_url=system.url("scheduling"), timeout=10) as http:
        stand = {
            "stand_id": str(stand_id),
            "place": f"Volkshaus {stand_id}",
            "district": "Auwiesen",
            "starts_at": begin.isoformat(),
            "ends_at": (begin + timedelta(hours=5)).isoformat(),
            "crew": f"Team {stand_id}",
            "vehicle": f"Bus {stand_id}",
            "kit": f"Koffer {stand_id}",
            "services": ["active_pass", "registration"],
            "desks": 3,
            "walk_in_share": 0,
        }
        (await http.post("/stands", json=stand, headers=planner)).raise_for_status()
        codes = []
        for number in range(45):
            hold = {"hold_id": str(uuid7()), "service": "active_pass"}
            at = begin + timedelta(minutes=20 * (number % 15))
            async with citizen_client(system.url("scheduling")) as citizen:
                at_time = hold | {"starts_at": at.isoformat()}
                reply = await citizen.post(f"/public/stands/{stand_id}/holds", json=at_time)
                if reply.status_code == 409:  # a time has few slots, and the confirmed ones stay taken
                    continue
                held = reply.json()
                contact = {"phone": new_phone(), "born": "1980-05-04", "consent": "2026-1", "token": held["token"]}
                (await citizen.post(f"/public/holds/{held['hold_id']}/confirm", json=contact)).raise_for_status()
            codes.append(case_code(UUID(held["hold_id"])))
    return stand_id, codes


async def test_the_bundle_holds_everything_for_the_day_and_no_address(
    running_system: System, booked: BookedStand
) -> None:
    stand_id, codes = booked
    token = await running_system.enrol(uuid7(), stand_id)
    async with httpx.AsyncClient(base_url=running_system.url("intake"), timeout=20) as http:
        http.headers["Authorization"] = f"Bearer {token}"
        block = {"block_id": str(uuid7()), "series": "BE"}
        leased = await http.post("/numbers/blocks", json=block)
        for _ in range(100):
            reply = await http.get(f"/stands/{stand_id}/bundle")
            if reply.status_code == 200 and len(reply.json()["appointments"]) == len(codes):
                break
        certificate = (await http.get("/authority.pem")).text
    bundle = reply.json()
    assert sorted(appointment["code"] for appointment in bundle["appointments"]) == sorted(codes)
    assert {service["service"] for service in bundle["services"]} == {"active_pass", "registration", "criminal_record"}
    done_here = [service for service in bundle["services"] if service["service"] != "criminal_record"]
    assert all(service["edition"]["steps"] for service in done_here)
    assert bool(bundle["number_blocks"]) is leased.is_success
    assert bundle["as_of"] < bundle["expires_at"]
    assert "+43660" not in reply.text
    assert bundle["sizes"].keys() == {
        "appointments",
        "services",
        "number_blocks",
        "letterhead",
        "streets",
        "status_list",
    }
    assert sum(bundle["sizes"].values()) <= len(reply.content) <= MAX_BYTES
    signature, trust = reply.headers["x-jws-signature"], TrustedCertificate.parse(certificate)
    assert body_is_signed(reply.content, signature, trust)
    assert not body_is_signed(reply.content.replace(b"Volkshaus", b"Volksheim"), signature, trust)
    assert not body_is_signed(reply.content, signature[:-4] + "AAAA", trust)
    assert json.loads(reply.content)["stand"]["place"] == f"Volkshaus {stand_id}"


async def test_a_device_gets_only_the_bundle_of_its_own_stand(running_system: System, booked: BookedStand) -> None:
    stand_id, _ = booked
    token = await running_system.enrol(uuid7(), uuid7())
    async with httpx.AsyncClient(base_url=running_system.url("intake"), timeout=20) as http:
        reply = await http.get(f"/stands/{stand_id}/bundle", headers={"Authorization": f"Bearer {token}"})
    assert reply.status_code == 403
    assert reply.json()["code"] == "access.other_stand"


def body_is_signed(body: bytes, signature: str, certificate: TrustedCertificate) -> bool:
    """Whether `header..signature` (RFC 7515, appendix F) is the authority's signature of exactly these bytes."""
    header, separator, signed = signature.partition("..")
    text = base64.urlsafe_b64encode(body).rstrip(b"=").decode()
    return bool(separator) and verify_compact(f"{header}.{text}.{signed}", certificate) is not None

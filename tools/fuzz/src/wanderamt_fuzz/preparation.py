"""Fills the running system with a little of everything, and makes the callers.

Invariants: a step that fails ends the preparation: a fuzz run that reaches no code would prove nothing.
"""

import asyncio
import base64
import re
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx
from joserfc.jwk import ECKey
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.contracts import case_code
from wanderamt.security.roles import Role
from wanderamt_local.field_entries import CONSENT, case_entry, open_case_entry
from wanderamt_local.system import System

from wanderamt_fuzz.http_client import next_address
from wanderamt_fuzz.known_things import Caller, KnownThings

BORN = "1980-05-04"
SERVICE = "active_pass"
STANDS = 4
WAIT_S = 60


def callers(system: System, service: str, things: KnownThings) -> list[Caller]:
    """An anonymous caller, and one per role, with and without a device at a stand; a clerk with the device's key."""
    device, stand = UUID(things.values["device_id"][0]), UUID(things.values["stand_id"][0])
    known = [Caller("anonymous")]
    for role in Role:
        token = system.token(f"{role}@linz", role, audience=service, device=device, stand=stand)
        known.append(Caller(f"{role} at a stand", role, token))
        known.append(Caller(str(role), role, system.token(f"{role}@linz", role, audience=service)))
    if service == "intake":
        signed_in = system.token("clerk@linz", Role.CLERK, audience=service)
        known.append(Caller("clerk with a device key", Role.CLERK, signed_in, things.values["device_key"][0]))
    return known


class PreparationError(Exception):
    """A step was refused: the preparation no longer fits the services."""


async def prepare(system: System) -> KnownThings:
    """Stands, devices, cases, numbers, a till, an attachment, a plan, bookings, subscribers. Raises PreparationError."""
    key = ECKey.generate_key("P-256")
    device, device_with_key, spare_device = (str(uuid7()) for _ in range(3))
    values: dict[str, list[Any]] = {
        "device_id": [device, device_with_key],
        "device_key": [key],
        "born": [BORN, "4.5.1980"],
    }
    spare: dict[str, list[Any]] = {"device_id": [spare_device]}
    # its own address: callers before it may have taken what one network may book without a code
    transport = httpx.AsyncHTTPTransport(local_address=next_address())
    hooks = {"response": [_raise_for_status]}
    async with httpx.AsyncClient(timeout=30, transport=transport, event_hooks=hooks) as http:
        stands = [await _schedule_stand(system, http) for _ in range(STANDS)]
        values["stand_id"], spare["stand_id"] = stands[: STANDS // 2], stands[STANDS // 2 :]
        await _enrol(system, http, device_with_key, key)
        for plain in (device, spare_device):
            await system.enrol(UUID(plain), UUID(stands[0]))
        await _wait_for_stands(system, http, stands)
        values |= await _book(system, http, stands[0])
        values |= await _fill_intake(system, http, UUID(device), UUID(stands[0]))
        values |= await _ask_for_a_plan(system, http)
        values |= await _subscribe(system, http)
        values["token"] += await _status_tokens(system, http, values)
    spare |= {name: values[name][-1:] for name in ("case_id", "appointment_id", "plan_id", "subscriber_id", "entry_id")}
    return KnownThings(values | _FIXED, spare)


_FIXED: dict[str, list[Any]] = {
    "service": [SERVICE, "registration_confirmation", "advice"],
    "services": [SERVICE],
    "seconds": [1],
    "first_day": [(utc_now() + timedelta(days=40)).date().isoformat()],
    "phone": ["0660 555 88 81", ""],
    "email": ["zoe@mail.example", ""],
    "consent": ["2026-1", "on"],
    "channel": ["sms", "email", ""],
    "language": ["de", "en"],
    "lang": ["de", "en"],
    "series": ["UK", "GZ", "BE"],
    "year": ["2026", "2027"],
    "provider": ["gate", "smsc", "post"],
    "kind": ["pitch", "crew", "vehicle", "kit", "ticket", "appointment", "event", "job"],
    "wait_s": ["0", "0.1"],
    "cursor": [""],
    "device-time": [utc_now().isoformat()],
}


async def _raise_for_status(response: httpx.Response) -> None:
    if response.is_error:
        await response.aread()
        request = response.request
        raise PreparationError(f"{request.method} {request.url}: {response.status_code} {response.text[:500]}")


def _bearer(system: System, role: Role, service: str, **claims: UUID) -> dict[str, str]:
    return {"Authorization": f"Bearer {system.token(f'{role}@linz', role, audience=service, **claims)}"}


async def _schedule_stand(system: System, http: httpx.AsyncClient) -> str:
    stand_id, begin = str(uuid7()), utc_now().replace(minute=0, second=0, microsecond=0) + timedelta(days=2)
    names = {name: f"{name} {stand_id[-6:]}" for name in ("place", "crew", "vehicle", "kit")}
    stand = {
        "stand_id": stand_id,
        "district": "Ebelsberg",
        "starts_at": begin.isoformat(),
        "ends_at": (begin + timedelta(hours=6)).isoformat(),
        "services": [SERVICE, "registration_confirmation", "advice"],
        "desks": 3,
        **names,
    }
    await http.post(
        f"{system.url('scheduling')}/stands", json=stand, headers=_bearer(system, Role.PLANNER, "scheduling")
    )
    return stand_id


async def _enrol(system: System, http: httpx.AsyncClient, device: str, key: ECKey) -> None:
    intake, operator = system.url("intake"), _bearer(system, Role.OPERATOR, "intake")
    code = (await http.post(f"{intake}/devices/codes", json={"label": "Tablet 1"}, headers=operator)).json()["code"]
    order = {"code": code, "device_id": device, "public_key": key.as_dict(private=False)}
    order["public_key"] = {name: order["public_key"][name] for name in ("kty", "crv", "x", "y")}
    await http.post(f"{intake}/field/enrol", json=order)


async def _wait_for_stands(system: System, http: httpx.AsyncClient, stands: list[str]) -> None:
    headers = _bearer(system, Role.PLANNER, "intake")
    async with asyncio.timeout(WAIT_S):
        while True:
            reply = await http.get(f"{system.url('intake')}/stands", headers=headers)
            if set(stands) <= {stand["stand_id"] for stand in reply.json()}:
                return
            await asyncio.sleep(0.2)


async def _book(system: System, http: httpx.AsyncClient, stand: str) -> dict[str, list[Any]]:
    """Two appointments, one hold, and the tokens and times of the public pages."""
    url = f"{system.url('scheduling')}/public"
    times = (await http.get(f"{url}/stands/{stand}/times", params={"service": SERVICE})).json()
    holds, appointments, tokens = [], [], []
    for number, time in enumerate(times[:3]):
        wanted = {"hold_id": str(uuid7()), "service": SERVICE, "starts_at": time}
        held = (await http.post(f"{url}/stands/{stand}/holds", json=wanted)).json()
        holds.append(held["hold_id"])
        tokens.append(held["token"])
        if number:
            contact = {"phone": f"066055588{number}0", "born": BORN, "consent": "2026-1", "token": held["token"]}
            booked = (await http.post(f"{url}/holds/{held['hold_id']}/confirm", json=contact)).json()
            appointments.append(booked)
            look_up = {"code": booked["code"], "born": BORN}
            tokens.append((await http.post(f"{url}/appointments/look-up", json=look_up)).json()["token"])
    return {
        "appointment_id": [booked["appointment_id"] for booked in appointments],
        "code": [booked["code"] for booked in appointments],
        "hold_id": holds,
        "token": tokens,
        "time": times[3:8],
        "starts_at": times[3:8],
        "place": [f"{stand} {time}" for time in times[3:6]],
    }


async def _fill_intake(system: System, http: httpx.AsyncClient, device: UUID, stand: UUID) -> dict[str, list[Any]]:
    headers = _bearer(system, Role.CLERK, "intake", device=device, stand=stand)
    intake, now = system.url("intake"), utc_now()
    block, till, attachment, held = (str(uuid7()) for _ in range(4))
    cases = [uuid7() for _ in range(4)]
    leased = await http.post(f"{intake}/numbers/blocks", json={"block_id": block, "series": "BE"}, headers=headers)
    applicant = {"given_name": "Zoe", "family_name": "Novak", "birth_date": BORN}
    bodies: list[dict[str, Any]] = [
        {"service": SERVICE, "applicant": applicant, "contact": {"phone": "+436605558881", **CONSENT}},
        {"service": "registration_confirmation", "applicant": applicant},
        {"service": "advice"},
        {"service": SERVICE},
    ]
    entries = [
        open_case_entry(uuid7(), case_id, stand, device_seq=number, captured_at=now, body=body)
        for number, (case_id, body) in enumerate(zip(cases, bodies, strict=True), 1)
    ]
    waiting = case_entry(
        "case.withdraw", UUID(held), uuid7(), stand, device_seq=9, case_seq=2, captured_at=now, body={}
    )
    await http.post(f"{intake}/sync", json={"entries": [*entries, waiting]}, headers=headers)
    await http.post(f"{intake}/tills", json={"till_id": till, "float_cents": 10_000}, headers=headers)
    content = b"\x89PNG\r\n\x1a\n" + b"0" * 200
    described = {
        "attachment_id": attachment,
        "case_id": str(cases[0]),
        "sha256": sha256(content).hexdigest(),
        "filetype": "image/png",
    }
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in described.items())
    announced = headers | {"Upload-Length": str(len(content)), "Upload-Metadata": metadata}
    await http.post(f"{intake}/attachments", headers=announced)
    numbers = leased.json()["numbers"]
    return {
        "block_id": [block],
        "till_id": [till],
        "attachment_id": [attachment],
        "entry_id": [held],
        "case_id": [str(case_id) for case_id in cases],
        "number": numbers[:5],
        "receipt": numbers[5:40],
        "leases": [leased.json()["lease"]],
        "Upload-Metadata": [metadata],
        "Upload-Length": [str(len(content))],
        "Upload-Offset": ["0"],
    }


async def _ask_for_a_plan(system: System, http: httpx.AsyncClient) -> dict[str, list[Any]]:
    plan_id = str(uuid7())
    pitch = {"district": "Ebelsberg", "latitude": 48.25, "longitude": 14.33, "people": 900}
    url, headers = system.url("scheduling"), _bearer(system, Role.PLANNER, "scheduling")
    for kind, name, facts in (
        ("pitch", "Hauptplatz", pitch),
        ("crew", "Team A", {}),
        ("vehicle", "Bus 1", {}),
        ("kit", "Koffer 1", {}),
    ):
        await http.put(f"{url}/resources/{kind}/{name}", json=facts, headers=headers)
    order = {
        "plan_id": plan_id,
        "first_day": (utc_now() + timedelta(days=30)).date().isoformat(),
        "days": 3,
        "seconds": 1,
    }
    await http.post(f"{url}/plans", json=order, headers=headers)
    return {"plan_id": [plan_id], "first_id": [plan_id], "second_id": [plan_id], "name": ["Hauptplatz", "Team A"]}


async def _subscribe(system: System, http: httpx.AsyncClient) -> dict[str, list[Any]]:
    url, headers = f"{system.url('notifications')}/subscribers", _bearer(system, Role.OPERATOR, "notifications")
    made = []
    for name in ("Fundamt", "Museum"):
        subscriber = {"name": name, "url": "http://127.0.0.1:9/hook", "types": ["at.wanderamt.document.issued.v1"]}
        made.append((await http.post(url, json=subscriber, headers=headers)).json()["subscriber_id"])
    return {"subscriber_id": made}


async def _status_tokens(system: System, http: httpx.AsyncClient, values: dict[str, list[Any]]) -> list[str]:
    """Of the status page, once notifications knows the first case."""
    code = case_code(UUID(values["case_id"][0]))
    values["code"].append(code)
    async with httpx.AsyncClient(timeout=30) as pages, asyncio.timeout(WAIT_S):
        while True:
            page = await pages.post(f"{system.url('notifications')}/status", data={"code": code, "born": BORN})
            if token := re.search(r'name="token" value="([^"]+)"', page.text):
                return [token.group(1)]
            await asyncio.sleep(1)

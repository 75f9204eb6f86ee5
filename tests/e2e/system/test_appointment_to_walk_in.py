"""An appointment from the page to the telephone, and at the stand in one queue with walk-ins."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import httpx
import pytest
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.security.roles import Role
from wanderamt_local.system import System
from wanderamt_testing.citizens import citizen_client

WAIT_S = 40
PHONE = "+436605558881"


def bearer(system: System, role: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {system.token('x@linz', role, audience='scheduling')}"}


async def schedule_stand(system: System, http: httpx.AsyncClient, begin: datetime) -> str:
    stand_id = str(uuid7())
    stand = {
        "stand_id": stand_id,
        "place": f"Place {stand_id}",
        "district": "Spallerhof",
        "starts_at": begin.isoformat(),
        "ends_at": (begin + timedelta(hours=3)).isoformat(),
        "crew": f"Team {stand_id}",
        "vehicle": f"Bus {stand_id}",
        "kit": f"Koffer {stand_id}",
        "services": ["active_pass"],
        "desks": 2,
    }
    (await http.post("/stands", json=stand, headers=bearer(system, Role.PLANNER))).raise_for_status()
    return stand_id


async def texts(system: System) -> list[str]:
    """The SMS to our telephone, by both providers."""
    received = await system.received_messages()
    return [str(sms) for provider in ("gate", "smsc") for sms in received[provider]["messages"] if sms["to"] == PHONE]


async def wait_for_texts(system: System, count: int) -> list[str]:
    async with asyncio.timeout(WAIT_S):
        while len(received := await texts(system)) < count:
            await asyncio.sleep(0.2)
    return received


async def test_a_booking_and_the_cancellation_of_its_stand_cause_one_sms_each(running_system: System) -> None:
    system = running_system
    begin = utc_now().replace(minute=0, second=0, microsecond=0) + timedelta(days=30)
    async with citizen_client(system.url("scheduling")) as http:
        stand_id = await schedule_stand(system, http, begin)
        times = (await http.get(f"/public/stands/{stand_id}/times", params={"service": "active_pass"})).json()
        hold = {"hold_id": str(uuid7()), "service": "active_pass", "starts_at": times[0]}
        for _ in range(2):  # the response was lost, the website repeats the request
            held = (await http.post(f"/public/stands/{stand_id}/holds", json=hold)).raise_for_status().json()
        contact = {"phone": "0660 555 88 81", "born": "1980-05-04", "consent": "2026-1", "token": held["token"]}
        for _ in range(2):
            (await http.post(f"/public/holds/{held['hold_id']}/confirm", json=contact)).raise_for_status()
        assert len(await wait_for_texts(system, 1)) == 1
        reason = {"reason": "Sturm"}
        await http.post(f"/stands/{stand_id}/cancel", json=reason, headers=bearer(system, Role.PLANNER))
        assert len(await wait_for_texts(system, 2)) == 2
        await asyncio.sleep(1)
        assert len(await texts(system)) == 2


async def test_at_the_stand_an_appointment_and_walk_ins_are_one_queue(running_system: System) -> None:
    system = running_system
    begin = utc_now() + timedelta(minutes=25)
    begin = begin.replace(minute=begin.minute // 10 * 10, second=0, microsecond=0)
    async with citizen_client(system.url("scheduling")) as http:
        stand_id = await schedule_stand(system, http, begin)
        times = (await http.get(f"/public/stands/{stand_id}/times", params={"service": "active_pass"})).json()
        hold = {"hold_id": str(uuid7()), "service": "active_pass", "starts_at": times[0]}
        held = (await http.post(f"/public/stands/{stand_id}/holds", json=hold)).raise_for_status().json()
        contact = {"email": "ana@mail.example", "born": "1980-05-04", "token": held["token"]}
        booked = (await http.post(f"/public/holds/{held['hold_id']}/confirm", json=contact)).json()
        crew = system.token("x@linz", Role.CLERK, audience="scheduling", device=uuid7(), stand=UUID(stand_id))
        http.headers["Authorization"] = f"Bearer {crew}"
        (await http.post(f"/stands/{stand_id}/open")).raise_for_status()
        long_ago, just_now = utc_now() - timedelta(minutes=40), utc_now()
        for label, issued in (("SA-001", long_ago), ("SA-002", just_now)):
            ticket = {"ticket_id": str(uuid7()), "label": label, "service": "active_pass"}
            reply = await http.post(f"/stands/{stand_id}/tickets", json=ticket | {"issued_at": issued.isoformat()})
            reply.raise_for_status()
        (await http.post(f"/appointments/{booked['appointment_id']}/arrive")).raise_for_status()
        queue = (await http.get(f"/stands/{stand_id}/queue")).json()
        order = [entry["label"] for entry in queue["next"]]
        assert order[0] == "SA-001"
        assert set(order[1:]) == {booked["code"], "SA-002"}
        first = (await http.post(f"/stands/{stand_id}/queue/call", json={"desk": "1"})).json()
        assert first["label"] == "SA-001"
        end = f"/stands/{stand_id}/queue/{first['id']}/end"
        (await http.post(end, json={"kind": "ticket", "outcome": "served"})).raise_for_status()
        (await http.post(f"/stands/{stand_id}/close")).raise_for_status()


async def test_a_city_website_may_book_from_the_citizens_browser_but_not_plan(running_system: System) -> None:
    url = running_system.url("scheduling")
    origin = {"Origin": "https://www.linz.example", "Access-Control-Request-Method": "POST"}
    async with httpx.AsyncClient(base_url=url, timeout=10) as http:
        preflight = origin | {"Access-Control-Request-Headers": "content-type"}
        allowed = await http.options("/public/appointments/look-up", headers=preflight)
        refused = await http.options("/stands", headers=origin | {"Access-Control-Request-Headers": "authorization"})
        listed = await http.get("/public/stands", headers={"Origin": "https://www.linz.example"})
    assert (allowed.status_code, refused.status_code) == (200, 400)
    assert listed.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("feed", ["/calendar.ics", "/calendar/district/Spallerhof.ics", "/calendar/group/Niemand.ics"])
async def test_every_program_can_read_the_calendars(running_system: System, feed: str) -> None:
    async with httpx.AsyncClient(base_url=running_system.url("scheduling"), timeout=10) as http:
        reply = await http.get(feed)
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/calendar")
    assert reply.text.startswith("BEGIN:VCALENDAR")
    assert running_system.url("scheduling") in reply.text or "VEVENT" not in reply.text

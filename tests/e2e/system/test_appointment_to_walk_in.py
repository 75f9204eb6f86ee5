"""An appointment from the page to the telephone, and at the stand into one queue with those who just came."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from uuid_utils.compat import uuid7
from wanderamt.backbone.sources import utc_now
from wanderamt.security.roles import Role

WAIT_S = 40
PHONE = "+436605558881"


def bearer(system: Any, role: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {system.token('x@linz', role, audience='scheduling')}"}


async def stand_of(system: Any, http: httpx.AsyncClient, begin: Any) -> str:
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


async def texts(system: Any) -> list[str]:
    """To our telephone, over both ways texts go."""
    heard = await system.messengers()
    return [str(one) for way in ("gate", "smsc") for one in heard[way]["messages"] if one["to"] == PHONE]


async def until_texts(system: Any, many: int) -> list[str]:
    async with asyncio.timeout(WAIT_S):
        while len(found := await texts(system)) < many:
            await asyncio.sleep(0.2)
    return found


async def test_who_books_is_told_of_it_and_of_the_stand_that_falls_out_and_each_once(running_system: Any) -> None:
    system = running_system
    begin = utc_now().replace(minute=0, second=0, microsecond=0) + timedelta(days=30)
    async with httpx.AsyncClient(base_url=system.url("scheduling"), timeout=10) as http:
        stand_id = await stand_of(system, http, begin)
        times = (await http.get(f"/public/stands/{stand_id}/times", params={"service": "active_pass"})).json()
        hold = {"hold_id": str(uuid7()), "service": "active_pass", "starts_at": times[0]}
        for _ in range(2):  # the answer was lost, the site asks again
            (await http.post(f"/public/stands/{stand_id}/holds", json=hold)).raise_for_status()
        who = {"phone": "0660 555 88 81", "born": "1980-05-04", "consent": "2026-1"}
        for _ in range(2):
            (await http.post(f"/public/holds/{hold['hold_id']}/confirm", json=who)).raise_for_status()
        assert len(await until_texts(system, 1)) == 1
        why = {"reason": "Sturm"}
        await http.post(f"/stands/{stand_id}/cancel", json=why, headers=bearer(system, Role.PLANNER))
        assert len(await until_texts(system, 2)) == 2
        await asyncio.sleep(1)
        assert len(await texts(system)) == 2


async def test_at_the_stand_an_appointment_and_walk_ins_are_one_queue(running_system: Any) -> None:
    system = running_system
    begin = utc_now() + timedelta(minutes=25)
    begin = begin.replace(minute=begin.minute // 10 * 10, second=0, microsecond=0)
    async with httpx.AsyncClient(base_url=system.url("scheduling"), timeout=10) as http:
        stand_id = await stand_of(system, http, begin)
        times = (await http.get(f"/public/stands/{stand_id}/times", params={"service": "active_pass"})).json()
        hold = {"hold_id": str(uuid7()), "service": "active_pass", "starts_at": times[0]}
        await http.post(f"/public/stands/{stand_id}/holds", json=hold)
        who = {"email": "ana@mail.example", "born": "1980-05-04"}
        booked = (await http.post(f"/public/holds/{hold['hold_id']}/confirm", json=who)).json()
        http.headers.update(bearer(system, Role.CLERK))
        (await http.post(f"/stands/{stand_id}/open")).raise_for_status()
        long_ago, just_now = utc_now() - timedelta(minutes=40), utc_now()
        for label, issued in (("SA-001", long_ago), ("SA-002", just_now)):
            ticket = {"ticket_id": str(uuid7()), "label": label, "service": "active_pass"}
            reply = await http.post(f"/stands/{stand_id}/tickets", json=ticket | {"issued_at": issued.isoformat()})
            reply.raise_for_status()
        (await http.post(f"/appointments/{booked['appointment_id']}/arrive")).raise_for_status()
        room = (await http.get(f"/stands/{stand_id}/queue")).json()
        order = [one["label"] for one in room["next"]]
        assert order[0] == "SA-001"
        assert set(order[1:]) == {booked["code"], "SA-002"}
        first = (await http.post(f"/stands/{stand_id}/queue/call", json={"desk": "1"})).json()
        assert first["label"] == "SA-001"
        end = f"/stands/{stand_id}/queue/{first['id']}/end"
        (await http.post(end, json={"way": "ticket", "how": "served"})).raise_for_status()
        (await http.post(f"/stands/{stand_id}/close")).raise_for_status()


async def test_a_city_website_may_book_from_the_citizen_s_browser_but_not_plan(running_system: Any) -> None:
    url = running_system.url("scheduling")
    origin = {"Origin": "https://www.linz.example", "Access-Control-Request-Method": "POST"}
    async with httpx.AsyncClient(base_url=url, timeout=10) as http:
        asked = origin | {"Access-Control-Request-Headers": "content-type"}
        allowed = await http.options("/public/appointments/look-up", headers=asked)
        refused = await http.options("/stands", headers=origin | {"Access-Control-Request-Headers": "authorization"})
        seen = await http.get("/public/stands", headers={"Origin": "https://www.linz.example"})
    assert (allowed.status_code, refused.status_code) == (200, 400)
    assert seen.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("feed", ["/calendar.ics", "/calendar/district/Spallerhof.ics", "/calendar/group/Niemand.ics"])
async def test_calendars_are_open_to_every_program(running_system: Any, feed: str) -> None:
    async with httpx.AsyncClient(base_url=running_system.url("scheduling"), timeout=10) as http:
        reply = await http.get(feed)
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/calendar")
    assert reply.text.startswith("BEGIN:VCALENDAR")
    assert running_system.url("scheduling") in reply.text or "VEVENT" not in reply.text

"""An appointment can be moved ten times a day."""

from datetime import timedelta

import pytest
from public_fixtures import PublicEnv, code_of
from scheduling.domain.stand import StandDetails
from wanderamt.contracts import AppointmentMoved


@pytest.mark.parametrize(("lang", "title"), [("de", "Heute schon zu oft verschoben"), ("en", "Moved too often today")])
async def test_the_eleventh_move_of_a_day_is_refused(
    public_env: PublicEnv, details: StandDetails, lang: str, title: str
) -> None:
    stand = await public_env.stand(details)
    times = await public_env.times(stand)
    async with public_env.citizen() as http:
        booked = await public_env.book(http, stand, times[0], phone="+436601234567")
        token = (await http.post("/public/appointments/look-up", json=code_of(booked))).json()["token"]
        body = {"token": token, "stand_id": str(stand.id)}
        replies = [
            await http.post("/public/appointments/move", json=body | {"starts_at": times[number // 2 % 2].isoformat()})
            for number in range(2, 26)  # each second one to where it is already, which counts for nothing
        ]
        refused = [reply.json().get("code") for reply in replies if reply.status_code == 429]
        assert [reply.status_code for reply in replies[:20]] == [200] * 20
        assert refused == ["appointment.too_many_moves"] * 2
        form = {"token": token, "place": f"{stand.id} {times[2].isoformat()}"}
        page = await http.post(f"/visit/appointment/move?lang={lang}", data=form)
        assert (page.status_code, title in page.text) == (429, True)
        assert len(await public_env.published(AppointmentMoved)) == 10
        public_env.clock.ahead += timedelta(days=1, minutes=1)
        token = (await http.post("/public/appointments/look-up", json=code_of(booked))).json()["token"]
        tomorrow = body | {"token": token, "starts_at": times[2].isoformat()}
        assert (await http.post("/public/appointments/move", json=tomorrow)).status_code == 200

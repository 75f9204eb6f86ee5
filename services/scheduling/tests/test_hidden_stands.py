"""To the public, a stand that was never public does not exist: no route tells it from an unknown id."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import httpx
import pytest
from public_fixtures import BORN_ISO, PublicEnv, code_of
from scheduling.domain.stand import Stand, StandDetails, StandState
from scheduling.handlers import stands
from uuid_utils.compat import uuid7
from wanderamt.kernel.ids import StandId

Ask = Callable[[httpx.AsyncClient, UUID], Awaitable[httpx.Response]]
AT = "2027-05-04T08:00:00+00:00"
CITIZEN = {"phone": "+436601234567", "born": BORN_ISO, "consent": "2026-1"}
ROUTES: dict[str, Ask] = {
    "page": lambda http, id_: http.get(f"/visit/{id_}"),
    "display": lambda http, id_: http.get(f"/visit/{id_}/display"),
    "times": lambda http, id_: http.get(f"/public/stands/{id_}/times", params={"service": "active_pass"}),
    "hold": lambda http, id_: http.post(
        f"/public/stands/{id_}/holds", json={"service": "active_pass", "starts_at": AT}
    ),
    "hold on the page": lambda http, id_: http.post(f"/visit/{id_}/hold", data={"service": "active_pass", "time": AT}),
    "wait on the page": lambda http, id_: http.post(f"/visit/{id_}/wait", data={"service": "active_pass", **CITIZEN}),
}


async def never_public(env: PublicEnv, details: StandDetails, state: StandState) -> UUID:
    """A draft, a planned stand, or a draft that was cancelled."""
    id_, made_as = StandId(uuid7()), StandState.DRAFT if state is StandState.CANCELLED else state
    async with env.database.unit_of_work() as uow:
        made = await stands.schedule_stand(id_, details, uow, context=env.context, state=made_as)
        assert isinstance(made, Stand)
        if state is StandState.CANCELLED:
            assert isinstance(await stands.cancel_stand(id_, uow, reason="no crew"), Stand)
    return id_


@pytest.mark.parametrize("state", [StandState.DRAFT, StandState.PLANNED, StandState.CANCELLED])
async def test_no_public_route_tells_a_stand_that_was_never_public_from_an_unknown_one(
    public_env: PublicEnv, details: StandDetails, elsewhere: StandDetails, state: StandState
) -> None:
    hidden, unknown = await never_public(public_env, details, state), uuid7()
    shown = await public_env.stand(elsewhere)
    async with public_env.citizen() as http:
        for name, ask in ROUTES.items():
            of_hidden, of_unknown = await ask(http, hidden), await ask(http, unknown)
            assert (name, of_hidden.status_code) == (name, 404)
            assert (name, of_hidden.text) == (name, of_unknown.text)
        booked = await public_env.book(http, shown, elsewhere.starts_at, phone=CITIZEN["phone"])
        own = (await http.post("/public/appointments/look-up", json=code_of(booked))).json()
        for id_ in (hidden, unknown):
            wish = {"token": own["token"], "stand_id": str(id_), "starts_at": AT}
            moved = await http.post("/public/appointments/move", json=wish)
            assert (moved.status_code, moved.json()["code"]) == (404, "stand.not_found")
        for path in ("/calendar.ics", "/public/stands", "/visit"):
            assert details.place not in (await http.get(path)).text


async def test_a_public_stand_that_was_cancelled_stays_in_the_calendars(
    public_env: PublicEnv, details: StandDetails
) -> None:
    stand = await public_env.stand(details)
    async with public_env.database.unit_of_work() as uow:
        await stands.cancel_stand(stand.id, uow, reason="storm")
    async with public_env.citizen() as http:
        assert details.place in (await http.get("/calendar.ics")).text
        assert (await http.get(f"/visit/{stand.id}")).status_code == 200

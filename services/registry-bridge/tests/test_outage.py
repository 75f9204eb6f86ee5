"""An hour without the register, compressed by the clock: what waited drains in order, at the pace it bears.

A run of the continuous integration has 400 requests; REQUESTS=5000 is the whole of it, some two minutes.
"""

import asyncio
import os
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

from connector_kit.breaker import Phase
from registry_bridge.bridges.residents.simulator import ResidentsKnobs, Simulator
from registry_bridge.store.registers import find_register
from uuid_utils.compat import uuid7

REQUESTS = int(os.environ.get("REQUESTS", "400"))
A_CASE = 4
PERSON = {"given_name": "Zoë", "family_name": "Hadžić", "birth_date": "1990-04-01"}
QUIET = ResidentsKnobs(latency_s=0.01, jitter_s=0)
MINUTE = timedelta(minutes=1)


async def test_what_waited_for_an_hour_drains_in_order_within_the_pace_and_no_try_is_burned(
    serve: Any, open_house: Any
) -> None:
    register = Simulator(None, QUIET.model_copy(update={"down": True}))
    async with open_house({"residents": await serve(register)}) as house:
        asked = await ask_all(house)
        await until_open(house)
        for _ in range(60):
            await at_rest(house)
            house.ahead += MINUTE
            await asyncio.sleep(0.05)
        await at_rest(house)
        during = register.seen.calls.total()
        assert await tries(house) == during  # every try was a call: none was spent on waiting
        assert during <= 11 + 10 + 60  # a full lane, the breaker's least, a probe a minute

        register.seen.at.clear()
        calls_before = Counter(register.seen.calls)
        register.knobs = QUIET
        house.ahead += MINUTE
        await drained(house)
        limits = house.manifests["residents"].limits
        assert register.seen.most_in_a_second() <= limits.rate_per_s + 1
        assert register.seen.most_together <= limits.concurrency
        after = Counter(register.seen.calls) - calls_before
        assert set(after) == {str(one) for ids in asked.values() for one in ids}
        assert max(after.values()) == 1
        for ids in asked.values():
            answered = await house.rows(
                "SELECT request_id FROM request WHERE request_id = ANY($1::uuid[]) ORDER BY answered_at", ids
            )
            assert [row["request_id"] for row in answered] == ids


async def ask_all(house: Any) -> dict[UUID, list[UUID]]:
    """Ids of requests by case, in the order in which they were asked."""
    asked: dict[UUID, list[UUID]] = {uuid7(): [] for _ in range(REQUESTS // A_CASE)}
    for _ in range(A_CASE):
        events = [house.request("residents", "confirm_residence", PERSON, case_id=case_id) for case_id in asked]
        await house.take(*events)
        for event in events:
            asked[event.case_id].append(event.request_id)
    return asked


async def until_open(house: Any) -> None:
    async with asyncio.timeout(30):
        while True:
            async with house.database.work() as work:
                state, _ = await find_register(work, "residents")
            if state.breaker.phase is not Phase.CLOSED:
                return
            await asyncio.sleep(0.05)


async def at_rest(house: Any) -> None:
    """No call is under way: the clock may jump."""
    async with asyncio.timeout(30):
        while await house.rows("SELECT 1 FROM job WHERE lease IS NOT NULL"):
            await asyncio.sleep(0.01)


async def tries(house: Any) -> int:
    [row] = await house.rows("SELECT sum(attempts)::int AS tries FROM job")
    return int(row["tries"])


async def drained(house: Any) -> None:
    async with asyncio.timeout(REQUESTS / 10 + 60):
        while await house.rows("SELECT 1 FROM request WHERE state = 'waiting' LIMIT 1"):
            await asyncio.sleep(0.2)

"""An expired hold releases the places that it has when it is dropped, not those that it had when it was read."""

import asyncio
from dataclasses import replace

from scheduling.domain.appointment import SLOT
from scheduling.domain.stand import StandDetails
from scheduling.handlers import expiry, stands
from scheduling_fixtures import SchedulingEnv


async def test_a_hold_that_expires_while_its_stand_moves_frees_no_place_of_another_citizen(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    env = scheduling_env
    stand = await env.stand(details)
    await env.book(stand, details.starts_at)
    await env.held(stand, details.starts_at + 2 * SLOT)
    await env.rows("UPDATE appointment SET hold_until = now() - interval '1 s' WHERE state = 'held' RETURNING 1")
    later = replace(details, starts_at=details.starts_at + 2 * SLOT, ends_at=details.ends_at + 2 * SLOT)

    async def release() -> None:
        async with env.database.unit_of_work() as uow:
            await expiry.release_holds(uow)

    async with env.database.unit_of_work() as uow:
        await stands.move_stand(stand.id, later, uow, reason="later", context=env.context)
        released = asyncio.create_task(release())
        await asyncio.sleep(0.5)  # it has read the hold and waits for the slots
        assert not released.done()
    await released
    booked = "SELECT starts_at FROM slot WHERE booked > 0 ORDER BY starts_at"
    citizens = [later.starts_at, later.starts_at + SLOT]
    assert [row["starts_at"] for row in await env.rows(booked)][:2] == citizens, "the citizen's places are taken"
    await release()
    assert [row["starts_at"] for row in await env.rows(booked)] == citizens, "and the hold's are free"

"""The queue in the database: one number at one desk, tickets from devices that were offline."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from scheduling.domain.queue import TicketState, Waiting, Way
from scheduling.domain.refusals import NOBODY_WAITS, TICKET_EXISTS
from scheduling.domain.stand import Plan
from scheduling.handlers import appointments, queue
from uuid_utils.compat import uuid7
from wanderamt.kernel.refusal import Refusal


async def test_tickets_and_appointments_are_called_in_one_order_and_each_once(office: Any, plan: Plan) -> None:
    now = office.database.sources.clock().replace(second=0, microsecond=0)
    stand = await office.stand(replace(plan, starts_at=now + timedelta(minutes=5), ends_at=now + timedelta(hours=3)))
    mine = await office.book(stand, now + timedelta(minutes=5))
    ids = [uuid7() for _ in range(3)]
    async with office.database.work() as work:
        await appointments.note_arrival(mine.id, work)
        for number, id_ in enumerate(ids):
            issued = now - timedelta(minutes=30 - 14 * number)
            refused = await queue.take_ticket(
                id_, stand.id, work, label=f"SA-{number:03}", service="active_pass", issued_at=issued
            )
            assert refused is None

    async def call(desk: str) -> Waiting | Refusal:
        async with office.database.work() as work:
            return await queue.call_next(stand.id, work, desk=desk, ground=office.ground)

    called = await asyncio.gather(*(call(str(desk)) for desk in range(5)))
    labels = [one.label for one in called if isinstance(one, Waiting)]
    assert len(labels) == len(set(labels)) == 4
    assert [one for one in called if isinstance(one, Refusal)] == [NOBODY_WAITS]
    async with office.database.work() as work:
        assert await queue.end_turn(stand.id, ids[0], Way.TICKET, TicketState.WAITING, work) is None
        assert await queue.end_turn(stand.id, mine.id, Way.APPOINTMENT, TicketState.SERVED, work) is None
        room = await queue.room(stand.id, work, ground=office.ground)
    assert not isinstance(room, Refusal)
    assert [one.label for one in room.next] == ["SA-000"]
    assert len(room.called) == 2


async def test_a_ticket_that_is_sent_twice_is_one_and_a_number_given_twice_is_refused(office: Any, plan: Plan) -> None:
    stand = await office.stand(plan)
    id_, now = uuid7(), office.database.sources.clock()
    same = {"label": "SA-001", "service": "active_pass", "issued_at": now}
    async with office.database.work() as work:
        for _ in range(2):
            assert await queue.take_ticket(id_, stand.id, work, **same) is None
        assert await queue.take_ticket(uuid7(), stand.id, work, **same) == TICKET_EXISTS

"""Walk-ins and appointments on one clock: who is next, and how long the others wait.

Everybody has a time at which they are due, fixed when they come: an appointment at its begin, a ticket ten minutes
after it was issued. So an appointment goes ahead of whoever came less than ten minutes before it, and a ticket goes
ahead of appointments that are further off; whoever is late for an appointment queues like a ticket. Due times never
change, so nobody is overtaken for ever.

Kept true: the same people in the same room give the same order on every device, with or without a network.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

LEAD = timedelta(minutes=10)  # of an appointment before a ticket that was issued at its begin
GRACE = timedelta(minutes=10)  # so late an appointment still counts as in time


class Way(StrEnum):
    TICKET = "ticket"
    APPOINTMENT = "appointment"


class TicketState(StrEnum):
    WAITING = "waiting"
    CALLED = "called"
    SERVED = "served"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Waiting:
    """`since`: issued or arrived; None: has an appointment and is not here yet. `begins`: of the appointment.
    `minutes`: their service takes. `called_at`, `desk`: once called."""

    id: UUID
    way: Way
    label: str
    service: str
    minutes: int
    since: datetime | None
    begins: datetime | None = None
    called_at: datetime | None = None
    desk: str | None = None

    @property
    def due(self) -> datetime:
        if self.begins is None:
            assert self.since  # noqa: S101 -- a ticket was issued
            return self.since + LEAD
        if self.since is None or self.since <= self.begins + GRACE:
            return self.begins
        return self.since + LEAD

    @property
    def order(self) -> tuple[datetime, str, UUID]:
        return self.due, self.label, self.id


def in_order(those: Sequence[Waiting]) -> list[Waiting]:
    """Who is here and was not called yet, the next first."""
    return sorted((one for one in those if one.since and not one.called_at), key=lambda one: one.order)


def waits(those: Sequence[Waiting], desks: int, *, now: datetime) -> dict[UUID, timedelta]:
    """How long each of those who are here still waits: the rest of the queue played through on so many desks,
    appointments that are not here yet included at their time."""
    free = [now] * max(1, desks)
    for one in those:
        if one.called_at:
            heapq.heapreplace(free, max(now, one.called_at + timedelta(minutes=one.minutes)))
    found: dict[UUID, timedelta] = {}
    coming = [one for one in those if not one.called_at and (one.since or (one.begins and one.begins >= now - GRACE))]
    for one in sorted(coming, key=lambda one: one.order):
        earliest = free[0] if one.since or not one.begins else max(free[0], one.begins)
        heapq.heapreplace(free, earliest + timedelta(minutes=one.minutes))
        if one.since:
            found[one.id] = max(timedelta(0), earliest - now)
    return found

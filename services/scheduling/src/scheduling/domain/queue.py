"""Walk-ins and appointments in one queue: the order of calling, and the estimated waits.

Every entry has a due time that is fixed when the citizen comes: an appointment's start, or ten minutes after a ticket
was issued. So an appointment goes before a ticket issued less than ten minutes before its start, and a ticket goes
before appointments that start later. A citizen who is late for an appointment queues like a walk-in. Due times never
change, so no entry can be overtaken for ever.

Invariants: the same entries give the same order on every device, with or without a network.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

TICKET_DELAY = timedelta(minutes=10)  # a ticket is due this long after it was issued
LATE_GRACE = timedelta(minutes=10)  # an appointment is on time up to this long after its start


class QueueEntryKind(StrEnum):
    TICKET = "ticket"
    APPOINTMENT = "appointment"


class TicketState(StrEnum):
    WAITING = "waiting"
    CALLED = "called"
    SERVED = "served"
    NO_SHOW = "no_show"


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """`present_since`: the ticket was issued or the citizen arrived; None for an appointment that is still to come.

    `minutes`: the time their service takes. `called_at`, `desk`: once called.
    """

    id: UUID
    kind: QueueEntryKind
    label: str
    service: str
    minutes: int
    present_since: datetime | None
    appointment_at: datetime | None = None
    called_at: datetime | None = None
    desk: str | None = None

    @property
    def due_at(self) -> datetime:
        if self.appointment_at is None:
            assert self.present_since  # noqa: S101 -- a ticket was issued
            return self.present_since + TICKET_DELAY
        if self.present_since is None or self.present_since <= self.appointment_at + LATE_GRACE:
            return self.appointment_at
        return self.present_since + TICKET_DELAY

    @property
    def sort_key(self) -> tuple[datetime, str, UUID]:
        return self.due_at, self.label, self.id


def ordered(entries: Sequence[QueueEntry]) -> list[QueueEntry]:
    """The citizens who are present and not yet called, the next one first."""
    return sorted(
        (entry for entry in entries if entry.present_since and not entry.called_at), key=lambda entry: entry.sort_key
    )


def estimated_waits(entries: Sequence[QueueEntry], desks: int, *, now: datetime) -> dict[UUID, timedelta]:
    """The wait of everybody who is present, by entry.

    Simulates the rest of the queue at so many desks, including appointments that are still to come at their time.
    """
    desk_free_at = [now] * max(1, desks)
    for entry in entries:
        if entry.called_at:
            heapq.heapreplace(desk_free_at, max(now, entry.called_at + timedelta(minutes=entry.minutes)))
    waits: dict[UUID, timedelta] = {}
    open_entries = [
        entry
        for entry in entries
        if not entry.called_at
        and (entry.present_since or (entry.appointment_at and entry.appointment_at >= now - LATE_GRACE))
    ]
    for entry in sorted(open_entries, key=lambda entry: entry.sort_key):
        earliest = desk_free_at[0]
        if not entry.present_since and entry.appointment_at:
            earliest = max(earliest, entry.appointment_at)
        heapq.heapreplace(desk_free_at, earliest + timedelta(minutes=entry.minutes))
        if entry.present_since:
            waits[entry.id] = max(timedelta(0), earliest - now)
    return waits

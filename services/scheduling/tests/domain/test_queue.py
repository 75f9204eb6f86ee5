"""Walk-ins and appointments in one queue."""

from datetime import UTC, datetime, timedelta
from random import Random

from scheduling.domain.queue import QueueEntry, QueueEntryKind, estimated_waits, ordered
from uuid_utils.compat import uuid7

TEN = datetime(2027, 5, 4, 10, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return TEN + timedelta(minutes=minutes)


def ticket(label: str, issued: int) -> QueueEntry:
    return QueueEntry(uuid7(), QueueEntryKind.TICKET, label, "active_pass", 10, at(issued))


def booked(label: str, begins: int, arrived: int | None) -> QueueEntry:
    since = None if arrived is None else at(arrived)
    return QueueEntry(uuid7(), QueueEntryKind.APPOINTMENT, label, "active_pass", 10, since, at(begins))


def test_an_appointment_goes_before_a_ticket_issued_less_than_ten_minutes_before_it() -> None:
    entries = [ticket("A-1", -11), ticket("A-2", -9), booked("X", 0, -5)]
    assert [entry.label for entry in ordered(entries)] == ["A-1", "X", "A-2"]


def test_a_late_citizen_queues_like_a_walk_in() -> None:
    entries = [ticket("A-1", 5), booked("X", 0, 12)]
    assert [entry.label for entry in ordered(entries)] == ["A-1", "X"]
    in_time = booked("Y", 0, 9)
    assert ordered([*entries, in_time])[0] is in_time


def test_no_entry_is_overtaken_for_ever() -> None:
    """A ticket's due time does not change, however many appointments follow."""
    own = ticket("A-1", 0)
    stream = [booked(str(n), n * 2, n * 2 - 1) for n in range(60)]
    ahead = [entry for entry in ordered([own, *stream]) if entry.sort_key < own.sort_key]
    assert len(ahead) == 6  # those that begin within ten minutes


def test_the_order_does_not_depend_on_the_order_of_the_list() -> None:
    entries = [ticket(f"A-{n}", n) for n in range(6)] + [booked(str(n), n * 3, n) for n in range(6)]
    right = ordered(entries)
    for seed in range(20):
        Random(seed).shuffle(entries)  # noqa: S311
        assert ordered(entries) == right


def test_the_wait_counts_citizens_at_desks_ahead_and_still_to_come() -> None:
    called = QueueEntry(uuid7(), QueueEntryKind.TICKET, "A-0", "active_pass", 10, at(-20), called_at=at(-4), desk="1")
    first, second = ticket("A-1", -15), ticket("A-2", -1)
    coming = booked("X", 5, None)
    waits_by_entry = estimated_waits([called, first, second, coming], 1, now=TEN)
    assert waits_by_entry[first.id] == timedelta(minutes=6)
    assert waits_by_entry[second.id] == timedelta(minutes=26)
    assert coming.id not in waits_by_entry
    assert estimated_waits([first, second], 2, now=TEN) == {first.id: timedelta(0), second.id: timedelta(0)}

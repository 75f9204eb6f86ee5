"""Walk-ins and appointments on one clock."""

from datetime import UTC, datetime, timedelta
from random import Random

from scheduling.domain.queue import Waiting, Way, in_order, waits
from uuid_utils.compat import uuid7

TEN = datetime(2027, 5, 4, 10, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return TEN + timedelta(minutes=minutes)


def ticket(label: str, issued: int) -> Waiting:
    return Waiting(uuid7(), Way.TICKET, label, "active_pass", 10, at(issued))


def booked(label: str, begins: int, arrived: int | None) -> Waiting:
    since = None if arrived is None else at(arrived)
    return Waiting(uuid7(), Way.APPOINTMENT, label, "active_pass", 10, since, at(begins))


def test_an_appointment_goes_ahead_of_whoever_came_less_than_ten_minutes_before_it() -> None:
    those = [ticket("A-1", -11), ticket("A-2", -9), booked("X", 0, -5)]
    assert [one.label for one in in_order(those)] == ["A-1", "X", "A-2"]


def test_who_is_late_queues_like_a_walk_in() -> None:
    those = [ticket("A-1", 5), booked("X", 0, 12)]
    assert [one.label for one in in_order(those)] == ["A-1", "X"]
    in_time = booked("Y", 0, 9)
    assert in_order([*those, in_time])[0] is in_time


def test_nobody_is_overtaken_for_ever() -> None:
    """However many appointments come, a ticket is due at a time that does not change."""
    mine = ticket("A-1", 0)
    stream = [booked(str(n), n * 2, n * 2 - 1) for n in range(60)]
    ahead = [one for one in in_order([mine, *stream]) if one.order < mine.order]
    assert len(ahead) == 6  # those that begin within ten minutes


def test_the_order_is_the_same_however_the_list_comes() -> None:
    those = [ticket(f"A-{n}", n) for n in range(6)] + [booked(str(n), n * 3, n) for n in range(6)]
    right = in_order(those)
    for seed in range(20):
        Random(seed).shuffle(those)  # noqa: S311
        assert in_order(those) == right


def test_the_wait_counts_those_at_the_desks_those_ahead_and_those_who_will_come() -> None:
    called = Waiting(uuid7(), Way.TICKET, "A-0", "active_pass", 10, at(-20), called_at=at(-4), desk="1")
    one, two = ticket("A-1", -15), ticket("A-2", -1)
    coming = booked("X", 5, None)
    found = waits([called, one, two, coming], 1, now=TEN)
    assert found[one.id] == timedelta(minutes=6)
    assert found[two.id] == timedelta(minutes=26)
    assert coming.id not in found
    assert waits([one, two], 2, now=TEN) == {one.id: timedelta(0), two.id: timedelta(0)}

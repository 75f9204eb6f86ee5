"""Which provider gets how many."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from notifications.domain.shares import Share, divide, in_turns
from notifications.domain.shares import moved as moved_by

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


def moved(share: Share, *, failing: float, open_: bool, now: datetime) -> Share:
    return moved_by(share, failing=failing, open_=open_, return_every=timedelta(minutes=5), now=now)


@given(
    st.integers(0, 500),
    st.dictionaries(st.sampled_from("abc"), st.tuples(st.floats(0, 100), st.integers(0, 300)), min_size=1),
)
def test_all_that_there_is_room_for_are_given_and_no_more(wanted: int, of: dict[str, tuple[float, int]]) -> None:
    room = {name: space for name, (_, space) in of.items()}
    given_ = divide(wanted, {name: points for name, (points, _) in of.items()}, room)
    assert sum(given_.values()) == min(wanted, sum(room.values()))
    assert all(given_[name] <= room[name] for name in of)


def test_by_weight_and_the_rest_to_whoever_has_room() -> None:
    assert divide(100, {"a": 75, "b": 25}, {"a": 500, "b": 500}) == {"a": 75, "b": 25}
    assert divide(100, {"a": 75, "b": 25}, {"a": 10, "b": 500}) == {"a": 10, "b": 90}
    assert divide(1, {"a": 75, "b": 25}, {"a": 0, "b": 1}) == {"a": 0, "b": 1}
    assert divide(1, {"a": 0.0, "b": 1e-243}, {"a": 1, "b": 1}) == {"a": 1, "b": 0}


def test_turns_are_well_mixed() -> None:
    turns = in_turns({"a": 6, "b": 2})
    assert Counter(turns) == {"a": 6, "b": 2}
    assert {"a", "b"} <= set(turns[:4])


def test_a_provider_that_fails_loses_ten_points_a_minute_and_gets_them_back_in_quiet_ones() -> None:
    share = Share.full(50)
    assert moved(share, failing=0.05, open_=False, now=NOW) == share
    share = moved(share, failing=0.2, open_=False, now=NOW)
    assert share.points == 40
    assert moved(share, failing=0.2, open_=False, now=NOW + timedelta(seconds=30)).points == 40
    share = moved(share, failing=0.2, open_=False, now=NOW + timedelta(minutes=1))
    assert share.points == 30
    share = moved(share, failing=0.0, open_=False, now=NOW + timedelta(minutes=4))
    assert share.points == 30
    share = moved(share, failing=0.0, open_=False, now=NOW + timedelta(minutes=6))
    assert share.points == 40
    assert moved(share, failing=0.0, open_=False, now=NOW + timedelta(hours=2)).points == 50


def test_one_that_is_left_alone_keeps_its_least_share_for_the_probe() -> None:
    assert moved(Share.full(50), failing=1.0, open_=True, now=NOW).points == 10
    assert moved(Share.full(5), failing=1.0, open_=True, now=NOW).points == 5

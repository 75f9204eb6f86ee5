"""How many messages each provider gets."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from notifications.domain.traffic_weights import TrafficWeight, apportion, round_robin
from notifications.domain.traffic_weights import rebalance as rebalance_after_call

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


def rebalance(weight: TrafficWeight, *, failure_rate: float, breaker_open: bool, now: datetime) -> TrafficWeight:
    interval = timedelta(minutes=5)
    return rebalance_after_call(
        weight, failure_rate=failure_rate, breaker_open=breaker_open, rebalance_interval=interval, now=now
    )


@given(
    st.integers(0, 500),
    st.dictionaries(st.sampled_from("abc"), st.tuples(st.floats(0, 100), st.integers(0, 300)), min_size=1),
)
def test_as_many_as_the_capacity_allows_are_apportioned(wanted: int, providers: dict[str, tuple[float, int]]) -> None:
    capacity = {name: space for name, (_, space) in providers.items()}
    shares = apportion(wanted, {name: weight for name, (weight, _) in providers.items()}, capacity)
    assert sum(shares.values()) == min(wanted, sum(capacity.values()))
    assert all(shares[name] <= capacity[name] for name in providers)


def test_by_weight_and_the_rest_by_free_capacity() -> None:
    assert apportion(100, {"a": 75, "b": 25}, {"a": 500, "b": 500}) == {"a": 75, "b": 25}
    assert apportion(100, {"a": 75, "b": 25}, {"a": 10, "b": 500}) == {"a": 10, "b": 90}
    assert apportion(1, {"a": 75, "b": 25}, {"a": 0, "b": 1}) == {"a": 0, "b": 1}
    assert apportion(1, {"a": 0.0, "b": 1e-243}, {"a": 1, "b": 1}) == {"a": 1, "b": 0}


def test_turns_are_evenly_mixed() -> None:
    turns = round_robin({"a": 6, "b": 2})
    assert Counter(turns) == {"a": 6, "b": 2}
    assert {"a", "b"} <= set(turns[:4])


def test_a_failing_provider_loses_ten_points_per_minute_and_regains_them_step_by_step() -> None:
    weight = TrafficWeight.full(50)
    assert rebalance(weight, failure_rate=0.05, breaker_open=False, now=NOW) == weight
    weight = rebalance(weight, failure_rate=0.2, breaker_open=False, now=NOW)
    assert weight.current == 40
    assert rebalance(weight, failure_rate=0.2, breaker_open=False, now=NOW + timedelta(seconds=30)).current == 40
    weight = rebalance(weight, failure_rate=0.2, breaker_open=False, now=NOW + timedelta(minutes=1))
    assert weight.current == 30
    weight = rebalance(weight, failure_rate=0.0, breaker_open=False, now=NOW + timedelta(minutes=4))
    assert weight.current == 30
    weight = rebalance(weight, failure_rate=0.0, breaker_open=False, now=NOW + timedelta(minutes=6))
    assert weight.current == 40
    assert rebalance(weight, failure_rate=0.0, breaker_open=False, now=NOW + timedelta(hours=2)).current == 50


def test_with_an_open_breaker_a_provider_keeps_its_lowest_weight_for_the_probe() -> None:
    assert rebalance(TrafficWeight.full(50), failure_rate=1.0, breaker_open=True, now=NOW).current == 10
    assert rebalance(TrafficWeight.full(5), failure_rate=1.0, breaker_open=True, now=NOW).current == 5

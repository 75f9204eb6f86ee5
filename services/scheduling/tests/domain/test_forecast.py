"""The forecast: recovers the factors behind the data, trusts little evidence little, and measures its error."""

from datetime import date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from scheduling.domain.coverage_model import DayBlock
from scheduling.domain.demand.forecast import Observation, fit_forecast, hours_by_block, measure_error
from uuid_utils.compat import uuid7

VIENNA = ZoneInfo("Europe/Vienna")
PLACES = {"market": 2.0, "campus": 1.0, "suburb": 0.5}
DAYS = {1: 1.5, 4: 0.8}
RATES = {"active_pass": 0.4, "voting_card": 0.1}


def history(weeks: int, *, seed: int = 1) -> list[Observation]:
    """Observations that follow the model, with random noise."""
    rng = Random(seed)  # noqa: S311
    rows = []
    for week in range(weeks):
        for place, factor in PLACES.items():
            for weekday, strength in DAYS.items():
                day, stand_id = date(2026, 1, 5) + timedelta(days=7 * week + weekday), uuid7()
                for block, by in ((DayBlock.MORNING, 1.2), (DayBlock.AFTERNOON, 0.8)):
                    for service, rate in RATES.items():
                        mean = 20 * rate * 3 * factor * strength * by
                        visits = sum(rng.random() < mean / 200 for _ in range(200))
                        rows.append(Observation(stand_id, place, day, block, service, 3.0, 20_000, visits))
    return rows


def test_the_forecast_recovers_the_factors_of_places_days_and_services() -> None:
    model = fit_forecast(history(30))
    assert model.place["market"] / model.place["suburb"] == pytest.approx(4.0, rel=0.12)
    assert model.weekday[1] / model.weekday[4] == pytest.approx(1.5 / 0.8, rel=0.12)
    assert model.rate["active_pass"] / model.rate["voting_card"] == pytest.approx(4.0, rel=0.15)
    expected = model.expected_visits(
        place="market", people=20_000, day=date(2026, 12, 1), block=DayBlock.MORNING, service="active_pass", hours=3
    )
    assert expected.visits == pytest.approx(20 * 0.4 * 3 * 2.0 * 1.5 * 1.2, rel=0.15)
    product = 1.0
    for factor in expected.factors:
        product *= factor.multiplier
    assert product == pytest.approx(expected.visits)


def test_little_evidence_moves_little() -> None:
    observations = [Observation(uuid7(), "once", date(2026, 1, 6), DayBlock.MORNING, "active_pass", 3.0, 1_000, 4)]
    model = fit_forecast(observations, {"active_pass": 0.35})
    assert 1.0 < model.place["once"] < 1.4
    untrained = fit_forecast([], {"active_pass": 0.35})
    assert untrained.expected_visits(
        place="new", people=1_000, day=date(2026, 1, 6), block=DayBlock.EVENING, service="active_pass", hours=2
    ).visits == pytest.approx(0.7)


def test_its_error_on_held_out_stands_is_smaller_than_that_of_the_average() -> None:
    error = measure_error(history(12))
    assert error.wape is not None
    assert error.naive_wape is not None
    assert error.wape < 0.5 * error.naive_wape
    assert measure_error(history(0)).wape is None


def test_hours_are_divided_into_blocks_by_local_time() -> None:
    begin = datetime(2027, 3, 28, 9, 30, tzinfo=VIENNA)
    hours = hours_by_block(begin, begin + timedelta(hours=9), VIENNA)
    assert hours == {DayBlock.MORNING: 2.5, DayBlock.AFTERNOON: 5.0, DayBlock.EVENING: 1.5}

"""The forecast: learns what is there, believes little evidence little, and says how wrong it is."""

from datetime import date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from scheduling.domain.demand.forecast import Seen, error, fit, hours_by_block
from scheduling.domain.planning import Block
from uuid_utils.compat import uuid7

VIENNA = ZoneInfo("Europe/Vienna")
PLACES = {"market": 2.0, "campus": 1.0, "suburb": 0.5}
DAYS = {1: 1.5, 4: 0.8}
RATES = {"active_pass": 0.4, "voting_card": 0.1}


def history(weeks: int, *, seed: int = 1) -> list[Seen]:
    """Made by the model itself, with chance on top."""
    chance = Random(seed)  # noqa: S311
    rows = []
    for week in range(weeks):
        for place, factor in PLACES.items():
            for weekday, strength in DAYS.items():
                day, stand_id = date(2026, 1, 5) + timedelta(days=7 * week + weekday), uuid7()
                for block, by in ((Block.MORNING, 1.2), (Block.AFTERNOON, 0.8)):
                    for service, rate in RATES.items():
                        mean = 20 * rate * 3 * factor * strength * by
                        came = sum(chance.random() < mean / 200 for _ in range(200))
                        rows.append(Seen(stand_id, place, day, block, service, 3.0, 20_000, came))
    return rows


def test_it_learns_the_places_days_and_services_that_made_the_history() -> None:
    model = fit(history(30))
    assert model.place["market"] / model.place["suburb"] == pytest.approx(4.0, rel=0.12)
    assert model.weekday[1] / model.weekday[4] == pytest.approx(1.5 / 0.8, rel=0.12)
    assert model.rate["active_pass"] / model.rate["voting_card"] == pytest.approx(4.0, rel=0.15)
    said = model.expected(
        place="market", people=20_000, day=date(2026, 12, 1), block=Block.MORNING, service="active_pass", hours=3
    )
    assert said.visits == pytest.approx(20 * 0.4 * 3 * 2.0 * 1.5 * 1.2, rel=0.15)
    product = 1.0
    for factor in said.why:
        product *= factor.by
    assert product == pytest.approx(said.visits)


def test_little_evidence_moves_little() -> None:
    one = [Seen(uuid7(), "once", date(2026, 1, 6), Block.MORNING, "active_pass", 3.0, 1_000, 4)]
    model = fit(one, {"active_pass": 0.35})
    assert 1.0 < model.place["once"] < 1.4
    nobody = fit([], {"active_pass": 0.35})
    assert nobody.expected(
        place="new", people=1_000, day=date(2026, 1, 6), block=Block.EVENING, service="active_pass", hours=2
    ).visits == pytest.approx(0.7)


def test_its_error_is_measured_on_what_it_had_not_seen_and_is_better_than_guessing_the_average() -> None:
    found = error(history(12))
    assert found.share is not None
    assert found.naive is not None
    assert found.share < 0.5 * found.naive
    assert error(history(0)).share is None


def test_hours_fall_into_blocks_by_the_clock_on_the_wall() -> None:
    begin = datetime(2027, 3, 28, 9, 30, tzinfo=VIENNA)
    found = hours_by_block(begin, begin + timedelta(hours=9), VIENNA)
    assert found == {Block.MORNING: 2.5, Block.AFTERNOON: 5.0, Block.EVENING: 1.5}

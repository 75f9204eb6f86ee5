"""Register weather: what a crew reads before it promises something to a citizen."""

from datetime import datetime, timedelta

import pytest
from connector_kit.breaker import Breaker, Phase
from connector_kit.manifest import Manifest, read_manifest
from connector_kit.pacing import Pace, held
from connector_kit.register import RegisterState
from connector_kit.weather import Sky, Waiting, weather


@pytest.fixture
def manifest(manifest_text: str) -> Manifest:
    manifest = read_manifest(manifest_text)
    assert isinstance(manifest, Manifest)
    return manifest


def test_a_register_that_answers_is_fair_and_says_how_long_it_takes(manifest: Manifest, now: datetime) -> None:
    found = weather(manifest, RegisterState(typical_s=1.0), Waiting(20, now), now=now)
    assert (found.sky, found.waiting, found.wait_s) == (Sky.FAIR, 20, 6.0)  # four at a time, one second each


def test_one_that_fails_is_down_until_it_is_asked_again(manifest: Manifest, now: datetime) -> None:
    down = RegisterState(Breaker(Phase.OPEN, until=now + timedelta(seconds=30)), typical_s=2.0)
    found = weather(manifest, down, Waiting(), now=now)
    assert (found.sky, found.wait_s, found.reason) == (Sky.DOWN, 32.0, "too many calls fail or are slow")


def test_maintenance_is_no_failure(manifest: Manifest, now: datetime) -> None:
    sunday = now - timedelta(hours=12, minutes=30)
    found = weather(manifest, RegisterState(), Waiting(), now=sunday)
    assert (found.sky, found.wait_s) == (Sky.CLOSED, 4.5 * 3600)


def test_slow_is_told_before_it_is_broken(manifest: Manifest, now: datetime) -> None:
    assert weather(manifest, RegisterState(typical_s=5.0), Waiting(), now=now).sky is Sky.SLOW


def test_a_register_that_wants_no_more_of_us_is_full(manifest: Manifest, now: datetime) -> None:
    used_up = Pace(day=now.astimezone(manifest.zone).date(), used=1000)
    assert weather(manifest, RegisterState(pace=used_up), Waiting(3, now), now=now).sky is Sky.FULL
    asked_to_wait = held(Pace(), 60, now=now)
    found = weather(manifest, RegisterState(pace=asked_to_wait), Waiting(), now=now)
    assert (found.sky, found.wait_s) == (Sky.FULL, 60.0)


def test_the_pace_of_a_busy_register_is_no_weather(manifest: Manifest, now: datetime) -> None:
    busy = Pace(free_at=now + timedelta(seconds=5))
    assert weather(manifest, RegisterState(pace=busy), Waiting(25, now), now=now).sky is Sky.FAIR


def test_a_register_that_does_not_let_us_in_is_down_and_says_why(manifest: Manifest, now: datetime) -> None:
    found = weather(manifest, RegisterState(paused="not let in (http_401)"), Waiting(), now=now)
    assert (found.sky, found.reason) == (Sky.DOWN, "not let in (http_401)")

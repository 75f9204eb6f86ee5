"""Register weather: what a crew reads before it promises something to a citizen."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from bridge_kit.breaker import Breaker, Phase
from bridge_kit.manifest import Manifest, read_manifest
from bridge_kit.pacing import Pace
from bridge_kit.weather import Sky, Waiting, weather
from wanderamt.kernel.decision import Pause


@pytest.fixture
def manifest(manifest_text: str) -> Manifest:
    manifest = read_manifest(manifest_text)
    assert isinstance(manifest, Manifest)
    return manifest


def test_a_register_that_answers_is_fair_and_says_how_long_it_takes(manifest: Manifest, now: datetime) -> None:
    found = weather(manifest, Breaker(), Pace(), Waiting(20, now, 1.0), paused=None, now=now)
    assert (found.sky, found.waiting, found.wait_s) == (Sky.FAIR, 20, 6.0)  # four at a time, one second each


def test_one_that_fails_is_down_until_it_is_asked_again(manifest: Manifest, now: datetime) -> None:
    down = Breaker(Phase.OPEN, until=now + timedelta(seconds=30))
    found = weather(manifest, down, Pace(), Waiting(0, None, 2.0), paused=Pause("fails"), now=now)
    assert (found.sky, found.wait_s, found.reason) == (Sky.DOWN, 32.0, "fails")


def test_maintenance_is_no_failure(manifest: Manifest, now: datetime) -> None:
    sunday = now - timedelta(hours=12, minutes=30)
    found = weather(manifest, Breaker(), Pace(), Waiting(0, None, 0), paused=None, now=sunday)
    assert (found.sky, found.wait_s) == (Sky.CLOSED, 4.5 * 3600)


def test_slow_is_told_before_it_is_broken(manifest: Manifest, now: datetime) -> None:
    slow = weather(manifest, Breaker(), Pace(), Waiting(0, None, 5.0), paused=None, now=now)
    assert slow.sky is Sky.SLOW
    full = weather(manifest, Breaker(), replace(Pace(), used=1000), Waiting(3, now, 1), paused=Pause("quota"), now=now)
    assert full.sky is Sky.FULL

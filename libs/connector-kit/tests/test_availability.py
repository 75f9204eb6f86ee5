"""Availability of a register, as officers see it."""

from datetime import datetime, timedelta

import pytest
from connector_kit.manifest.manifest import Manifest, read_manifest
from connector_kit.resilience.availability import AvailabilityStatus, Backlog, availability_of
from connector_kit.resilience.circuit_breaker import BreakerPhase, BreakerState
from connector_kit.resilience.rate_limit import RateLimitState, backed_off
from connector_kit.resilience.register_state import RegisterState


@pytest.fixture
def manifest(manifest_text: str) -> Manifest:
    manifest = read_manifest(manifest_text)
    assert isinstance(manifest, Manifest)
    return manifest


def test_a_working_register_is_up_with_an_estimated_wait(manifest: Manifest, now: datetime) -> None:
    availability = availability_of(manifest, RegisterState(latency_ewma_s=1.0), Backlog(20, now), now=now)
    assert (availability.status, availability.waiting, availability.wait_s) == (
        AvailabilityStatus.UP,
        20,
        6.0,
    )  # four at a time, one second each


def test_a_failing_register_is_down_until_the_next_probe(manifest: Manifest, now: datetime) -> None:
    down = RegisterState(BreakerState(BreakerPhase.OPEN, until=now + timedelta(seconds=30)), latency_ewma_s=2.0)
    availability = availability_of(manifest, down, Backlog(), now=now)
    assert (availability.status, availability.wait_s, availability.reason) == (
        AvailabilityStatus.DOWN,
        32.0,
        "too many calls failed or were slow",
    )


def test_maintenance_is_no_failure(manifest: Manifest, now: datetime) -> None:
    sunday = now - timedelta(hours=12, minutes=30)
    availability = availability_of(manifest, RegisterState(), Backlog(), now=sunday)
    assert (availability.status, availability.wait_s) == (AvailabilityStatus.MAINTENANCE, 4.5 * 3600)


def test_a_slow_register_is_reported_before_the_breaker_opens(manifest: Manifest, now: datetime) -> None:
    assert (
        availability_of(manifest, RegisterState(latency_ewma_s=5.0), Backlog(), now=now).status
        is AvailabilityStatus.SLOW
    )


def test_a_register_with_used_quota_is_throttled(manifest: Manifest, now: datetime) -> None:
    used_up = RateLimitState(day=now.astimezone(manifest.zone).date(), calls_today=1000)
    assert (
        availability_of(manifest, RegisterState(rate_limit=used_up), Backlog(3, now), now=now).status
        is AvailabilityStatus.THROTTLED
    )
    asked_to_wait = backed_off(RateLimitState(), 60, now=now)
    availability = availability_of(manifest, RegisterState(rate_limit=asked_to_wait), Backlog(), now=now)
    assert (availability.status, availability.wait_s) == (AvailabilityStatus.THROTTLED, 60.0)


def test_the_rate_limit_alone_does_not_change_the_status(manifest: Manifest, now: datetime) -> None:
    busy = RateLimitState(next_slot_at=now + timedelta(seconds=5))
    assert (
        availability_of(manifest, RegisterState(rate_limit=busy), Backlog(25, now), now=now).status
        is AvailabilityStatus.UP
    )


def test_failed_authentication_is_down_with_a_reason(manifest: Manifest, now: datetime) -> None:
    availability = availability_of(
        manifest, RegisterState(suspended_reason="authentication failed (http_401)"), Backlog(), now=now
    )
    assert (availability.status, availability.reason) == (AvailabilityStatus.DOWN, "authentication failed (http_401)")

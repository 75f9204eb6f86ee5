"""A sample manifest, and a fixed time."""

from datetime import UTC, datetime

import pytest

MANIFEST = """
version = 1
id = "parking"
owner = "Stadt Linz, traffic office"
transport = "http"
time_zone = "Europe/Vienna"
secrets = ["parking_token"]

[limits]
rate_per_s = 5
max_concurrent_calls = 4
daily_quota = 1000

[breaker]
window_s = 60
min_calls = 10
failure_share = 0.5
slow_after_s = 5
slow_share = 0.8
open_s = 30
max_open_s = 100

[[maintenance]]
days = ["sun"]
begins = "23:00:00"
ends = "04:00:00"

[operations.find_permit]
kind = "lookup"
question = "Plate"
answer = "Permit"
timeout_s = 10
deadline_s = 3600
purposes = ["parking"]
cache = { ttl_s = 60, stale_if_down_s = 3600 }

[operations.order_permit]
kind = "command"
idempotency = "by_lookup"
question = "Order"
answer = "Permit"
timeout_s = 10
deadline_s = 86400
purposes = ["parking"]
"""


@pytest.fixture(scope="session")
def manifest_text() -> str:
    return MANIFEST


@pytest.fixture(scope="session")
def now() -> datetime:
    """A Monday at noon in Vienna."""
    return datetime(2026, 11, 23, 11, 0, tzinfo=UTC)

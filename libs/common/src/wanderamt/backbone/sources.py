"""Where time, ids and chance come from. The one place that may ask the machine; everything else is handed values."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7


def utc_now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 -- the source that rule 8 sends everybody to


@dataclass(frozen=True, slots=True)
class Sources:
    """`clock` gives aware UTC times, `new_id` UUIDv7 from OS randomness, `rng` jitter (not secrets)."""

    clock: Callable[[], datetime] = utc_now
    new_id: Callable[[], UUID] = uuid7
    rng: random.Random = field(default_factory=random.Random)

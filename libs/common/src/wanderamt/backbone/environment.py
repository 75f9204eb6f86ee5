"""The source of time, ids and randomness. The only place that asks the machine for them; other code takes them as
arguments."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7


def utc_now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 -- the source that rule 8 requires


@dataclass(frozen=True, slots=True)
class Environment:
    """`clock` returns aware UTC times, `new_id` UUIDv7 from OS randomness, `rng` jitter (not for secrets)."""

    clock: Callable[[], datetime] = utc_now
    new_id: Callable[[], UUID] = uuid7
    rng: random.Random = field(default_factory=random.Random)

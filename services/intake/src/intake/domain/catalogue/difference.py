"""What changed between two editions, line by line, for whoever answers for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from intake.domain.catalogue.offer import Edition


@dataclass(frozen=True, slots=True)
class Change:
    """`before` is None for what was added, `after` for what was dropped."""

    place: str
    before: str | None
    after: str | None


def differences(old: Edition, new: Edition) -> list[Change]:
    before, after = (dict(_leaves("", one.model_dump(mode="json", by_alias=True))) for one in (old, new))
    return [
        Change(place, before.get(place), after.get(place))
        for place in dict.fromkeys([*before, *after])
        if before.get(place) != after.get(place)
    ]


def _leaves(place: str, value: Any) -> Iterator[tuple[str, str]]:
    """Parts with a code are found again by it, wherever they stand in their list."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(f"{place}.{name}" if place else name, inner)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            name = inner.get("code", position) if isinstance(inner, dict) else position
            yield from _leaves(f"{place}.{name}", inner)
    elif value is not None:
        yield place, str(value)

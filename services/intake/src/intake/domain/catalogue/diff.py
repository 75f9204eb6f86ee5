"""The differences between two editions, one line per value, for the domain expert who reviews them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from intake.domain.catalogue.service_definition import Edition


@dataclass(frozen=True, slots=True)
class EditionChange:
    """`before`: None for an added value. `after`: None for a removed one."""

    place: str
    before: str | None
    after: str | None


def diff_editions(old: Edition, new: Edition) -> list[EditionChange]:
    before, after = (dict(_leaves("", edition.model_dump(mode="json", by_alias=True))) for edition in (old, new))
    return [
        EditionChange(place, before.get(place), after.get(place))
        for place in dict.fromkeys([*before, *after])
        if before.get(place) != after.get(place)
    ]


def _leaves(place: str, value: Any) -> Iterator[tuple[str, str]]:
    """Items with a code are compared by the code, not by their position in the list."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(f"{place}.{name}" if place else name, inner)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            name = inner.get("code", position) if isinstance(inner, dict) else position
            yield from _leaves(f"{place}.{name}", inner)
    elif value is not None:
        yield place, str(value)

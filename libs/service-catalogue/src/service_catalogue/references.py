"""References to the values of a case: `moved_on`, `address.street`, `residence.since`, and `family.count` for its rows.

Values are JSON by name. A name that is missing is not known yet; null means that there is no value and will be none,
such as the answer to a question that is not asked.

Invariants: no reference fails, whatever the values are; the field app has the same rules (domain/conditions.ts).
"""

from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import Annotated, Final

from pydantic import Field, JsonValue

Values = Mapping[str, JsonValue]
Reference = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$", max_length=200)]

COUNT: Final = "count"  # the number of rows of a group, or of answers of kind several


class NotKnown(Enum):
    """The value of a reference that is not known yet."""

    NOT_KNOWN = "not known"


NOT_KNOWN: Final = NotKnown.NOT_KNOWN


def name_of(reference: str) -> str:
    """The name that the values must have, such as address in address.street."""
    return reference.partition(".")[0]


def resolve(values: Values, reference: str) -> JsonValue | NotKnown:
    """None: there is no value."""
    name, parts = _split(reference)
    if name not in values:
        return NOT_KNOWN
    value = values[name]
    for part in parts:
        if isinstance(value, list):
            value = len(value) if part == COUNT else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


@lru_cache(maxsize=4096)  # a catalogue has few, and each entry of a sync resolves a dozen
def _split(reference: str) -> tuple[str, tuple[str, ...]]:
    name, *parts = reference.split(".")
    return name, tuple(parts)

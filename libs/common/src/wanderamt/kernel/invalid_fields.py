"""Tells a caller which fields of a request are invalid, without their values.

Invariants: the sentences are printable and short, whatever names the caller has sent.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

MAX_FIELDS: Final = 50
MAX_PLACE: Final = 200  # characters of a field's path
MAX_REASON: Final = 300


def invalid_fields(errors: Iterable[Mapping[str, Any]], *, skip: int = 0) -> tuple[str, ...]:
    """A sentence for each of the first errors of a pydantic ValidationError. `skip`: leading parts of each place."""
    sentences = (
        f"{_printable('.'.join(map(str, error['loc'][skip:])), MAX_PLACE)}: {_printable(error['msg'], MAX_REASON)}"
        for error in errors
    )
    return tuple(sentence for sentence, _ in zip(sentences, range(MAX_FIELDS), strict=False))


def _printable(text: str, limit: int) -> str:
    """Half of a surrogate pair, for example, has no form in UTF-8."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text[:limit])

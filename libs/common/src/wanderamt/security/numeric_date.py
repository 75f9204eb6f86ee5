"""Times in signed tokens."""

import math


def numeric_date(value: object) -> float:
    """Unix time in seconds of a NumericDate (RFC 7519). Raises ValueError for anything but a finite number, and
    OverflowError for an integer that no float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("not a time")
    return float(value)

"""Numbers: integers, decimals as text with a point, and amounts of money in cents.

JSON has one kind of number: 5.0 is the integer 5, and -0 is 0. A truth value is no number.
"""

import math
import re
from decimal import Decimal
from typing import Final

from service_catalogue.facts.faults import FactFault
from service_catalogue.facts.tables import MAX_EXACT_INT, tables
from service_catalogue.facts.texts import WRONG_TYPE, check_typed

MAX_INTEGER_DIGITS: Final = 12  # of a decimal
MAX_DECIMAL: Final = 10**MAX_INTEGER_DIGITS - 1
MAX_CENTS: Final = 10**12
HUGE: Final = 10**20  # stands for each number beyond every bound; JSON's 1e400 is infinite
_INTEGER: Final = re.compile(r"-?[0-9]+")
_DECIMAL: Final = re.compile(r"(-?)([0-9]+)(?:[.,]([0-9]+))?")
_EURO: Final = re.compile(r"(-?)([0-9]+|[0-9]{1,3}(?:[. ][0-9]{3})+(?=,|$))(?:[.,]([0-9]{2}|-))?")
_AMBIGUOUS: Final = re.compile(r"-?[0-9]{1,3}\.[0-9]{3}")  # thousands, or a third decimal place
_CURRENCY: Final = re.compile(r"^(?:€|EUR) ?| ?(?:€|EUR)$")


def check_integer(value: object, minimum: int | None, maximum: int | None) -> int | FactFault:
    number = _whole(value) if isinstance(value, int | float) else _typed_integer(value)
    if isinstance(number, FactFault):
        return number
    low = -MAX_EXACT_INT if minimum is None else minimum
    return _outside(number, low, MAX_EXACT_INT if maximum is None else maximum) or number


def check_decimal(value: object, minimum: int | None, maximum: int | None, *, places: int | None) -> str | FactFault:
    """Such as "-12.5": without needless zeros."""
    text = _decimal_text(value)
    if isinstance(text, FactFault):
        return text
    match = _DECIMAL.fullmatch(text.replace("−", "-"))
    if not match:
        return FactFault("decimal.form")
    sign, whole, fraction = match[1], match[2].lstrip("0") or "0", (match[3] or "").rstrip("0")
    most = tables().limits["places"]["usual"] if places is None else places
    low = -MAX_DECIMAL if minimum is None else minimum
    high = MAX_DECIMAL if maximum is None else maximum
    if len(whole) > MAX_INTEGER_DIGITS:
        return (
            FactFault("number.too_small", values={"min": low})
            if sign
            else FactFault("number.too_large", values={"max": high})
        )
    if len(fraction) > most:
        return FactFault("decimal.places", values={"max": most})
    digits = f"{whole}.{fraction}" if fraction else whole
    canonical = digits if digits == "0" else sign + digits
    return _outside(Decimal(canonical), low, high) or canonical


def check_money(value: object, minimum: int | None, maximum: int | None) -> int | FactFault:
    """Cents. A number is in cents; a text is in euros as people type it: "1.234,50", "€ 12". Not negative, unless
    `minimum` is."""
    cents = _whole(value) if isinstance(value, int | float) else _typed_euros(value)
    if isinstance(cents, FactFault):
        return FactFault("money.form") if cents.code == "integer.form" else cents
    low = 0 if minimum is None else max(minimum, -MAX_CENTS)
    high = MAX_CENTS if maximum is None else min(maximum, MAX_CENTS)
    if cents < low:
        return FactFault("money.too_small", values=_euros(low))
    return FactFault("money.too_large", values=_euros(high)) if cents > high else cents


def _whole(value: float) -> int | FactFault:
    if isinstance(value, bool):
        return WRONG_TYPE
    if isinstance(value, int):
        return value
    if math.isinf(value):
        return HUGE if value > 0 else -HUGE
    return int(value) if value.is_integer() else FactFault("integer.form")


def _typed_integer(value: object) -> int | FactFault:
    text = check_typed(value)
    if isinstance(text, FactFault):
        return text
    text = text.replace("−", "-")
    return int(text) if _INTEGER.fullmatch(text) else FactFault("integer.form")


def _decimal_text(value: object) -> str | FactFault:
    if not isinstance(value, int | float):
        return check_typed(value)
    if isinstance(value, bool):
        return WRONG_TYPE
    if abs(value) > MAX_DECIMAL + 1:  # the digits of a huge number are not written out
        return str(-HUGE if value < 0 else HUGE)
    return format(Decimal(repr(value)), "f") if isinstance(value, float) else str(value)


def _typed_euros(value: object) -> int | FactFault:
    text = check_typed(value)
    if isinstance(text, FactFault):
        return text
    match = _EURO.fullmatch(_CURRENCY.sub("", text.replace("−", "-")))
    if not match or _AMBIGUOUS.fullmatch(match[0]):
        return FactFault("money.form")
    euros = match[2].replace(".", "").replace(" ", "")
    cents = int(euros) * 100 + (int(match[3]) if match[3] and match[3] != "-" else 0)
    return -cents if match[1] else cents


def _euros(cents: int) -> dict[str, str | int]:
    """For a sentence, which puts a comma or a point between them."""
    return {"euros": f"{'-' if cents < 0 else ''}{abs(cents) // 100}", "cents": f"{abs(cents) % 100:02}"}


def _outside(number: int | Decimal, low: int, high: int) -> FactFault | None:
    if number < low:
        return FactFault("number.too_small", values={"min": low})
    return FactFault("number.too_large", values={"max": high}) if number > high else None

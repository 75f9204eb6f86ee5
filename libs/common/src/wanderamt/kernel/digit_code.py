"""Codes of six digits that are sent to a telephone number or e-mail address and typed back by a person.

They are short: whoever checks one bounds its lifetime and its tries.
"""

from typing import Final

DIGITS: Final = 6


def format_digit_code(random: bytes) -> str:
    """`random`: at least 8 bytes."""
    return f"{int.from_bytes(random[:8]) % 10**DIGITS:0{DIGITS}}"


def normalise_digit_code(text: str) -> str:
    """As people type it: with blanks or hyphens."""
    return "".join(text.replace("-", " ").split())

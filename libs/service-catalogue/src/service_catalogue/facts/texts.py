"""Texts: in normal form C, with single blanks, of characters that documents print.

A text longer than its bound is never read character by character.
"""

from collections.abc import Iterable
from typing import Final

from wanderamt.kernel.line_text import (
    MAX_LENGTH,
    MAX_MARKS,
    clean_line,
    first_unprintable,
    has_stacked_marks,
    line_fault,
)

from service_catalogue.facts.faults import FactFault
from service_catalogue.facts.tables import tables
from service_catalogue.latin_letters import is_latin

WRONG_TYPE: Final = FactFault("fact.wrong_type")
MISSING: Final = FactFault("fact.missing")
_CAPITALS: Final = str.maketrans("abcdefghijklmnopqrstuvwxyzäöü", "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÜ")


def check_line(value: object, max_length: int) -> str | FactFault:
    """A text of one line, of `max_length` characters at most; empty if it has only blanks."""
    if not isinstance(value, str):
        return WRONG_TYPE
    if len(value) > MAX_LENGTH:
        return FactFault("text.too_long", values={"max": max_length})
    line = " ".join(part for part in clean_line(value).split(" ") if part)
    if fault := _character_fault(line):
        return fault
    if len(line) > max_length:
        return FactFault("text.too_long", values={"max": max_length})
    return line


def check_long_text(value: object, max_length: int) -> str | FactFault:
    """A text of several lines, joined by line feeds. Empty lines at both ends go; the place of a fault is its line."""
    if not isinstance(value, str):
        return WRONG_TYPE
    if len(value) > MAX_LENGTH:
        return FactFault("text.too_long", values={"max": max_length})
    most = tables().limits["lines"]
    typed = value.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ").split("\n")
    lines: list[str] = []
    for number, text in enumerate(typed, start=1):
        line = check_line(text, max_length)
        if isinstance(line, FactFault):
            return line.inside(str(number))
        lines.append(line)
    text = "\n".join(lines).strip("\n")
    if text.count("\n") >= most:
        return FactFault("text.too_many_lines", values={"max": most})
    if len(text) > max_length:
        return FactFault("text.too_long", values={"max": max_length})
    return text


def check_name(value: object) -> str | FactFault:
    """A name in Latin letters."""
    name = check_line(value, tables().limits["name"])
    if isinstance(name, FactFault):
        return name
    return name if is_latin(name) else FactFault("text.not_latin")


def check_typed(value: object) -> str | FactFault:
    """A short text that a rule reads on: a number, a date, a code."""
    return check_line(value, tables().limits["typed"])


def capitals(text: str) -> str:
    """Small letters a to z and umlauts as capitals. Other letters stay: the capital of ı would be I."""
    return text.translate(_CAPITALS)


def is_blank(value: object) -> bool:
    """Whether the citizen gave no answer."""
    return value is None or (isinstance(value, str) and not value.strip(" \t\r\n"))


def unknown_key(value: dict[str, object], keys: Iterable[str]) -> FactFault | None:
    """A key may be of any length, so the fault does not repeat it."""
    return None if value.keys() <= set(keys) else FactFault("fact.unknown_part")


def _character_fault(line: str) -> FactFault | None:
    if not line_fault(line):
        return None
    place = first_unprintable(line)
    if place is not None:
        return FactFault("text.character", values={"position": place + 1, "character": f"U+{ord(line[place]):04X}"})
    return (
        FactFault("text.accents", values={"max": MAX_MARKS})
        if has_stacked_marks(line)
        else FactFault("text.accent_first")
    )

"""Texts of one line that people type and outputs show: on documents, pages, in calendars, spreadsheets and messages.

Invariants: what `LineText` accepts, every output shows unchanged; `as_printable` and `as_line` make every other text
fit to be shown, such as one that was stored before the rule or comes from a register. A replaced character stays
visible. Nothing here raises for any text, lone surrogates included.

The fonts of the documents decide which characters are accepted: `printable_characters` holds their coverage.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Annotated, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from wanderamt.kernel.printable_characters import RANGES

REPLACEMENT: Final = "\N{WHITE SQUARE}"
MAX_LENGTH: Final = 4000  # of any such text, since the rule reads every character
MAX_MARKS: Final = 2  # accents on one letter: more of them cover the lines above and below
FAULT: Final = "text_character"  # the type of a pydantic error
AS_STORED: Final = {"text_as_stored": True}  # a pydantic context: the text was accepted once and is not judged again
NO_CONTROLS: Final = r"^[^\x00-\x1f\x7f-\x9f]*$"  # what a JSON schema can say of the rule

_PRINTABLE: Final = frozenset(chr(code) for first, last in RANGES for code in range(first, last + 1))
_PLAIN: Final = re.compile(  # a text of these needs no cleaning and has no fault
    r"(?! )["
    + "".join(
        re.escape(char)
        for char in sorted(_PRINTABLE)
        if unicodedata.is_normalized("NFC", char) and (char == " " or unicodedata.category(char)[0] not in "MZ")
    )
    + rf"]{{0,{MAX_LENGTH}}}(?<! )"
)
_NAMES: Final = {"\0": "NULL", "\t": "TAB", "\n": "LINE FEED", "\r": "CARRIAGE RETURN", "\x1b": "ESCAPE"}
_BREAKS: Final = frozenset("\t\n\v\f\r\x85\u2028\u2029")


def clean_line(text: str) -> str:
    """The text in normal form C, trimmed, every kind of space as a space. Apply it before `line_fault`."""
    if text.isascii() or len(text) > MAX_LENGTH or has_stacked_marks(text):
        return text.strip(" ")  # `line_fault` refuses a stack; to normalise a long one takes quadratic time
    spaced = "".join(" " if unicodedata.category(char) == "Zs" else char for char in text)
    return unicodedata.normalize("NFC", spaced).strip(" ")


def line_fault(text: str) -> str:
    """Why outputs cannot show this text, naming the first such character. Empty: they can."""
    if len(text) > MAX_LENGTH:
        return f"it has more than {MAX_LENGTH} characters; shorten it"
    if text.isascii() and text.isprintable():
        return ""  # also the empty text
    place = first_unprintable(text)
    if place is not None:
        return f"character {place + 1} is {name_of(text[place])}, which documents cannot print; replace it"
    if has_stacked_marks(text):
        return f"a letter has more than {MAX_MARKS} accents; write it with fewer"
    if _is_mark(text[0]):
        return f"it begins with {name_of(text[0])}, which belongs to a letter; write the letter before it"
    return ""


def first_unprintable(text: str) -> int | None:
    """The index of the first character that the fonts of the documents lack. None: they have all of them."""
    return next((place for place, char in enumerate(text) if char not in _PRINTABLE), None)


def has_stacked_marks(text: str) -> bool:
    """Whether a letter has more than MAX_MARKS accents."""
    run = 0
    for char in text:
        run = run + 1 if _is_mark(char) else 0
        if run > MAX_MARKS:
            return True
    return False


def as_printable(text: str) -> str:
    """The text as documents print it: what their fonts lack is replaced by a similar character or by REPLACEMENT."""
    if text.isascii() and text.isprintable():
        return text
    normal = unicodedata.normalize("NFC", _without_stacked_marks(text))
    return "".join(map(_printed, normal)).strip(" ")


def without_marks(text: str) -> str:
    """With a visible sign for each accent that has no character together with its letter."""
    return "".join(REPLACEMENT if _is_mark(char) else char for char in text)


def as_line(text: str) -> str:
    """The text as one line for outputs that need no font: line breaks become spaces, control characters and those that
    hide or reorder their neighbours REPLACEMENT."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))


def name_of(char: str) -> str:
    """Such as 'U+FF1D FULLWIDTH EQUALS SIGN'."""
    name = unicodedata.name(char, "") or _NAMES.get(char, "") or _kind(char)
    return f"U+{ord(char):04X} {name}"


class _LineRule:
    """The rule as pydantic applies it. An empty text is left to `min_length`; one of spaces alone is refused."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"pattern": NO_CONTROLS, **handler(schema)}

    def _checked(self, text: str, info: ValidationInfo) -> str:
        return text if _PLAIN.fullmatch(text) or info.context == AS_STORED else checked_line(text)


def checked_line(text: str) -> str:
    """The cleaned text. Raises PydanticCustomError, a ValueError, with the reason."""
    if _PLAIN.fullmatch(text):
        return text
    line = clean_line(text)
    fault = line_fault(line) or ("it has only spaces; write a text" if text and not line else "")
    if fault:
        raise PydanticCustomError(FAULT, "{fault}", {"fault": fault})
    return line


ONE_LINE: Final = _LineRule()
LineText = Annotated[str, ONE_LINE]
"""A text of one line that outputs show. Bounds are added with `Field`; on a hot path write
`Annotated[str, Field(max_length=…), ONE_LINE]`, whose bounds pydantic checks without calling Python."""


@lru_cache(maxsize=4096)
def _printed(char: str) -> str:
    if char in _PRINTABLE:
        return char
    if char in _BREAKS or unicodedata.category(char) == "Zs":
        return " "
    similar = unicodedata.normalize("NFKC", char)
    return similar if all(part in _PRINTABLE for part in similar) else REPLACEMENT


@lru_cache(maxsize=4096)
def _shown(char: str) -> str:
    if char in _BREAKS:
        return " "
    return REPLACEMENT if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Cn"} else char


def _is_mark(char: str) -> bool:
    return unicodedata.category(char)[0] == "M"


def _without_stacked_marks(text: str) -> str:
    """The first MAX_MARKS marks of each letter, and a visible sign for the others."""
    kept, run = [], 0
    for char in text:
        run = run + 1 if _is_mark(char) else 0
        if run <= MAX_MARKS:
            kept.append(char)
        elif run == MAX_MARKS + 1:
            kept.append(REPLACEMENT)
    return "".join(kept)


def _kind(char: str) -> str:
    kinds = {"Cc": "(a control character)", "Cs": "(half of a character)", "Co": "(a private character)"}
    return kinds.get(unicodedata.category(char), "(no character)")

"""Names that registers can store and documents can print.

European registers accept the Latin letters of DIN 91379 with their diacritical marks, and no other script. The standard
lists some 900 letters and sequences; this module accepts all letters of their Unicode blocks, which is slightly more.
The fonts of the documents have glyphs for all of them (a test prints them).
"""

import unicodedata
from functools import lru_cache
from itertools import chain

SEPARATORS = frozenset(" '’ʼ-‐.,/()`´·")
MARKS = range(0x0300, 0x0370)  # combining diacritical marks
LETTERS = tuple(chain(range(0x0041, 0x02B0), range(0x1E00, 0x1F00)))


def is_latin(name: str) -> bool:
    return name.isascii() or all(map(_fits, unicodedata.normalize("NFC", name)))


@lru_cache(maxsize=4096)
def _fits(letter: str) -> bool:
    separator_or_mark = letter in SEPARATORS or ord(letter) in MARKS
    return separator_or_mark or (ord(letter) in LETTERS and unicodedata.name(letter, "").startswith("LATIN "))

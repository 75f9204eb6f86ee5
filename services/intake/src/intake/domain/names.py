"""Which names a register can write down and a paper can show.

European registers take the Latin letters of DIN 91379 with their marks, and no other script. The standard lists some
900 letters and sequences; this takes every letter of the blocks they are from, which is a little more. All of it has
glyphs in the fonts that papers are printed with (a test prints it).
"""

import unicodedata
from functools import lru_cache
from itertools import chain

BETWEEN = frozenset(" '’ʼ-‐.,/()`´·")
MARKS = range(0x0300, 0x0370)  # combining diacritical marks
LETTERS = tuple(chain(range(0x0041, 0x02B0), range(0x1E00, 0x1F00)))


def is_latin(name: str) -> bool:
    return name.isascii() or all(map(_fits, unicodedata.normalize("NFC", name)))


@lru_cache(maxsize=4096)
def _fits(letter: str) -> bool:
    known = letter in BETWEEN or ord(letter) in MARKS
    return known or (ord(letter) in LETTERS and unicodedata.name(letter, "").startswith("LATIN "))

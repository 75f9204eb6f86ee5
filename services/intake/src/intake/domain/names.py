"""Which names a register can write down.

European registers take the Latin letters of DIN 91379 with their marks, and no other script. The standard lists some
900 letters and sequences; this takes every letter that Unicode calls Latin, which is a little more.
"""

import unicodedata
from functools import lru_cache

BETWEEN = frozenset(" '’ʼ-‐.,/()`´·")
MARKS = range(0x0300, 0x0370)  # combining diacritical marks


def is_latin(name: str) -> bool:
    return name.isascii() or all(map(_fits, unicodedata.normalize("NFC", name)))


@lru_cache(maxsize=4096)
def _fits(letter: str) -> bool:
    return letter in BETWEEN or ord(letter) in MARKS or unicodedata.name(letter, "").startswith("LATIN ")

"""Finds the characters that typst's own fonts print, by printing them. Run it after an update of typst (two minutes):

    .venv/bin/python -m intake.documents_pdf.font_coverage libs/common/src/wanderamt/kernel/printable_characters.py

Left out, although a font may have them: characters that nobody sees or that hide or reorder others, and letters of
scripts from right to left, because a line of both directions can be read in two ways.
"""

import sys
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import typst

from intake.documents_pdf.render_process import PDF_STANDARD

PAGE: Final = """
#set document(date: datetime(year: 2026, month: 1, day: 1))
#set page(width: 200cm, height: auto)
#sys.inputs.at("text")
#text(weight: "bold", sys.inputs.at("text"))
"""
LAST: Final = 0xFFFF
BATCH: Final = 256
INVISIBLE: Final = frozenset(
    map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x2800, 0x3164, *range(0xFE00, 0xFE10)))
)
RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})
MODULE: Final = '''"""What the documents' fonts print, by range. Made by intake.documents_pdf.font_coverage."""

from typing import Final

# fmt: off
RANGES: Final = (
%s
)
# fmt: on
'''
LINE_LENGTH: Final = 120


class FontCoverage:
    def __init__(self, folder: Path) -> None:
        page = folder / "page.typ"
        page.write_text(PAGE, "utf-8")
        self._compiler = typst.Compiler(page, ignore_system_fonts=True)

    def printed(self, characters: Sequence[str]) -> Iterator[str]:
        """Those that the fonts have."""
        if not characters or self._prints(characters):
            yield from characters
        elif len(characters) > 1:
            middle = len(characters) // 2
            yield from self.printed(characters[:middle])
            yield from self.printed(characters[middle:])

    def _prints(self, characters: Sequence[str]) -> bool:
        text = " ".join(f"a{char}" if unicodedata.category(char)[0] == "M" else char for char in characters)
        try:
            self._compiler.compile(format="pdf", sys_inputs={"text": text}, pdf_standards=[PDF_STANDARD])
        except typst.TypstError:
            return False
        return True


def candidates(first: int = 0x20, last: int = LAST) -> list[str]:
    return [char for char in map(chr, range(first, last + 1)) if _may_be_shown(char)]


def _may_be_shown(char: str) -> bool:
    if char == " ":
        return True
    hidden = unicodedata.category(char)[0] in "CZ" or char in INVISIBLE
    of_other_font = unicodedata.decomposition(char).startswith("<font>")  # such as a script letter L for litres
    changes = unicodedata.normalize("NFC", char) != char
    return not (hidden or of_other_font or changes or unicodedata.bidirectional(char) in RIGHT_TO_LEFT)


def ranges(characters: Sequence[str]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for code in map(ord, characters):
        if joined and joined[-1][1] == code - 1:
            joined[-1] = (joined[-1][0], code)
        else:
            joined.append((code, code))
    return joined


def main(target: Path) -> None:
    shown = candidates()
    with TemporaryDirectory() as folder:
        coverage = FontCoverage(Path(folder))
        printed = [
            char for begin in range(0, len(shown), BATCH) for char in coverage.printed(shown[begin : begin + BATCH])
        ]
    lines = [""]
    for first, last in ranges(printed):
        entry = f" (0x{first:04X}, 0x{last:04X}),"
        if len(lines[-1]) + len(entry) + 3 > LINE_LENGTH:
            lines.append("")
        lines[-1] += entry
    target.write_text(MODULE % "\n".join(f"   {line}" for line in lines), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

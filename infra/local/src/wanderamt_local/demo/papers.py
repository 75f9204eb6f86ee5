"""The papers of the demo as people look at them: of each kind a PDF and a picture, named after its title."""

import re
import tempfile
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import typst

DOTS_PER_INCH: Final = 110
UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
SHEET: Final = '#set page(width: 210mm, height: 297mm, margin: 0mm)\n#image("paper.pdf", page: 1)'


def save_papers(folder: Path, papers: Iterable[tuple[str, bytes]]) -> list[str]:
    """`papers`: title and PDF; of several with one title, the first. Returns the names of the files without ending."""
    folder.mkdir()
    names: list[str] = []
    for title, pdf in papers:
        name = file_name(title)
        if name in names:
            continue
        (folder / f"{name}.pdf").write_bytes(pdf)
        (folder / f"{name}.png").write_bytes(first_page(pdf))
        names.append(name)
    return sorted(names)


def first_page(pdf: bytes) -> bytes:
    """As a PNG."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "paper.pdf").write_bytes(pdf)
        (Path(folder) / "sheet.typ").write_text(SHEET, encoding="utf-8")
        picture = typst.compile(Path(folder) / "sheet.typ", format="png", ppi=DOTS_PER_INCH)
    assert isinstance(picture, bytes)  # noqa: S101 -- a document of one page
    return picture


def file_name(title: str) -> str:
    """Such as bestaetigung-der-abmeldung."""
    german = title.lower().translate(UMLAUTS)
    plain = unicodedata.normalize("NFKD", german).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")

"""Pictures of all papers, in build/papers, to look at. Nothing is printed outside of the margins."""

import asyncio
import io
from pathlib import Path

import pytest
import typst
from intake.documents_pdf.pdf_renderer import PdfRenderer
from paper_fixtures import extremes, samples
from PIL import Image, ImageOps
from pypdf import PdfReader

PICTURES = Path(__file__).parents[4] / "build" / "papers"
DOTS_PER_INCH = 110
LEFT_MM, RIGHT_MM, PAPER_MM = 25, 20, 210
TOLERANCE_MM = 0.6
TEMPLATES = ("certificate", "notice", "receipt", "card")


def save_pictures(pdf: bytes, name: str) -> list[Image.Image]:
    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / f"{name}.pdf").write_bytes(pdf)
    source = PICTURES / f"{name}.typ"
    pages: list[Image.Image] = []
    for number in range(1, len(PdfReader(io.BytesIO(pdf)).pages) + 1):
        source.write_text(f'#set page(width: 210mm, height: 297mm, margin: 0mm)\n#image("{name}.pdf", page: {number})')
        picture = typst.compile(source, format="png", ppi=DOTS_PER_INCH)
        assert isinstance(picture, bytes)
        (PICTURES / f"{name}-{number}.png").write_bytes(picture)
        pages.append(Image.open(io.BytesIO(picture)))
    source.unlink()
    return pages


def ink_mm(page: Image.Image) -> tuple[float, float]:
    """The left and the right edge of what is printed."""
    box = ImageOps.invert(page.convert("L")).point(lambda shade: shade if shade > 40 else 0).getbbox()
    assert box, "the page is empty"
    return box[0] / DOTS_PER_INCH * 25.4, box[2] / DOTS_PER_INCH * 25.4


@pytest.mark.parametrize("template", TEMPLATES)
async def test_each_paper_stays_within_its_margins(renderer: PdfRenderer, template: str) -> None:
    papers = {f"{template}-{language}": samples(language)[template] for language in ("de", "en")}
    papers |= {f"{template}-{name}": task for name, task in extremes("de", template).items()}
    for name, task in papers.items():
        pages = await asyncio.to_thread(save_pictures, await renderer.render(task), name)
        for page in pages:
            left, right = ink_mm(page)
            assert left >= LEFT_MM - TOLERANCE_MM, name
            assert right <= PAPER_MM - RIGHT_MM + TOLERANCE_MM, name

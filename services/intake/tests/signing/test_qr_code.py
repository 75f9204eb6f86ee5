"""QR codes: a reader decodes the encoded text from a picture of the code."""

import io

import pytest
import typst
from intake.domain.refusals import FILE_UNREADABLE
from intake.signing.qr_code import find_codes, to_svg
from PIL import Image

TEXT = "WA1:" + "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:" * 7


@pytest.mark.parametrize("dots_per_inch", [100, 150, 300])
def test_a_code_on_a_page_is_found_in_a_scan_of_it(dots_per_inch: int) -> None:
    page = f'#image(bytes("{to_svg(TEXT).replace(chr(34), chr(92) + chr(34))}"), width: 35mm)'
    scan = typst.compile(page.encode(), format="png", ppi=dots_per_inch)
    assert isinstance(scan, bytes)
    assert find_codes(scan) == [TEXT]


def test_a_picture_without_a_code_has_none() -> None:
    picture = io.BytesIO()
    Image.new("L", (200, 200), 255).save(picture, "PNG")
    assert find_codes(picture.getvalue()) == []


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7", b"\x89PNG\r\n\x1a\n broken"])
def test_data_that_is_no_picture_is_reported(data: bytes) -> None:
    assert find_codes(data) is FILE_UNREADABLE

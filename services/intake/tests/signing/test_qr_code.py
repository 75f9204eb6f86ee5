"""QR codes: a reader decodes the encoded text from a picture of the code."""

import io
import struct
import zlib

import pytest
import typst
from intake.domain.refusals import FILE_UNREADABLE, TOO_MANY_PIXELS
from intake.signing.qr_code import MAX_PIXELS, MAX_WHOLE_PIXELS, SEARCHED_PIXELS, find_codes, to_svg
from PIL import Image
from zxingcpp import BarcodeFormats, read_barcodes

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


def encoded(size: tuple[int, int], format_: str, **options: bool) -> bytes:
    picture = io.BytesIO()
    Image.new("L", size, 255).save(picture, format_, **options)
    return picture.getvalue()


def announcing(width: int, height: int) -> bytes:
    """A PNG with almost no content."""
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(99))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


@pytest.mark.parametrize(
    "picture",
    [
        encoded((5000, MAX_WHOLE_PIXELS // 5000 + 1), "PNG"),
        encoded((5000, MAX_WHOLE_PIXELS // 5000 + 1), "WEBP"),
        encoded((5000, MAX_WHOLE_PIXELS // 5000 + 1), "JPEG", progressive=True),
        encoded((5000, MAX_PIXELS // 5000 + 1), "JPEG"),
        announcing(12_000, 12_000),
        announcing(2**31 - 1, 2**31 - 1),
    ],
    ids=["png", "webp", "progressive", "jpeg", "header", "largest"],
)
def test_a_picture_of_too_many_pixels_is_not_decoded(picture: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("decoded"))
    assert find_codes(picture) is TOO_MANY_PIXELS


@pytest.mark.parametrize("format_", ["GIF", "PPM", "TGA", "PCX"])
def test_only_formats_of_telephones_and_scanners_are_decoded(format_: str) -> None:
    assert find_codes(encoded((200, 200), format_)) is FILE_UNREADABLE


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_large_photo_is_searched_in_a_smaller_size(format_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    page = f'#image(bytes("{to_svg(TEXT).replace(chr(34), chr(92) + chr(34))}"), width: 35mm)'
    scan = typst.compile(page.encode(), format="png", ppi=300)
    assert isinstance(scan, bytes)
    large = (4900, 6900) if format_ == "JPEG" else (3700, 5200)
    photo = io.BytesIO()
    Image.open(io.BytesIO(scan)).convert("RGB").resize(large).save(photo, format_)
    searched: list[int] = []

    def read(image: Image.Image, *, formats: BarcodeFormats) -> object:
        searched.append(image.width * image.height)
        return read_barcodes(image, formats=formats)

    monkeypatch.setattr("intake.signing.qr_code.zxingcpp.read_barcodes", read)
    assert find_codes(photo.getvalue()) == [TEXT]
    assert searched[0] <= SEARCHED_PIXELS

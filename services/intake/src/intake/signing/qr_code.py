"""QR codes: drawn as SVG for a page, and read from a picture of the page."""

import io

import zxingcpp
from PIL import Image, UnidentifiedImageError
from wanderamt.kernel.refusal import Refusal

from intake.domain.refusals import FILE_UNREADABLE

LEVEL = "M"  # error correction restores 15 %: a fold or a stain
QR = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
MAX_PIXELS = 50_000_000


def to_svg(text: str) -> str:
    """SVG. Base45 text takes the dense alphanumeric mode."""
    return str(
        zxingcpp.write_barcode_to_svg(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level=LEVEL))
    )


def find_codes(picture: bytes) -> list[str] | Refusal:
    """The texts of all QR codes in a photo or scan."""
    try:
        with Image.open(io.BytesIO(picture)) as image:
            if image.width * image.height > MAX_PIXELS:
                return FILE_UNREADABLE
            codes = zxingcpp.read_barcodes(
                image.convert("L"), formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
            )
    except (UnidentifiedImageError, OSError, ValueError):
        return FILE_UNREADABLE
    return [str(code.text) for code in codes]

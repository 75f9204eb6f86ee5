"""QR codes: drawn as SVG for a page, and found again in a picture of it."""

import io

import zxingcpp
from PIL import Image, UnidentifiedImageError
from wanderamt.kernel.refusal import Refusal

from intake.domain.refusals import FILE_UNREADABLE

LEVEL = "M"  # restores 15 %: a fold or a stain
QR = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
MAX_PIXELS = 50_000_000


def draw(text: str) -> str:
    """SVG. Text of digits, capitals and the few signs of base45 takes the dense alphanumeric mode."""
    return str(
        zxingcpp.write_barcode_to_svg(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level=LEVEL))
    )


def find(picture: bytes) -> list[str] | Refusal:
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

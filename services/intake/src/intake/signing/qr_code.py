"""QR codes: drawn as SVG for a page, and read from a picture of the page.

Invariants: a picture is decoded only if its header announces few enough pixels for its format, and searched only in a
size at which a code on a page is still sharp.
"""

import io
import math
import re
import warnings

import zxingcpp
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from wanderamt.kernel.refusal import Refusal

from intake.domain.refusals import FILE_UNREADABLE, TOO_MANY_PIXELS

LEVEL = "M"  # error correction restores 15 %: a fold or a stain
QR = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")  # of telephones and scanners; each other decoder is one more to attack
MAX_PIXELS = 50_000_000  # of a picture that is decoded in a smaller size
MAX_WHOLE_PIXELS = 20_000_000  # of one that must be decoded whole: a page at 400 dots per inch
SEARCHED_PIXELS = 12_000_000


def to_svg(text: str) -> str:
    """SVG. Base45 text takes the dense alphanumeric mode."""
    return str(
        zxingcpp.write_barcode_to_svg(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level=LEVEL))
    )


def width_of(svg: str) -> int:
    """Modules per side of a code that `to_svg` made, with its quiet zone."""
    width = re.search(r'<svg width="(\d+)"', svg)
    assert width  # noqa: S101 -- written by `to_svg`
    return int(width[1])


def find_codes(picture: bytes) -> list[str] | Refusal:
    """The texts of all QR codes in a photo or scan."""
    try:
        with warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning):
            image = Image.open(io.BytesIO(picture), formats=FORMATS)
        with image:
            if image.width * image.height > _max_pixels(image):
                return TOO_MANY_PIXELS
            codes = zxingcpp.read_barcodes(_reduced(image), formats=QR)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return TOO_MANY_PIXELS
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):  # the last one is of the decoder of PNG
        return FILE_UNREADABLE
    return [str(code.text) for code in codes]


def _max_pixels(image: Image.Image) -> int:
    """A progressive JPEG is kept whole in memory while it is decoded, also in a smaller size."""
    in_smaller_size = isinstance(image, JpegImageFile) and not image.info.get("progressive")
    return MAX_PIXELS if in_smaller_size else MAX_WHOLE_PIXELS


def _reduced(image: Image.Image) -> Image.Image:
    """In grey, with at most SEARCHED_PIXELS. The decoder of JPEG does most of it, in less time and memory."""
    factor = _reduction(image)
    image.draft("L", (image.width // factor, image.height // factor))
    grey = image.convert("L")
    factor = _reduction(grey)
    return grey.reduce(factor) if factor > 1 else grey


def _reduction(image: Image.Image) -> int:
    return math.ceil(math.sqrt(image.width * image.height / SEARCHED_PIXELS))

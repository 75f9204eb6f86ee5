"""One way to read whatever somebody holds up: a signed file, a photo of a page, the text of its code."""

import io
import json
from collections.abc import Sequence

from pyhanko.pdf_utils.reader import PdfFileReader
from wanderamt.kernel.refusal import Refusal

from intake.domain.proof import Claims, content_hash
from intake.domain.refusals import SIGNATURE_BROKEN, STAMP_MISSING
from intake.proof.authority import Trust
from intake.proof.code import find
from intake.proof.signature import HOSTILE, check_signature
from intake.proof.stamp import MAX_TEXT, PREFIX, read_stamp

STAMP_FILE, CONTENT_FILE = "stamp.txt", "content.json"  # as the templates attach them


def read_paper(paper: bytes, trusted: Sequence[Trust]) -> Claims | Refusal:
    """What a genuine one claims. Of a file everything is checked: signature, stamp, and that they fit each other."""
    if paper.startswith(b"%PDF-"):
        return _read_file(paper, trusted)
    if len(paper) <= MAX_TEXT and paper.lstrip().startswith(PREFIX.encode()):
        return read_stamp(paper.decode(errors="replace"), trusted)
    codes = find(paper)
    if isinstance(codes, Refusal):
        return codes
    stamps = [code for code in codes if code.startswith(PREFIX)]
    return read_stamp(stamps[0], trusted) if stamps else STAMP_MISSING


def _read_file(pdf: bytes, trusted: Sequence[Trust]) -> Claims | Refusal:
    signer = check_signature(pdf, trusted)
    if isinstance(signer, Refusal):
        return signer
    try:
        attached = _attached(pdf)
        text, content = attached[STAMP_FILE].decode(), json.loads(attached[CONTENT_FILE])
        printed = {str(name): str(value) for name, value in content.items()}
    except KeyError:
        return STAMP_MISSING
    except HOSTILE:
        return SIGNATURE_BROKEN
    claims = read_stamp(text, [signer])
    if isinstance(claims, Claims) and claims.content != content_hash(printed):
        return SIGNATURE_BROKEN
    return claims


def _attached(pdf: bytes) -> dict[str, bytes]:
    """Name → content of the files that the document itself says belong to it (PDF/A-3, key AF)."""
    files = PdfFileReader(io.BytesIO(pdf)).root.get("/AF", ())
    each = (files[place] for place in range(len(files)))  # by place: only so are references followed
    return {str(one["/UF"]): bytes(one["/EF"]["/F"].data) for one in each}

"""Verifies a document in any form: the signed PDF file, a photo of the page, or the text of its QR code."""

import io
import json
from collections.abc import Sequence

from pyhanko.pdf_utils.reader import PdfFileReader
from wanderamt.kernel.refusal import Refusal

from intake.domain.document_status import Claims
from intake.domain.printed_content import content_hash
from intake.domain.refusals import SEAL_MISSING, SIGNATURE_BROKEN
from intake.signing.authority import TrustedCertificate
from intake.signing.pdf_signer import HOSTILE, check_signature
from intake.signing.qr_code import find_codes
from intake.signing.qr_seal import MAX_TEXT, PREFIX, verify_seal

SEAL_FILE, CONTENT_FILE = "stamp.txt", "content.json"  # names of the attachments in the templates


def verify_document(document: bytes, trusted: Sequence[TrustedCertificate]) -> Claims | Refusal:
    """The claims of a genuine document. For a PDF file: checks signature, seal, and that the two match."""
    if document.startswith(b"%PDF-"):
        return _verify_pdf(document, trusted)
    if len(document) <= MAX_TEXT and document.lstrip().startswith(PREFIX.encode()):
        return verify_seal(document.decode(errors="replace"), trusted)
    codes = find_codes(document)
    if isinstance(codes, Refusal):
        return codes
    seals = [code for code in codes if code.startswith(PREFIX)]
    return verify_seal(seals[0], trusted) if seals else SEAL_MISSING


def _verify_pdf(pdf: bytes, trusted: Sequence[TrustedCertificate]) -> Claims | Refusal:
    signer = check_signature(pdf, trusted)
    if isinstance(signer, Refusal):
        return signer
    try:
        attachments = _attachments(pdf)
        text, printed = attachments[SEAL_FILE].decode(), content_hash(json.loads(attachments[CONTENT_FILE]))
    except KeyError:
        return SEAL_MISSING
    except HOSTILE:
        return SIGNATURE_BROKEN
    claims = verify_seal(text, [signer])
    if isinstance(claims, Claims) and claims.content != printed:
        return SIGNATURE_BROKEN
    return claims


def _attachments(pdf: bytes) -> dict[str, bytes]:
    """Associated files of the document (PDF/A-3, key AF): content by name."""
    files = PdfFileReader(io.BytesIO(pdf)).root.get("/AF", ())
    entries = (files[index] for index in range(len(files)))  # by index: only this resolves references
    return {str(entry["/UF"]): bytes(entry["/EF"]["/F"].data) for entry in entries}

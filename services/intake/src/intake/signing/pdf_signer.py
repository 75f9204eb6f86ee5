"""Signatures in PDF files: PAdES baseline B-B (ETSI EN 319 142-1), one incremental update at the end of the file."""

import io
from collections.abc import Sequence
from typing import Any

from asn1crypto import cms, keys
from asn1crypto import x509 as asn1
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import signers
from pyhanko.sign.diff_analysis import SuspiciousModification
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore
from wanderamt.kernel.refusal import Refusal

from intake.domain.refusals import FILE_UNREADABLE, SIGNATURE_BROKEN, SIGNATURE_MISSING
from intake.signing.authority import Authority, TrustedCertificate

FIELD = "Amtssignatur"
MD_ALGORITHM = "sha256"
# exceptions that PDF and ASN.1 parsers raise on hostile files
HOSTILE = (
    PdfError,
    SigningError,
    SignatureValidationError,
    SuspiciousModification,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RecursionError,
    NotImplementedError,
)
RESERVED_BYTES = 8192  # for the signature; computing its size first would double the time


class PdfSigner:
    """Signs PDF files for one authority. One page takes some 10 ms of one core."""

    def __init__(self, authority: Authority) -> None:
        certificate = asn1.Certificate.load(authority.certificate.der)
        store: Any = SimpleCertificateStore  # untyped
        self._signer = signers.SimpleSigner(certificate, keys.PrivateKeyInfo.load(authority.key_der), store())
        self._metadata = signers.PdfSignatureMetadata(
            field_name=FIELD,
            md_algorithm=MD_ALGORITHM,
            subfilter=SigSeedSubFilter.PADES,
            name=authority.certificate.name,
        )

    def sign(self, pdf: bytes) -> bytes:
        file = IncrementalPdfFileWriter(io.BytesIO(pdf.rstrip() + b"\n"))  # PDF/A requires a line end before an object
        signed = signers.PdfSigner(self._metadata, signer=self._signer).sign_pdf(file, bytes_reserved=RESERVED_BYTES)
        return bytes(signed.getbuffer())


def check_signature(pdf: bytes, trusted: Sequence[TrustedCertificate]) -> TrustedCertificate | Refusal:
    """The certificate of the signer. The signature must cover the whole file, with no change or addition after it."""
    if not pdf.startswith(b"%PDF-"):
        return FILE_UNREADABLE
    try:
        signatures = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
        if not signatures:
            return SIGNATURE_MISSING
        signature = signatures[-1]
        roots = [asn1.Certificate.load(certificate.der) for certificate in trusted]
        status = validate_pdf_signature(signature, ValidationContext(trust_roots=roots, allow_fetching=False))
        whole = status.coverage is SignatureCoverageLevel.ENTIRE_FILE and _is_canonical(pdf, signature)
        signer = status.signing_cert.dump()
    except HOSTILE:
        return SIGNATURE_BROKEN
    if not status.bottom_line or not whole:
        return SIGNATURE_BROKEN
    return next((certificate for certificate in trusted if certificate.der == signer), SIGNATURE_BROKEN)


def _is_canonical(pdf: bytes, signature: EmbeddedPdfSignature) -> bool:
    """Whether the signature's own bytes, which no signature can cover, are exactly those that `PdfSigner` writes.

    Rebuilds them from the covered parts (signed attributes, their certificate) and the signature itself.
    """
    signer = signature.signer_info
    rebuilt = cms.ContentInfo(
        {
            "content_type": "signed_data",
            "content": {
                "version": "v1",
                "digest_algorithms": [{"algorithm": MD_ALGORITHM}],
                "encap_content_info": {"content_type": "data"},
                "certificates": [signature.signer_cert],
                "signer_infos": [
                    {
                        "version": "v1",
                        "sid": {
                            "issuer_and_serial_number": {
                                "issuer": signature.signer_cert.issuer,
                                "serial_number": signature.signer_cert.serial_number,
                            }
                        },
                        "digest_algorithm": {"algorithm": MD_ALGORITHM},
                        "signed_attrs": signer["signed_attrs"],
                        "signature_algorithm": {"algorithm": f"{MD_ALGORITHM}_ecdsa"},
                        "signature": signer["signature"],
                    }
                ],
            },
        }
    ).dump()
    _, start, end, _ = signature.byte_range
    room = (end - start) // 2 - 1
    strict: bool = pdf[start:end] == b"<" + rebuilt.ljust(room, b"\0").hex().upper().encode() + b">"
    return strict

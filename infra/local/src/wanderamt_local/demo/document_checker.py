"""Checks the issued documents offline with the certificate of the authority, as an employer would."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from intake.domain.document_status import Claims, DocumentStatus, document_status
from intake.signing.authority import TrustedCertificate
from intake.signing.document_verification import verify_document
from intake.signing.qr_seal import verify_status_list
from wanderamt.kernel.refusal import Refusal


@dataclass(frozen=True)
class DocumentChecker:
    """The public files: the certificate (PEM) and the signed status list of revoked documents."""

    certificate: str
    status_list: bytes

    def titles(self, documents: Iterable[bytes]) -> list[str]:
        """The kind of each paper as printed; empty for one that cannot be verified."""
        trusted = [TrustedCertificate.parse(self.certificate)]
        verified = [verify_document(document, trusted) for document in documents]
        return [claims.kind if isinstance(claims, Claims) else "" for claims in verified]

    def count_valid(self, documents: Iterable[bytes], *, now: datetime) -> int:
        trusted = [TrustedCertificate.parse(self.certificate)]
        listed = verify_status_list(self.status_list, trusted)
        verified = [verify_document(document, trusted) for document in documents]
        return sum(
            isinstance(claims, Claims)
            and not isinstance(listed, Refusal)
            and document_status(claims, listed, now=now) is DocumentStatus.VALID
            for claims in verified
        )

    def save(self, folder: Path) -> None:
        (folder / "authority.pem").write_text(self.certificate)
        (folder / "status-list.cwt").write_bytes(self.status_list)

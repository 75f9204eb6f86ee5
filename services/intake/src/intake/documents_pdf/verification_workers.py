"""Verifies uploaded documents in worker processes that hold no secret."""

import base64
import json
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr, TypeAdapter
from wanderamt.kernel.refusal import Refusal

from intake.documents_pdf.worker_pool import WorkerError, WorkerPool
from intake.domain.document_status import Claims
from intake.domain.refusals import VERIFICATION_BUSY
from intake.signing.authority import TrustedCertificate

MODULE: Final = "intake.documents_pdf.verification_process"
MAX_PENDING = 8  # more requests are refused: each may hold a file of 10 MiB


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """The claims of a document, or why it is not accepted."""

    claims: Claims | None = None
    refusal: Refusal | None = None


VERIFICATION_RESULT: Final = TypeAdapter(VerificationResult)


class VerificationWorkers(WorkerPool):
    def __init__(self, trusted: list[TrustedCertificate], *, workers: int = 1) -> None:
        super().__init__(MODULE, SecretStr(json.dumps([certificate.pem for certificate in trusted])), count=workers)

    async def start(self) -> None:
        """Starts no worker: the first request does. Many installations never verify a document."""

    async def verify(self, document: bytes) -> Claims | Refusal:
        """`document`: a signed PDF, a picture of a page, or the text of its QR code."""
        if self.pending >= MAX_PENDING:
            return VERIFICATION_BUSY
        try:
            result = VERIFICATION_RESULT.validate_json(await self.run(base64.b64encode(document)))
        except WorkerError:
            return VERIFICATION_BUSY
        return result.claims or result.refusal or VERIFICATION_BUSY

"""The worker process of the verification workers."""

import base64
import json
from collections.abc import Sequence

from wanderamt.kernel.refusal import Refusal

from intake.documents_pdf.verification_workers import VERIFICATION_RESULT, VerificationResult
from intake.documents_pdf.worker_process import TaskHandler, run_worker
from intake.signing.authority import TrustedCertificate
from intake.signing.document_verification import verify_document


def create_handler(line: bytes) -> TaskHandler:
    trusted = [TrustedCertificate.parse(pem) for pem in json.loads(line)]
    return lambda task: _verify(base64.b64decode(task), trusted)


def _verify(document: bytes, trusted: Sequence[TrustedCertificate]) -> bytes:
    claims = verify_document(document, trusted)
    result = VerificationResult(refusal=claims) if isinstance(claims, Refusal) else VerificationResult(claims=claims)
    return VERIFICATION_RESULT.dump_json(result)


if __name__ == "__main__":
    run_worker(create_handler)

"""Verifies uploaded documents in worker processes that hold no secret.

Invariants: of one network one document at a time is in the queue of the workers, so a network delays the others by no
more than one search; a search has an end.
"""

import asyncio
import base64
import json
from collections import Counter
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr, TypeAdapter
from wanderamt.kernel.refusal import Refusal

from intake.documents_pdf.worker_pool import TaskTimeoutError, WorkerError, WorkerPool
from intake.domain.document_status import Claims
from intake.domain.refusals import NETWORK_VERIFIES, VERIFICATION_BUSY, VERIFICATION_TOO_LONG
from intake.signing.authority import TrustedCertificate

MODULE: Final = "intake.documents_pdf.verification_process"
MAX_PENDING = 8  # more requests are refused: each may hold a file of 10 MiB
MAX_PENDING_OF_NETWORK = 3  # the first is searched, the others wait for it
SEARCH_S = 4.0  # a photo of 12 megapixels takes 0.2 s, one that is made to last takes minutes


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """The claims of a document, or why it is not accepted."""

    claims: Claims | None = None
    refusal: Refusal | None = None


VERIFICATION_RESULT: Final = TypeAdapter(VerificationResult)


class VerificationWorkers(WorkerPool):
    def __init__(
        self, trusted: list[TrustedCertificate], *, workers: int = 1, search_s: float = SEARCH_S, module: str = MODULE
    ) -> None:
        setup = SecretStr(json.dumps([certificate.pem for certificate in trusted]))
        super().__init__(module, setup, count=workers, timeout_s=search_s)
        self._asked: Counter[str] = Counter()
        self._turns: dict[str, asyncio.Lock] = {}

    async def start(self) -> None:
        """Starts no worker: the first request does. Many installations never verify a document."""

    async def verify(self, document: bytes, network: str) -> Claims | Refusal:
        """`document`: a signed PDF, a picture of a page, or the text of its QR code. `network`: of who asks."""
        if self._asked[network] >= MAX_PENDING_OF_NETWORK:
            return NETWORK_VERIFIES
        if self._asked.total() >= MAX_PENDING:
            return VERIFICATION_BUSY
        self._asked[network] += 1
        try:
            async with self._turns.setdefault(network, asyncio.Lock()):
                return await self._verify(document)
        finally:
            self._asked[network] -= 1
            if not self._asked[network]:
                del self._asked[network], self._turns[network]

    async def _verify(self, document: bytes) -> Claims | Refusal:
        try:
            result = VERIFICATION_RESULT.validate_json(await self.run(base64.b64encode(document)))
        except TaskTimeoutError:
            return VERIFICATION_TOO_LONG
        except WorkerError:
            return VERIFICATION_BUSY
        return result.claims or result.refusal or VERIFICATION_BUSY

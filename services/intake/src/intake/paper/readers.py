"""The reading room: files and stamps of strangers are taken apart in a process that knows no secret."""

import base64
import json
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr, TypeAdapter
from wanderamt.kernel.refusal import Refusal

from intake.domain.proof import Claims
from intake.domain.refusals import VERIFICATION_BUSY
from intake.paper.workers import WorkerFailed, Workers
from intake.proof.authority import Trust

MODULE: Final = "intake.paper.reading"
MAX_WAITING = 8  # who comes later is asked to come again: each may hold a file of 10 MiB


@dataclass(frozen=True, slots=True)
class Found:
    """What a paper claims, or why it is not accepted."""

    claims: Claims | None = None
    refusal: Refusal | None = None


FOUND: Final = TypeAdapter(Found)


class Readers(Workers):
    def __init__(self, trusted: list[Trust], *, workers: int = 1) -> None:
        super().__init__(MODULE, SecretStr(json.dumps([trust.pem for trust in trusted])), count=workers)

    async def start(self) -> None:
        """Begins with the first question: most services are never asked."""

    async def read(self, paper: bytes) -> Claims | Refusal:
        """Of a signed PDF, a picture of a page, or the text of its code."""
        if self.waiting >= MAX_WAITING:
            return VERIFICATION_BUSY
        try:
            found = FOUND.validate_json(await self.ask(base64.b64encode(paper)))
        except WorkerFailed:
            return VERIFICATION_BUSY
        return found.claims or found.refusal or VERIFICATION_BUSY

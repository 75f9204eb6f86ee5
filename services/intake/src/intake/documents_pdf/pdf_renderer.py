"""Renders documents to signed PDF/A-3b files with a QR code. A page takes some 14 ms of one core."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from pydantic import SecretStr, TypeAdapter

from intake.documents_pdf.worker_pool import WorkerPool
from intake.signing.authority import Authority

MODULE: Final = "intake.documents_pdf.render_process"


@dataclass(frozen=True, slots=True)
class RenderTask:
    """`fields`: the printed texts, by field. `holder`: name and birth date as printed, for the seal."""

    template: str
    language: str
    number: str
    holder: str
    issued_at: datetime
    issued_on: date
    valid_until: date | None
    status_index: int
    fields: Mapping[str, str]


RENDER_TASK: Final = TypeAdapter(RenderTask)


class PdfRenderer(WorkerPool):
    def __init__(self, authority: Authority, *, workers: int = 1) -> None:
        super().__init__(MODULE, _setup(authority), count=workers)

    async def render(self, task: RenderTask) -> bytes:
        """Raises TaskError for a task that no attempt can render, WorkerError for a failure that may pass."""
        return await self.run(RENDER_TASK.dump_json(task))


def _setup(authority: Authority) -> SecretStr:
    keys = {"code": authority.code, "key": authority.key_pem, "certificate": authority.certificate.pem}
    return SecretStr(json.dumps(keys))

"""Renders documents to signed PDF/A-3b files with a QR code. A page takes some 20 ms of one core."""

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import ClassVar, Final

from pydantic import ConfigDict, SecretStr, TypeAdapter
from service_catalogue.authority import Letterhead

from intake.documents_pdf.worker_pool import WorkerPool
from intake.domain.printed_content import PrintedContent
from intake.signing.authority import Authority

MODULE: Final = "intake.documents_pdf.render_process"


@dataclass(frozen=True, slots=True)
class RenderTask:
    """`template`: name of a file in templates. `holder`: name and birth date for the seal, shortened.

    `photo`: a JPEG or PNG file of the holder, for a card. `issued_on`: the day of `issued_at` in local time.
    """

    __pydantic_config__: ClassVar = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    template: str
    language: str
    holder: str
    issued_at: datetime
    issued_on: date
    valid_until: date | None
    status_index: int
    content: PrintedContent
    photo: bytes | None = None


RENDER_TASK: Final = TypeAdapter(RenderTask)
LETTERHEAD: Final = TypeAdapter(Letterhead)


class PdfRenderer(WorkerPool):
    def __init__(self, authority: Authority, letterhead: Letterhead, *, workers: int = 1) -> None:
        super().__init__(MODULE, _setup(authority, letterhead), count=workers)
        self.letterhead = letterhead

    async def render(self, task: RenderTask) -> bytes:
        """Raises TaskError for a task that no attempt can render, WorkerError for a failure that may pass."""
        return await self.run(RENDER_TASK.dump_json(task))


def _setup(authority: Authority, letterhead: Letterhead) -> SecretStr:
    setup = {
        "code": authority.code,
        "key": authority.key_pem,
        "certificate": authority.certificate.pem,
        "letterhead": asdict(letterhead) | {"profile": letterhead.profile.model_dump(mode="json")},
    }
    return SecretStr(json.dumps(setup))

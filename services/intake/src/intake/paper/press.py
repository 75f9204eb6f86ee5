"""The printing room: a page goes in, a signed PDF/A-3b with a QR code comes out. Some 14 ms of one core a page."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from pydantic import SecretStr, TypeAdapter

from intake.paper.workers import Workers
from intake.proof.authority import Authority

MODULE: Final = "intake.paper.printing"


@dataclass(frozen=True, slots=True)
class Page:
    """`printed`: the texts on it, by field. `holder`: whom it is for, as it is printed, for the stamp."""

    template: str
    language: str
    number: str
    holder: str
    issued_at: datetime
    issued_on: date
    valid_until: date | None
    status_index: int
    printed: Mapping[str, str]


PAGE: Final = TypeAdapter(Page)


class Press(Workers):
    def __init__(self, authority: Authority, *, workers: int = 1) -> None:
        super().__init__(MODULE, _setup(authority), count=workers)

    async def print_page(self, page: Page) -> bytes:
        """Raises WorkerFailed."""
        return await self.ask(PAGE.dump_json(page))


def _setup(authority: Authority) -> SecretStr:
    keys = {"code": authority.code, "key": authority.key_pem, "certificate": authority.trust.pem}
    return SecretStr(json.dumps(keys))

"""The two sides that change a case in a register run: a device at a stand, and the back office.

Invariants: an entry is sent until it has an answer; a request of the back office is sent until a service has answered,
so that a killed process loses nothing.
"""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

import httpx
from wanderamt.backbone.environment import Environment
from wanderamt.shell.access import REASON_HEADER
from wanderamt_local.field_entries import DOCUMENT_SERIES, RECEIPT_SERIES, LeasedNumbers, case_entry

TIMEOUT_S: Final = 6.0
SEND_EVERY_S: Final = 0.15
MAX_LINES: Final = 40
TWICE_SHARE: Final = 0.15
RETRY_S: Final = 0.5
FEW_NUMBERS: Final = 15
HEADERS: Final = {"Content-Type": "application/x-ndjson"}


@dataclass(slots=True)
class RecordedEntry:
    """`answer`: accepted, duplicate, or the code of a refusal."""

    case_id: UUID
    line: str
    answer: asyncio.Future[str]


@dataclass
class CaseDevice:
    device_id: UUID
    stand_id: UUID
    url: str
    token: str
    rng: random.Random
    environment: Environment = field(default_factory=Environment)
    numbers: LeasedNumbers = field(default_factory=LeasedNumbers)
    sent_twice: int = 0
    _entries: list[RecordedEntry] = field(default_factory=list)
    _waiting: list[RecordedEntry] = field(default_factory=list)
    _case_seqs: defaultdict[UUID, int] = field(default_factory=lambda: defaultdict(int))
    _blocks: dict[str, UUID] = field(default_factory=dict)

    def record(self, type_: str, case_id: UUID, body: dict[str, Any]) -> asyncio.Future[str]:
        self._case_seqs[case_id] += 1
        entry = case_entry(
            type_,
            self.environment.new_id(),
            case_id,
            self.stand_id,
            device_seq=len(self._entries) + 1,
            case_seq=self._case_seqs[case_id],
            captured_at=self.environment.clock(),
            body=body,
        )
        recorded = RecordedEntry(case_id, json.dumps(entry), asyncio.get_running_loop().create_future())
        self._entries.append(recorded)
        self._waiting.append(recorded)
        return recorded.answer

    async def number(self, series: str) -> str:
        """The next one, once there is one."""
        while not self.numbers.left(series):
            await asyncio.sleep(SEND_EVERY_S)
        return self.numbers.take(series)

    async def repeat(self, case_id: UUID) -> None:
        """Sends all entries of the case that were answered again, as after a lost answer."""
        lines = [entry.line for entry in self._entries if entry.case_id == case_id and entry.answer.done()]
        async with self._client() as client:
            with suppress(httpx.HTTPError):
                await client.post("/sync", content="\n".join(lines), headers=HEADERS)
        self.sent_twice += len(lines)

    async def keep_sending(self) -> None:
        async with self._client() as client:
            while True:
                await self._lease(client)
                if batch := self._waiting[:MAX_LINES]:
                    times = 2 if self.rng.random() < TWICE_SHARE else 1
                    self.sent_twice += len(batch) * (times - 1)
                    await asyncio.gather(*(self._send(client, batch) for _ in range(times)))
                await asyncio.sleep(SEND_EVERY_S)

    async def _lease(self, client: httpx.AsyncClient) -> None:
        """When the answer is lost, it asks for the same block again."""
        for series in (RECEIPT_SERIES, DOCUMENT_SERIES):
            if self.numbers.left(series) >= FEW_NUMBERS:
                continue
            block_id = self._blocks.setdefault(series, self.environment.new_id())
            with suppress(httpx.HTTPError, ValueError, KeyError):
                await self.numbers.lease(client, series=series, block_id=block_id, headers={})
                del self._blocks[series]

    async def _send(self, client: httpx.AsyncClient, batch: Sequence[RecordedEntry]) -> None:
        try:
            reply = await client.post("/sync", content="\n".join(entry.line for entry in batch), headers=HEADERS)
            results: list[dict[str, Any]] = reply.json()["results"] if reply.is_success else []
        except (httpx.HTTPError, ValueError):
            return  # nobody knows: the entries stay and are sent again
        for entry, result in zip(batch, results, strict=bool(results)):
            if result["status"] == "held" or entry.answer.done():
                continue
            refused = result["status"] == "refused"
            entry.answer.set_result(result["problem"]["code"] if refused else result["status"])
            self._waiting.remove(entry)

    def _client(self) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.AsyncClient(base_url=self.url, timeout=TIMEOUT_S, headers=headers)


@dataclass
class BackOffice:
    url: str
    token: str
    client: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=TIMEOUT_S))

    async def post(self, path: str, body: dict[str, Any] | None = None) -> int:
        """The status of the first answer of the service: 409 also for what an earlier, unanswered request did."""
        while True:
            with suppress(httpx.HTTPError):
                reply = await self.client.post(f"{self.url}{path}", json=body, headers=self._headers)
                if reply.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    return reply.status_code
            await asyncio.sleep(RETRY_S)

    async def document(self, document_id: UUID) -> bytes:
        reply = await self.client.get(f"{self.url}/documents/{document_id}.pdf", headers=self._headers)
        reply.raise_for_status()
        return reply.content

    async def close(self) -> None:
        await self.client.aclose()

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", REASON_HEADER: quote("register run")}

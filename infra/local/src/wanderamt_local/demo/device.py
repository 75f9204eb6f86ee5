"""Simulates a field device: an outbox that keeps every entry until the server has acknowledged it."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from opentelemetry import propagate, trace
from wanderamt.backbone.environment import Environment

from wanderamt_local.field_entries import RECEIPT_SERIES, LeasedNumbers, open_case_entry

TIMEOUT_S = 10

tracer = trace.get_tracer(__name__)


@dataclass
class DemoEntry:
    """A case as the device stores it."""

    case_id: UUID
    entry: dict[str, Any]
    captured_at: datetime
    offline: bool
    trace_id: str
    span: trace.Span
    answers: list[str] = field(default_factory=list)


@dataclass
class DemoDevice:
    device_id: UUID
    stand_id: UUID
    url: str
    token: str
    environment: Environment
    online: bool = True
    lose_next_answer: bool = False
    numbers: LeasedNumbers = field(default_factory=LeasedNumbers)
    entries: list[DemoEntry] = field(default_factory=list)
    _pending: list[DemoEntry] = field(default_factory=list)
    _sending: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def pending(self) -> int:
        return len(self._pending)

    async def prepare(self) -> None:
        """Leases receipt numbers while there is a network."""
        async with httpx.AsyncClient(base_url=self.url, timeout=TIMEOUT_S) as client:
            await self.numbers.lease(
                client,
                series=RECEIPT_SERIES,
                block_id=self.environment.new_id(),
                headers={"Authorization": f"Bearer {self.token}"},
            )

    def capture(self, body: dict[str, Any]) -> None:
        """Stores an entry on the device; `sync` sends it later."""
        now = self.environment.clock()
        span = tracer.start_span("entry in the field app")
        carrier: dict[str, str] = {}
        propagate.inject(carrier, trace.set_span_in_context(span))
        case_id = self.environment.new_id()
        entry = open_case_entry(
            self.environment.new_id(),
            case_id,
            self.stand_id,
            device_seq=len(self.entries) + 1,
            captured_at=now,
            body=body,
        ) | {"traceparent": carrier["traceparent"]}
        captured = DemoEntry(case_id, entry, now, not self.online, f"{span.get_span_context().trace_id:032x}", span)
        self.entries.append(captured)
        self._pending.append(captured)

    async def sync(self) -> None:
        """Sends the pending entries as JSON lines. Without a network or an answer they stay pending."""
        async with self._sending:
            if not self.online or not self._pending:
                return
            sent = list(self._pending)
            lines = "\n".join(json.dumps(entry.entry) for entry in sent)
            headers = {
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/x-ndjson",
                "Device-Time": self.environment.clock().isoformat(),
            }
            async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
                try:
                    reply = await client.post(f"{self.url}/sync", content=lines, headers=headers)
                except httpx.HTTPError:
                    return
            if self.lose_next_answer:
                self.lose_next_answer = False
                return
            if reply.is_success:
                self._take_answers(sent, reply.json()["results"])

    def _take_answers(self, sent: list[DemoEntry], results: list[dict[str, Any]]) -> None:
        for entry, result in zip(sent, results, strict=True):
            entry.answers.append(result["status"])
            if result["status"] in {"accepted", "duplicate"}:
                self._pending.remove(entry)
                entry.span.end()

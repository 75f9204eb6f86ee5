"""A field device as the crew's app will be: an outbox that keeps every entry until the server answered for it."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from opentelemetry import propagate, trace
from wanderamt.backbone.sources import Sources

from wanderamt_local.field import RECEIPTS, Numbers, open_case_entry

TIMEOUT_S = 10

tracer = trace.get_tracer(__name__)


@dataclass
class Tap:
    """One citizen's case as the device remembers it."""

    case_id: UUID
    entry: dict[str, Any]
    tapped_at: datetime
    offline: bool
    trace_id: str
    span: trace.Span
    answers: list[str] = field(default_factory=list)


@dataclass
class Device:
    device_id: UUID
    stand_id: UUID
    url: str
    token: str
    sources: Sources
    online: bool = True
    lose_next_answer: bool = False
    numbers: Numbers = field(default_factory=Numbers)
    taps: list[Tap] = field(default_factory=list)
    _waiting: list[Tap] = field(default_factory=list)
    _sending: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def prepare(self) -> None:
        """While there is a network: leases the numbers of the morning."""
        async with httpx.AsyncClient(base_url=self.url, timeout=TIMEOUT_S) as client:
            await self.numbers.lease(
                client,
                series=RECEIPTS,
                block_id=self.sources.new_id(),
                headers={"Authorization": f"Bearer {self.token}"},
            )

    def tap(self, body: dict[str, Any]) -> None:
        """Writes the entry down on the device. Sending is another matter."""
        now = self.sources.clock()
        span = tracer.start_span("tap in the field app")
        carrier: dict[str, str] = {}
        propagate.inject(carrier, trace.set_span_in_context(span))
        case_id = self.sources.new_id()
        entry = open_case_entry(
            self.sources.new_id(),
            case_id,
            self.stand_id,
            device_seq=len(self.taps) + 1,
            captured_at=now,
            body=body,
        ) | {"traceparent": carrier["traceparent"]}
        tap = Tap(case_id, entry, now, not self.online, f"{span.get_span_context().trace_id:032x}", span)
        self.taps.append(tap)
        self._waiting.append(tap)

    async def sync(self) -> None:
        """Sends what waits, as lines. Without a network, or when the answer is lost, everything stays for next time."""
        async with self._sending:
            if not self.online or not self._waiting:
                return
            sent = list(self._waiting)
            lines = "\n".join(json.dumps(tap.entry) for tap in sent)
            headers = {
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/x-ndjson",
                "Device-Time": self.sources.clock().isoformat(),
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

    def _take_answers(self, sent: list[Tap], results: list[dict[str, Any]]) -> None:
        for tap, result in zip(sent, results, strict=True):
            tap.answers.append(result["status"])
            if result["status"] in {"accepted", "duplicate"}:
                self._waiting.remove(tap)
                tap.span.end()

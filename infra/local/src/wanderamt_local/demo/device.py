"""Simulates a field device: an outbox that keeps every entry, and every picture, until the server has them."""

import asyncio
import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from opentelemetry import propagate, trace
from wanderamt.backbone.environment import Environment

from wanderamt_local.demo.scenario import DemoPicture, ScenarioVisit
from wanderamt_local.field_entries import (
    DOCUMENT_SERIES,
    FILE_SERIES,
    RECEIPT_SERIES,
    LeasedNumbers,
    open_case_entry,
)

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
    expect: str = "final"
    pictures: list[DemoPicture] = field(default_factory=list)
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
    last_error: str = ""
    _pending: list[DemoEntry] = field(default_factory=list)
    _sending: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def pending(self) -> int:
        """Entries and pictures that the server does not have yet."""
        return len(self._pending) + sum(len(entry.pictures) for entry in self.entries if entry not in self._pending)

    def pending_text(self) -> str:
        """What waits, and why, for the error of a demo that cannot go on."""
        refused = {entry.entry["body"]["service"]: entry.answers for entry in self._pending}
        pictures = [entry.entry["body"]["service"] for entry in self.entries if entry.pictures]
        return f"entries {refused}, pictures of {pictures}, last error: {self.last_error or 'none'}"

    async def prepare(self) -> None:
        """Leases numbers while there is a network."""
        async with httpx.AsyncClient(base_url=self.url, timeout=TIMEOUT_S) as client:
            for series in (FILE_SERIES, RECEIPT_SERIES, DOCUMENT_SERIES):
                await self.numbers.lease(
                    client, series=series, block_id=self.environment.new_id(), headers=self._headers
                )

    def capture(self, visit: ScenarioVisit) -> None:
        """Stores an entry on the device; `sync` sends it later."""
        now = self.environment.clock()
        body, pictures = visit.body(self.numbers, now=now, new_id=self.environment.new_id)
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
        trace_id = f"{span.get_span_context().trace_id:032x}"
        captured = DemoEntry(
            case_id, entry, now, not self.online, trace_id, span, expect=visit.expect, pictures=pictures
        )
        self.entries.append(captured)
        self._pending.append(captured)

    async def sync(self) -> None:
        """Sends the pending entries as JSON lines. Without a network or an answer they stay pending."""
        async with self._sending:
            if not self.online or not self.pending:
                return
            if not self._pending:
                await self._upload_pictures()
                return
            sent = list(self._pending)
            lines = "\n".join(json.dumps(entry.entry) for entry in sent)
            headers = self._headers | {
                "Content-Type": "application/x-ndjson",
                "Device-Time": self.environment.clock().isoformat(),
            }
            async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
                try:
                    reply = await client.post(f"{self.url}/sync", content=lines, headers=headers)
                except httpx.HTTPError as error:
                    self.last_error = repr(error)
                    return
            if self.lose_next_answer:
                self.lose_next_answer = False
                return
            if reply.is_success:
                self._take_answers(sent, reply.json()["results"])
                await self._upload_pictures()
            else:
                self.last_error = f"{reply.status_code} {reply.text[:500]}"

    async def _upload_pictures(self) -> None:
        """Of the acknowledged cases. What the network cuts off is sent again with the next entries."""
        async with httpx.AsyncClient(base_url=self.url, timeout=TIMEOUT_S, headers=self._headers) as client:
            for entry in self.entries:
                while entry.pictures and entry not in self._pending:
                    try:
                        await upload(client, entry.case_id, entry.pictures[0])
                    except httpx.HTTPError as error:
                        self.last_error = repr(error)
                        return
                    entry.pictures.pop(0)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def _take_answers(self, sent: list[DemoEntry], results: list[dict[str, Any]]) -> None:
        for entry, result in zip(sent, results, strict=True):
            entry.answers.append(result["status"])
            if result["status"] not in {"accepted", "duplicate"}:
                self.last_error = str(result)
            if result["status"] in {"accepted", "duplicate"}:
                self._pending.remove(entry)
                entry.span.end()


async def upload(client: httpx.AsyncClient, case_id: UUID, picture: DemoPicture) -> None:
    """By the tus protocol, in one piece. Raises httpx.HTTPError."""
    content = picture.content()
    values = {
        "attachment_id": str(picture.attachment_id),
        "case_id": str(case_id),
        "filetype": picture.media_type,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())
    announced = await client.post(
        "/attachments", headers={"Upload-Length": str(len(content)), "Upload-Metadata": metadata}
    )
    announced.raise_for_status()
    arrived = int(announced.headers["upload-offset"])
    if arrived == len(content):
        return
    headers = {"Upload-Offset": str(arrived), "Content-Type": "application/offset+octet-stream"}
    sent = await client.patch(f"/attachments/{picture.attachment_id}", content=content[arrived:], headers=headers)
    sent.raise_for_status()

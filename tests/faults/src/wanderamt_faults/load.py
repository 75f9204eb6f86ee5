"""Field devices under load: they tap, keep, send, send again, and remember every answer."""

import asyncio
import json
import random
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from wanderamt.backbone.sources import Sources
from wanderamt_local.field import open_case_entry

TIMEOUT_S = 5.0
TICK_S = 0.8
LINES_AT_ONCE = 50
MISCHIEF = 0.15  # share of sendings that go twice, or in another order
FULL_SHARE = 0.12  # share of entries that ask the register and tell the citizen; the others end at the intake
BIRTH_DATE = "1980-01-01"


@dataclass(slots=True)
class Entry:
    """As the device remembers it. `answers` are all it ever got."""

    entry_id: UUID
    case_id: UUID
    service: str
    channels: tuple[str, ...]
    line: str
    answers: list[str] = field(default_factory=list)


@dataclass
class Device:
    device_id: UUID
    stand_id: UUID
    url: str
    token: str
    sources: Sources
    rng: random.Random
    entries: list[Entry] = field(default_factory=list)
    waiting: dict[UUID, Entry] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def tap(self) -> None:
        full = self.rng.random() < FULL_SHARE
        number = len(self.entries) + 1
        contact: dict[str, str] = {}
        if full:
            contact = {"phone": f"+43660{self.rng.randrange(10**7):07}", "email": f"n{number}@mail.example"}
        case_id, entry_id = self.sources.new_id(), self.sources.new_id()
        service = "registration_confirmation" if full else "found_property_report"
        body = {
            "service": service,
            "language": "de",
            "applicant": {"given_name": "Test", "family_name": f"Person {number}", "birth_date": BIRTH_DATE},
            "contact": contact,
        }
        sent = open_case_entry(
            entry_id, case_id, self.stand_id, device_seq=number, captured_at=self.sources.clock(), body=body
        )
        channels = ("sms", "email") if full else ()
        entry = Entry(entry_id, case_id, service, channels, json.dumps(sent))
        self.entries.append(entry)
        self.waiting[entry_id] = entry

    async def keep_sending(self) -> None:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            while True:
                await self.send(client)
                await asyncio.sleep(TICK_S)

    async def send(self, client: httpx.AsyncClient) -> None:
        batch = list(self.waiting.values())[:LINES_AT_ONCE]
        if not batch:
            return
        if self.rng.random() < MISCHIEF:
            self.rng.shuffle(batch)
        times = 2 if self.rng.random() < MISCHIEF else 1
        await asyncio.gather(*(self._post(client, batch) for _ in range(times)))

    async def _post(self, client: httpx.AsyncClient, batch: list[Entry]) -> None:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/x-ndjson"}
        try:
            reply = await client.post(f"{self.url}/sync", content="\n".join(e.line for e in batch), headers=headers)
            results: list[dict[str, Any]] = reply.json()["results"] if reply.is_success else []
        except (httpx.HTTPError, ValueError):
            return  # nothing is known: the entries stay and go again
        for entry, result in zip(batch, results, strict=bool(results)):
            entry.answers.append(result["status"])
            if result["status"] == "refused":
                self.refused.append(f"{entry.entry_id}: {result['problem']['code']}")
            else:
                self.waiting.pop(entry.entry_id, None)


@dataclass
class Crowd:
    """All devices together, `rate` taps a second."""

    devices: list[Device]
    rate: float
    rng: random.Random
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _tapping: asyncio.Task[None] | None = None

    @property
    def tapped(self) -> int:
        return sum(len(device.entries) for device in self.devices)

    @property
    def waiting(self) -> int:
        return sum(len(device.waiting) for device in self.devices)

    def start(self) -> None:
        self._tasks = [asyncio.create_task(device.keep_sending()) for device in self.devices]
        self._tapping = asyncio.create_task(self._tap())

    def stop_tapping(self) -> None:
        if self._tapping:
            self._tapping.cancel()

    async def stop(self) -> None:
        self.stop_tapping()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _tap(self) -> None:
        loop = asyncio.get_running_loop()
        begun, done = loop.time(), 0
        while True:
            due = int((loop.time() - begun) * self.rate)
            for _ in range(due - done):
                self.rng.choice(self.devices).tap()
            done = due
            await asyncio.sleep(0.1)

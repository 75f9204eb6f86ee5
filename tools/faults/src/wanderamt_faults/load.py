"""Field devices under load: they tap, keep, send, send again, and remember every answer."""

import asyncio
import json
import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from wanderamt.backbone.sources import Sources
from wanderamt_local.field import RECEIPTS, Numbers, case_entry, step_by_step, whole_case

TIMEOUT_S = 5.0
TICK_S = 0.8
LINES_AT_ONCE = 50
MISCHIEF = 0.15  # share of sendings that go twice, or in another order
FULL_SHARE = 0.12  # share of entries that ask the register and tell the citizen; the others end at the intake
STEPPED_SHARE = 0.4  # of the full ones: an entry for each thing the crew does
ENOUGH_NUMBERS = 25
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
    numbers: Numbers = field(default_factory=Numbers)
    block_id: UUID | None = None

    def tap(self) -> None:
        """One citizen. A full case is taken at once or step by step; without a receipt number it cannot be one."""
        full = self.rng.random() < FULL_SHARE and self.numbers.left(RECEIPTS) > 0
        person = len(self.entries) + 1
        contact: dict[str, str] = {}
        prefer = self.rng.choice(("sms", "email"))
        if full:
            contact = {"phone": f"+43660{self.rng.randrange(10**7):07}", "email": f"n{person}@mail.example"}
            contact["prefer"] = prefer
        service = "registration_confirmation" if full else "found_property_report"
        applicant = {"given_name": "Test", "family_name": f"Person {person}", "birth_date": BIRTH_DATE}
        body = whole_case(service, applicant=applicant, contact=contact, numbers=self.numbers)
        channels = (prefer,) if full else ()
        steps = step_by_step(body) if full and self.rng.random() < STEPPED_SHARE else [("case.open", body)]
        case_id = self.sources.new_id()
        for place, (type_, part) in enumerate(steps, 1):
            entry_id = self.sources.new_id()
            sent = case_entry(
                type_,
                entry_id,
                case_id,
                self.stand_id,
                device_seq=len(self.entries) + 1,
                case_seq=place,
                captured_at=self.sources.clock(),
                body=part,
            )
            entry = Entry(entry_id, case_id, service, channels if place == 1 else (), json.dumps(sent))
            self.entries.append(entry)
            self.waiting[entry_id] = entry

    async def keep_sending(self) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=TIMEOUT_S) as client:
            while True:
                await self.fetch_numbers(client)
                await self.send(client)
                await asyncio.sleep(TICK_S)

    async def fetch_numbers(self, client: httpx.AsyncClient) -> None:
        """Before it runs out. When the answer is lost, the same block is asked for again."""
        if self.numbers.left(RECEIPTS) >= ENOUGH_NUMBERS:
            return
        self.block_id = self.block_id or self.sources.new_id()
        with suppress(httpx.HTTPError, ValueError, KeyError):
            await self.numbers.lease(client, series=RECEIPTS, block_id=self.block_id, headers=self.headers)
            self.block_id = None

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def send(self, client: httpx.AsyncClient) -> None:
        batch = list(self.waiting.values())[:LINES_AT_ONCE]
        if not batch:
            return
        if self.rng.random() < MISCHIEF:
            self.rng.shuffle(batch)
        times = 2 if self.rng.random() < MISCHIEF else 1
        await asyncio.gather(*(self._post(client, batch) for _ in range(times)))

    async def _post(self, client: httpx.AsyncClient, batch: list[Entry]) -> None:
        headers = self.headers | {"Content-Type": "application/x-ndjson"}
        try:
            reply = await client.post("/sync", content="\n".join(e.line for e in batch), headers=headers)
            results: list[dict[str, Any]] = reply.json()["results"] if reply.is_success else []
        except (httpx.HTTPError, ValueError):
            return  # nothing is known: the entries stay and go again
        for entry, result in zip(batch, results, strict=bool(results)):
            entry.answers.append(result["status"])
            if result["status"] == "refused":
                self.refused.append(f"{entry.entry_id}: {result['problem']['code']}")
            elif result["status"] != "held":
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

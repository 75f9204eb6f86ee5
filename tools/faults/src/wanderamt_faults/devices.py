"""Simulated field devices: they record entries, send them, repeat them, and remember every answer."""

import asyncio
import json
import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from wanderamt.backbone.environment import Environment
from wanderamt_local.field_entries import RECEIPT_SERIES, LeasedNumbers, case_entry, split_case, whole_case

TIMEOUT_S = 5.0
SEND_INTERVAL_S = 0.8
MAX_LINES = 50  # per request
DISORDER_SHARE = 0.15  # share of requests that are sent twice, and share that is sent in another order
FULL_SHARE = 0.12  # share of cases with a register query and a notice; the others end in intake
STEPWISE_SHARE = 0.4  # share of the full cases that have an entry for each step of the crew
MIN_NUMBERS_LEFT = 25  # lease more below
BIRTH_DATE = "1980-01-01"


@dataclass(slots=True)
class DeviceEntry:
    """An entry as the device remembers it. `answers`: all statuses that intake ever returned for it."""

    entry_id: UUID
    case_id: UUID
    service: str
    channels: tuple[str, ...]
    line: str
    answers: list[str] = field(default_factory=list)


@dataclass
class SimulatedDevice:
    device_id: UUID
    stand_id: UUID
    url: str
    token: str
    environment: Environment
    rng: random.Random
    entries: list[DeviceEntry] = field(default_factory=list)
    waiting: dict[UUID, DeviceEntry] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    numbers: LeasedNumbers = field(default_factory=LeasedNumbers)
    block_id: UUID | None = None

    def serve_citizen(self) -> None:
        """Records the case of one citizen, in one entry or step by step. A full case needs a receipt number."""
        full = self.rng.random() < FULL_SHARE and self.numbers.left(RECEIPT_SERIES) > 0
        person = len(self.entries) + 1
        contact: dict[str, str] = {}
        preferred = self.rng.choice(("sms", "email"))
        if full:
            contact = {"phone": f"+43660{self.rng.randrange(10**7):07}", "email": f"n{person}@mail.example"}
            contact["prefer"] = preferred
        service = "registration_confirmation" if full else "advice"
        applicant = {"given_name": "Test", "family_name": f"Person {person}", "birth_date": BIRTH_DATE}
        body = whole_case(service, applicant=applicant, contact=contact, numbers=self.numbers)
        channels = (preferred,) if full else ()
        steps = split_case(body) if full and self.rng.random() < STEPWISE_SHARE else [("case.open", body)]
        case_id = self.environment.new_id()
        for case_seq, (type_, part) in enumerate(steps, 1):
            entry_id = self.environment.new_id()
            body_sent = case_entry(
                type_,
                entry_id,
                case_id,
                self.stand_id,
                device_seq=len(self.entries) + 1,
                case_seq=case_seq,
                captured_at=self.environment.clock(),
                body=part,
            )
            entry = DeviceEntry(entry_id, case_id, service, channels if case_seq == 1 else (), json.dumps(body_sent))
            self.entries.append(entry)
            self.waiting[entry_id] = entry

    async def keep_sending(self) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=TIMEOUT_S) as client:
            while True:
                await self.fetch_numbers(client)
                await self.send(client)
                await asyncio.sleep(SEND_INTERVAL_S)

    async def fetch_numbers(self, client: httpx.AsyncClient) -> None:
        """Leases more numbers before they run out. When the answer is lost, the device requests the same block again."""
        if self.numbers.left(RECEIPT_SERIES) >= MIN_NUMBERS_LEFT:
            return
        self.block_id = self.block_id or self.environment.new_id()
        with suppress(httpx.HTTPError, ValueError, KeyError):
            await self.numbers.lease(client, series=RECEIPT_SERIES, block_id=self.block_id, headers=self.headers)
            self.block_id = None

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def send(self, client: httpx.AsyncClient) -> None:
        batch = list(self.waiting.values())[:MAX_LINES]
        if not batch:
            return
        if self.rng.random() < DISORDER_SHARE:
            self.rng.shuffle(batch)
        times = 2 if self.rng.random() < DISORDER_SHARE else 1
        await asyncio.gather(*(self._post(client, batch) for _ in range(times)))

    async def _post(self, client: httpx.AsyncClient, batch: list[DeviceEntry]) -> None:
        headers = self.headers | {"Content-Type": "application/x-ndjson"}
        try:
            reply = await client.post("/sync", content="\n".join(entry.line for entry in batch), headers=headers)
            results: list[dict[str, Any]] = reply.json()["results"] if reply.is_success else []
        except (httpx.HTTPError, ValueError):
            return  # the outcome is unknown: the entries stay and are sent again
        for entry, result in zip(batch, results, strict=bool(results)):
            entry.answers.append(result["status"])
            if result["status"] == "refused":
                self.refused.append(f"{entry.entry_id}: {result['problem']['code']}")
            elif result["status"] != "held":
                self.waiting.pop(entry.entry_id, None)


@dataclass
class DeviceFleet:
    """All devices together; they record `rate` cases per second."""

    devices: list[SimulatedDevice]
    rate: float
    rng: random.Random
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _serving: asyncio.Task[None] | None = None

    @property
    def entry_count(self) -> int:
        return sum(len(device.entries) for device in self.devices)

    @property
    def waiting(self) -> int:
        return sum(len(device.waiting) for device in self.devices)

    def start(self) -> None:
        self._tasks = [asyncio.create_task(device.keep_sending()) for device in self.devices]
        self._serving = asyncio.create_task(self._serve_citizens())

    def stop_serving(self) -> None:
        if self._serving:
            self._serving.cancel()

    async def stop(self) -> None:
        self.stop_serving()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve_citizens(self) -> None:
        loop = asyncio.get_running_loop()
        begun, done = loop.time(), 0
        while True:
            due = int((loop.time() - begun) * self.rate)
            for _ in range(due - done):
                self.rng.choice(self.devices).serve_citizen()
            done = due
            await asyncio.sleep(0.1)

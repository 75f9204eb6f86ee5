"""Whole cases through all four services, from the entry of the crew to the citizen's SMS: how many per second, and what
one costs in processor time and bytes, beside the raw sum of its rows and records.

The raw sum is a program without any logic: it inserts the rows that the cases left in the four databases, one
transaction per case and database, and produces the records that they left in the topics.
"""

import asyncio
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt_local.field_entries import RECEIPT_SERIES, LeasedNumbers, open_case_entry, whole_case

from wanderamt_bench.bench_environment import BenchEnvironment
from wanderamt_bench.costs import Costs, processor_ms
from wanderamt_bench.raw_rows import Leavings, read_leavings, replay
from wanderamt_bench.sync_endpoint import SyncEndpoint, UntracedSystem, whole_system

BENCH_SERVICES = ("registration_confirmation", "resident_parking")
DEVICES = 8
CASES = 400
TIMEOUT_S = 300
Visit = tuple[dict[str, str], dict[str, Any]]


async def bench_case(bench: BenchEnvironment) -> None:
    count, warm_up = bench.scaled(CASES, quick=4), bench.scaled(40, quick=2)
    for service in BENCH_SERVICES[:1] if bench.quick else BENCH_SERVICES:
        visits = [_visit(service, number) for number in range(warm_up + count * bench.rounds)]
        people = bench.folder / f"people-{service}.jsonl"
        _write_people(people, visits)
        async with whole_system(bench, residents_file=people) as (system, first_device):
            devices = [first_device, *[await _device(system, first_device) for _ in range(DEVICES - 1)]]
            run = CaseRun(system, devices, service)
            await run.play(visits[:warm_up])
            before = await Costs.of(system, bench.supervisor.pids())
            rates = []
            for number in range(bench.rounds):
                first = warm_up + number * count
                rates.append(await run.play(visits[first : first + count]))
            costs = await Costs.of(system, bench.supervisor.pids()) - before
            leavings = await read_leavings(system, cases=len(visits))
        bare = [await _raw_rate(bench, leavings) for _ in range(bench.rounds)]
        _record(bench, service, list(zip(bare, rates, strict=True)), costs, leavings, cases=count * bench.rounds)


def _record(
    bench: BenchEnvironment,
    service: str,
    rates: list[tuple[tuple[float, float], float]],
    costs: Costs,
    leavings: Leavings,
    *,
    cases: int,
) -> None:
    load = f"{cases} cases of {DEVICES} devices: open, register, fee, paper, SMS; four services, simulators beside them"
    name = f"case {service}"
    bench.record(f"{name} / raw rows and records", "cases/s", [(raw, ours) for (raw, _), ours in rates], load)
    raw_ms = min(ms for (_, ms), _ in rates)
    for part, ms in costs.processor_ms.items():
        bench.record_value(f"{name}: processor time of {part}", ms / cases, "ms/case", load)
    bench.record_value(f"{name}: processor time", sum(costs.processor_ms.values()) / cases, "ms/case", load)
    bench.record_value(f"{name}: processor time of raw rows and records", raw_ms, "ms/case", load)
    for part, size in costs.database_bytes.items():
        bench.record_value(f"{name}: database of {part}", size / cases / 1000, "kB/case", load)
    bench.record_value(f"{name}: databases", sum(costs.database_bytes.values()) / cases / 1000, "kB/case", load)
    bench.record_value(f"{name}: records", leavings.record_bytes / leavings.cases / 1000, "kB/case", load)


class CaseRun:
    """`play` sends whole cases from all devices at once, and waits for the SMS of each."""

    def __init__(self, system: UntracedSystem, devices: list[SyncEndpoint], service: str) -> None:
        self.system, self.devices, self.service = system, devices, service
        self.receipts = {device: LeasedNumbers() for device in devices}
        self.device_seq = dict.fromkeys(devices, 0)

    async def play(self, visits: list[Visit]) -> float:
        """Cases per second, from the first entry to the last SMS."""
        waiting = iter(visits)
        started_at = utc_now().timestamp()
        phones = [
            phone
            for phones in await asyncio.gather(*(self._visits_of(device, waiting) for device in self.devices))
            for phone in phones
        ]
        assert len(phones) == len(visits)
        last = await self._last_arrival(set(phones))
        return len(visits) / (last - started_at)

    async def _visits_of(self, device: SyncEndpoint, waiting: Iterable[Visit]) -> list[str]:
        phones = []
        for applicant, facts in waiting:
            phone = f"+43660{int(uuid7()) % 10**8:08}"
            await self._one_case(device, applicant, facts, phone)
            phones.append(phone)
        return phones

    async def _one_case(
        self, device: SyncEndpoint, applicant: dict[str, str], facts: dict[str, Any], phone: str
    ) -> None:
        numbers = self.receipts[device]
        if not numbers.left(RECEIPT_SERIES):
            await numbers.lease(
                device.client, series=RECEIPT_SERIES, block_id=uuid7(), headers={"Content-Type": "application/json"}
            )
        body = whole_case(self.service, applicant=applicant, contact={"phone": phone}, numbers=numbers)
        body["facts"] = body["facts"] | facts
        self.device_seq[device] += 1
        entry = open_case_entry(
            uuid7(), uuid7(), device.stand_id, device_seq=self.device_seq[device], captured_at=utc_now(), body=body
        )
        await device.sync(json.dumps(entry))

    async def _last_arrival(self, phones: set[str]) -> float:
        """Unix time of the last SMS that says that the document is ready."""
        async with asyncio.timeout(TIMEOUT_S), httpx.AsyncClient(timeout=30) as client:
            while True:
                messages = (await client.get(self.system.simulator_url("gate"))).json()["messages"]
                arrived = {sms["to"]: sms["at"] for sms in messages if sms["to"] in phones and "fertig" in sms["text"]}
                if len(arrived) == len(phones):
                    return float(max(arrived.values()))
                await asyncio.sleep(0.5)


async def _raw_rate(bench: BenchEnvironment, leavings: Leavings) -> tuple[float, float]:
    """Cases per second, and processor time per case in milliseconds: of the servers and of the program."""
    before = processor_ms(os.getpid())  # the servers descend from this process
    rate = await replay(bench, leavings)
    return rate, (processor_ms(os.getpid()) - before) / leavings.cases


async def _device(system: UntracedSystem, first: SyncEndpoint) -> SyncEndpoint:
    return SyncEndpoint(system.url("intake"), await system.enrol(uuid7(), first.stand_id), first.stand_id)


def _visit(service: str, number: int) -> Visit:
    """A citizen of their own for each case, with a vehicle of their own."""
    letters = "".join(chr(ord("a") + int(digit)) for digit in f"{number:06}")
    applicant = {"given_name": "Zoë", "family_name": f"Hadžić{letters}", "birth_date": "1990-04-01"}
    if service != "resident_parking":
        return applicant, {}
    plate = f"L-{number % 900 + 100}{chr(ord('A') + number // 900 % 26)}B"
    return applicant, {"plate": {"country": "AT", "text": plate}}


def _write_people(path: Path, visits: list[Visit]) -> None:
    address = {"country": "AT", "postal_code": "4020", "municipality": "Linz", "street": "Landstraße", "number": "84"}
    lines = [
        json.dumps(applicant | {"address": address, "vehicles": [{"plate": facts["plate"]["text"]}] if facts else []})
        for applicant, facts in visits
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")

"""Whole cases through all four services: opened, registers asked, fee paid, paper issued, citizen told. What each costs
each service, beside the raw sum of its rows and records."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import httpx
from wanderamt.backbone.messaging.topics import TOPIC_OWNERS
from wanderamt_local.field_entries import whole_case
from wanderamt_local.system import SERVICES

from wanderamt_bench.bare_rows import BareRows, RowsOfTable, open_bare_rows, read_rows
from wanderamt_bench.bench_environment import BenchEnvironment
from wanderamt_bench.costs import Record, cpu_seconds, end_offsets, records_since, size_of, written_bytes
from wanderamt_bench.sync_endpoint import SyncEndpoint, UntracedSystem, new_endpoint, whole_system

CASES = {"registration_confirmation": 150, "resident_parking": 60}  # in each round
CASES_PER_DEVICE = 50  # a block has so many receipts
SYNCS_AT_ONCE = 4
TIMEOUT_S = 300
GATE = {"gate": {"rate_per_s": 1000.0, "max_concurrent_calls": 32.0}}
NAMES = {"registration_confirmation": "case", "resident_parking": "case with five calls"}


class Citizens:
    """Each with a name, a number plate and a telephone number of their own, and known to the registers."""

    def __init__(self, count: int) -> None:
        self._numbers: Iterator[int] = iter(range(count))
        self.count = count

    def next(self) -> int:
        return next(self._numbers)

    def write_file(self, path: Path) -> Path:
        lines = [json.dumps(_registered(number), ensure_ascii=False) for number in range(self.count)]
        path.write_text("\n".join(lines), encoding="utf-8")
        return path


class CaseCost(NamedTuple):
    """Per case. `cpu_ms`, `table_bytes`, `topic_bytes`: by process, database and service."""

    per_s: float
    cpu_ms: dict[str, float]
    wal_bytes: float
    table_bytes: dict[str, float]
    topic_bytes: dict[str, float]
    records: list[Record]


async def bench_case(bench: BenchEnvironment) -> None:
    sizes = {service: bench.scaled(count, quick=3) for service, count in CASES.items()}
    citizens = Citizens((bench.rounds + 1) * sum(sizes.values()))
    people = citizens.write_file(bench.folder / "people.jsonl")
    for service, count in sizes.items():
        async with whole_system(bench, limits=GATE, residents_file=people) as (system, _):
            await _measure_service(bench, system, citizens, service, count)


async def _measure_service(
    bench: BenchEnvironment, system: UntracedSystem, citizens: Citizens, service: str, count: int
) -> None:
    async def ours() -> None:
        await _finish_cases(system, citizens, service, count)

    await _measured(bench, system, count, ours)  # warms up all processes
    costs, bare_costs = [], []
    rows = {name: await read_rows(bench.postgres.database_url(system.database(name))) for name in SERVICES}
    async with open_bare_rows(bench, rows) as bare:
        for _ in range(bench.rounds):
            cost = await _measured(bench, system, count, ours)
            costs.append(cost)
            bare_costs.append(await _measured_bare(bench, bare, count, cost.records))
            await bare.clear()
    _record(bench, NAMES[service], f"{count} of {service}", costs, bare_costs, rows, count)


def _record(
    bench: BenchEnvironment,
    name: str,
    load: str,
    costs: list[CaseCost],
    bare_costs: list[CaseCost],
    rows: dict[str, list[RowsOfTable]],
    count: int,
) -> None:
    load += "; four services, simulators, servers"
    pairs = list(zip(bare_costs, costs, strict=True))
    bench.record(f"{name}: whole cases / raw rows and records", "cases/s", [(b.per_s, o.per_s) for b, o in pairs], load)
    own = [sum(cost.cpu_ms[service] for service in SERVICES) for cost in costs]
    sums = [(bare.cpu_ms["bare"], ours) for bare, ours in zip(bare_costs, own, strict=True)]
    bench.record(f"{name}: CPU of all services / raw rows and records", "ms", sums, load)
    bytes_ = [(bare.wal_bytes, ours.wal_bytes) for bare, ours in pairs]
    bench.record(f"{name}: WAL / raw rows", "bytes", bytes_, load)
    for process in costs[0].cpu_ms:
        bench.record_value(f"{name}: CPU of {process}", _median(cost.cpu_ms[process] for cost in costs), "ms", load)
    for service in SERVICES:
        tables = _median(cost.table_bytes[service] for cost in costs)
        bench.record_value(f"{name}: tables of {service}", tables, "bytes", f"{load}; with indexes")
        topics = _median(cost.topic_bytes[service] for cost in costs)
        bench.record_value(f"{name}: records of {service}", topics, "bytes", f"{load}; key, value and headers")
    row_count = sum(len(table.rows) for tables in rows.values() for table in tables) / count
    bench.record_value(f"{name}: rows", row_count, "rows", load)
    bench.record_value(f"{name}: records", len(costs[-1].records) / count, "records", load)


async def _measured(
    bench: BenchEnvironment, system: UntracedSystem, count: int, work: Callable[[], Awaitable[None]]
) -> CaseCost:
    topics = [f"{system.prefix}.{topic}" for topic in TOPIC_OWNERS]
    databases = {name: system.database(name) for name in SERVICES}
    pids = {name: system.supervisor.pid(name) for name in SERVICES} | _server_pids(bench)
    servers = bench.kafka.bootstrap_servers
    offsets = await end_offsets(servers, topics)
    bytes_before, cpu_before = await written_bytes(bench.postgres, databases.values()), cpu_seconds(pids)
    begun = perf_counter()
    await work()
    seconds = perf_counter() - begun
    cpu_after, bytes_after = cpu_seconds(pids), await written_bytes(bench.postgres, databases.values())
    records = await records_since(servers, topics, offsets)
    owned: Counter[str] = Counter()
    for record in records:
        owned[TOPIC_OWNERS[record[0].removeprefix(f"{system.prefix}.")]] += size_of(record)
    return CaseCost(
        count / seconds,
        {name: 1000 * (cpu_after[name] - cpu_before[name]) / count for name in pids},
        (bytes_after.wal - bytes_before.wal) / count,
        {
            name: (bytes_after.tables[database] - bytes_before.tables[database]) / count
            for name, database in databases.items()
        },
        {name: owned[name] / count for name in SERVICES},
        records,
    )


async def _measured_bare(bench: BenchEnvironment, bare: BareRows, count: int, records: list[Record]) -> CaseCost:
    before, own_before = await written_bytes(bench.postgres, ()), time.process_time()
    begun = perf_counter()
    await bare.write(count, records)
    seconds, own = perf_counter() - begun, time.process_time() - own_before
    after = await written_bytes(bench.postgres, ())
    return CaseCost(count / seconds, {"bare": 1000 * own / count}, (after.wal - before.wal) / count, {}, {}, [])


def _server_pids(bench: BenchEnvironment) -> dict[str, int]:
    """None of servers that this machine does not run."""
    return {name: pid for name, pid in bench.supervisor.pids().items() if name.startswith(("postgres", "kafka"))}


async def _finish_cases(system: UntracedSystem, citizens: Citizens, service: str, count: int) -> None:
    """Opens whole cases, and waits until each citizen has got the message that the paper is ready."""
    phones: set[str] = set()
    lines: list[tuple[SyncEndpoint, str]] = []
    for _ in range(0, count, CASES_PER_DEVICE):
        endpoint = await new_endpoint(system)
        await endpoint.lease_receipts()
        while len(lines) < count and endpoint.numbers.left("BE"):
            number = citizens.next()
            phones.add(_phone(number))
            lines.append((endpoint, endpoint.open_line(_body(service, number, endpoint))))

    async def client() -> None:
        while lines:
            endpoint, line = lines.pop(0)
            await endpoint.sync(line)

    await asyncio.gather(*(client() for _ in range(SYNCS_AT_ONCE)))
    await _told(system, phones)


def _body(service: str, number: int, endpoint: SyncEndpoint) -> dict[str, Any]:
    person = _registered(number)
    applicant = {name: person[name] for name in ("given_name", "family_name", "birth_date")}
    body = whole_case(service, applicant=applicant, contact={"phone": _phone(number)}, numbers=endpoint.numbers)
    if service == "resident_parking":
        body["facts"] = body["facts"] | {"plate": {"country": "AT", "text": person["vehicles"][0]["plate"]}}
    return body


async def _told(system: UntracedSystem, phones: set[str]) -> None:
    async with asyncio.timeout(TIMEOUT_S), httpx.AsyncClient(timeout=30) as client:
        while True:
            messages = (await client.get(system.simulator_url("gate"))).json()["messages"]
            if phones <= {sms["to"] for sms in messages if "fertig" in sms["text"]}:
                return
            await asyncio.sleep(0.25)


def _registered(number: int) -> dict[str, Any]:
    """Citizen `number`, as in the file of the simulated registers: they live in Linz and keep a car."""
    return {
        "given_name": "Zoë",
        "family_name": f"Hadžić{_letters(number)}",
        "birth_date": "1990-04-01",
        "vehicles": [{"plate": f"L-{100 + number // 26**2 % 900}{_letters(number)[-2:].upper()}"}],
    }


def _letters(number: int) -> str:
    return "".join(chr(ord("a") + number // 26**place % 26) for place in (3, 2, 1, 0))


def _phone(number: int) -> str:
    return f"+43660{number:08}"


def _median(values: Iterator[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]

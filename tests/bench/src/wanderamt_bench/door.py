"""The front door: entries per second through POST /sync, and the way from the tap to the SMS, beside the bare version."""

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from uuid_utils.compat import uuid7
from wanderamt.backbone.sources import utc_now
from wanderamt_local.field import Numbers, open_case_entry, whole_case
from wanderamt_local.processes import Command
from wanderamt_local.state import State, free_port
from wanderamt_local.system import System, says_ok

from wanderamt_bench.stage import Stage, quantile

CLIENTS = 4
TAPS_PER_S = {"idle": 1.0, "under half load": 8.0}


class Untraced(System):
    """As in production without a collector: ids travel on, no span is made. Topics of its own: what an earlier scene
    left on them would be heard here.
    """

    @cached_property
    def prefix(self) -> str:
        return f"s{uuid7().hex[-12:]}."

    def env(self, name: str) -> dict[str, str]:
        return super().env(name) | {"WANDERAMT_TRACE_FOLDER": "", "WANDERAMT_TOPIC_PREFIX": self.prefix}


class Door:
    """One way into a running system: where to send, with which token, for which stand."""

    def __init__(self, url: str, token: str, stand_id: UUID) -> None:
        self.url = url
        self.stand_id = stand_id
        self.client = httpx.AsyncClient(
            timeout=60, headers={"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
        )
        self._seq = 0

    def lines(self, count: int, *, phone: str = "+43660555001", whole: bool = False) -> str:
        """Each opens a case and asks the register, as the bare door does; `whole`: and ends at the desk."""
        return "\n".join(self._line(phone, whole=whole) for _ in range(count))

    def _line(self, phone: str, *, whole: bool) -> str:
        self._seq += 1
        applicant = {"given_name": "Zoë", "family_name": "Hadžić", "birth_date": "1990-04-01"}
        body = whole_case("dog_registration", applicant=applicant, contact={"phone": phone}, numbers=Numbers())
        if not whole:
            body = {name: value for name, value in body.items() if name != "papers"}
            body["service"] = "registration_confirmation"
        entry = open_case_entry(uuid7(), uuid7(), self.stand_id, device_seq=self._seq, captured_at=utc_now(), body=body)
        return json.dumps(entry)

    async def sync(self, lines: str) -> None:
        reply = await self.client.post(f"{self.url}/sync", content=lines)
        reply.raise_for_status()
        assert {one["status"] for one in reply.json()["results"]} == {"accepted"}, reply.text[:500]


async def bench_sync(stage: Stage, *, old_rows: int = 0, sizes: tuple[int, ...] = (50, 1)) -> float:
    """Entries per second of ours, at the first size."""
    rates: list[float] = []
    async with _both(stage, old_rows=old_rows) as (bare, ours):
        for size in sizes:
            count = stage.rows(10_000 if size > 1 else 1500)
            for door in (bare, ours):
                await _entries_per_s(door, count // 5, size)
            pairs = [
                (await _entries_per_s(bare, count, size), await _entries_per_s(ours, count, size))
                for _ in range(stage.rounds)
            ]
            load = f"{count} entries, {CLIENTS} clients, {old_rows} old cases"
            rates.append(
                stage.note(
                    f"sync of {size}{f' with {old_rows} old cases' if old_rows else ''} / bare multi-row insert",
                    "entries/s",
                    pairs,
                    load,
                )
            )
    return rates[0]


async def _entries_per_s(door: Door, count: int, size: int) -> float:
    batches = [door.lines(size) for _ in range(count // size)]
    begun = perf_counter()

    async def client() -> None:
        while batches:
            await door.sync(batches.pop())

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return count / (perf_counter() - begun)


@asynccontextmanager
async def _both(stage: Stage, *, old_rows: int) -> AsyncIterator[tuple[Door, Door]]:
    """Intake alone and the bare door, each a process with its own database and relay."""
    system = Untraced(State(stage.folder), children=stage.children, kafka=stage.kafka, postgres=stage.postgres)
    system.ports = {name: free_port() for name in ("intake", "bare", "residents", "sms", "smtp")}
    try:
        bare_url = await _start_bare(stage, system, [])
        await stage.postgres.create_database("intake")
        await stage.children.start(system.command("intake"))
        if old_rows:
            await _age(stage, "intake", old_rows)
        stand_id = uuid7()
        ours = Door(system.url("intake"), await system.enrol(uuid7(), stand_id), stand_id)
        yield Door(bare_url, "none", stand_id), ours
    finally:
        for name in ("bare", "intake"):
            await stage.children.stop_one(name)
        await stage.postgres.drop_database("intake")
        await stage.postgres.drop_database("bare_chain")


async def _start_bare(stage: Stage, system: System, third_parties: list[str]) -> str:
    port = system.ports["bare"]
    topics = await stage.topics()
    database = await stage.postgres.create_database("bare_chain")
    await stage.children.start(
        Command(
            name="bare",
            argv=[
                sys.executable,
                *(
                    "-m",
                    "wanderamt_bench.bare_chain",
                    str(port),
                    database,
                    stage.kafka.bootstrap_servers,
                    topics.prefix,
                ),
                *third_parties,
            ],
            env={},
            log=Path(stage.folder) / "logs" / "bare.log",
            ready=lambda: says_ok(f"http://127.0.0.1:{port}/ready"),
            restart=False,
        )
    )
    return f"http://127.0.0.1:{port}"


async def _age(stage: Stage, database: str, rows: int) -> None:
    """Entries and finished cases of years past."""

    connection = await asyncpg.connect(stage.postgres.database_url(database))
    try:
        await connection.execute(
            f"""
            INSERT INTO case_file (case_id, version, told, service, edition, stand_id, device_id, language, state,
                                   captured_at, application_day, opened_at, owner, reason, finished_at, progress,
                                   changed)
            SELECT gen_random_uuid(), 7, 3, 'dog_registration', 'dog_registration@2024-12-01', gen_random_uuid(),
                   gen_random_uuid(), 'de', 'final', now(), now()::date, now(), 'intake', '', now(), '{{}}', n
            FROM generate_series(1, {rows}) n
            """,
            timeout=600,
        )
        await connection.execute(
            f"""
            INSERT INTO entry (entry_id, device_id, device_seq, case_id, case_seq, type, payload_hash, captured_at,
                               received_at, fate)
            SELECT gen_random_uuid(), gen_random_uuid(), n, gen_random_uuid(), 1, 'case.open', '', now(), now(),
                   'applied'
            FROM generate_series(1, {rows}) n
            """,
            timeout=600,
        )
        await connection.execute(
            f"""
            INSERT INTO case_history (case_id, version, chapter, officer, happened_at)
            SELECT gen_random_uuid(), 7, '{{}}', 'clerk', now() FROM generate_series(1, {rows})
            """,
            timeout=600,
        )
        await connection.execute("VACUUM ANALYZE", timeout=600)
    finally:
        await connection.close()


async def bench_tap(stage: Stage) -> None:
    """Register without latency, so that what is measured is ours: from the tap to the gateway's receipt of the SMS."""
    system = Untraced(State(stage.folder / "tap"), children=stage.children, kafka=stage.kafka, postgres=stage.postgres)
    system.start_servers = _given(stage)  # type: ignore[method-assign]
    await system.start()
    system.ports["bare"] = free_port()
    try:
        await system.turn("residents", {"latency_s": 0, "jitter_s": 0})
        third_parties = [
            f"{system.url('residents')}/soap",
            f"{system.url('sms')}/messages",
            system.state.secrets.sms_key,
        ]
        stand_id = uuid7()
        bare = Door(await _start_bare(stage, system, third_parties), "none", stand_id)
        ours = Door(system.url("intake"), await system.enrol(uuid7(), stand_id), stand_id)
        for _ in range(2):
            await _taps(system, bare, 20, 4.0)
            await _taps(system, ours, 20, 4.0)
        for load, per_s in TAPS_PER_S.items():
            count = stage.rows(200 if per_s > 1 else 60)
            rounds = [
                (await _taps(system, bare, count, per_s), await _taps(system, ours, count, per_s))
                for _ in range(stage.rounds)
            ]
            for share, name in ((0.5, "p50"), (0.99, "p99")):
                pairs = [(quantile(one, share), quantile(two, share)) for one, two in rounds]
                stage.note(f"tap to SMS {name} {load}", "ms", pairs, f"{count} taps at {per_s:.0f}/s, one case each")
    finally:
        await stage.children.stop_one("bare")


def _given(stage: Stage) -> Any:
    async def servers() -> tuple[Any, Any]:
        return stage.kafka, stage.postgres

    return servers


async def _taps(system: System, door: Door, count: int, per_s: float) -> list[float]:
    """Milliseconds of each, by the phone number: every tap has its own. Not in step with any timer, as people are not."""
    rng = random.Random(count)  # the same moments for both
    loop = asyncio.get_running_loop()
    tapped: dict[str, float] = {}
    first = int(utc_now().timestamp() * 1000) % 10**9
    begun = loop.time()
    sending: list[asyncio.Task[None]] = []
    for number in range(count):
        await asyncio.sleep(max(0.0, begun + (number + rng.uniform(0, 0.5)) / per_s - loop.time()))
        phone = f"+43{first + number:010}"
        tapped[phone] = utc_now().timestamp()
        sending.append(asyncio.create_task(door.sync(door.lines(1, phone=phone, whole=True))))
    await asyncio.gather(*sending)
    async with asyncio.timeout(120), httpx.AsyncClient(timeout=10) as client:
        while True:
            seen = (await client.get(f"{system.url('sms')}/_simulator")).json()["messages"]
            arrived = {one["to"]: one["at"] for one in seen if one["to"] in tapped}
            if len(arrived) == count:
                return [(arrived[phone] - at) * 1000 for phone, at in tapped.items()]
            await asyncio.sleep(0.3)

"""What a running system has cost so far: processor time by process, bytes by database."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import asyncpg
from wanderamt_local.system import SERVICES

from wanderamt_bench.sync_endpoint import UntracedSystem

PROC = Path("/proc")
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Costs:
    """`processor_ms`: by part, with all processes that it started; `database_bytes`: by service, after a vacuum."""

    SERVERS: ClassVar = ("postgres", "kafka")
    PARTS: ClassVar = (*SERVICES, *SERVERS)

    processor_ms: dict[str, float]
    database_bytes: dict[str, int]

    @classmethod
    async def of(cls, system: UntracedSystem, server_pids: dict[str, int]) -> "Costs":
        pids = system.supervisor.pids() | server_pids
        times = {part: processor_ms(pids[part]) for part in cls.PARTS}
        return cls(times, {service: await _size(system, service) for service in SERVICES})

    def __sub__(self, other: "Costs") -> "Costs":
        return Costs(
            {part: ms - other.processor_ms[part] for part, ms in self.processor_ms.items()},
            {service: size - other.database_bytes[service] for service, size in self.database_bytes.items()},
        )


def processor_ms(pid: int) -> float:
    """Of a process and of all that descend from it, also those that have ended."""
    children: dict[int, list[int]] = {}
    times: dict[int, int] = {}
    for folder in PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            # after the name, which may hold blanks: state, parent, and from the 12th on the four times
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        times[int(folder.name)] = sum(map(int, fields[11:15]))
        children.setdefault(int(fields[1]), []).append(int(folder.name))
    ticks, waiting = 0, [pid]
    while waiting:
        process = waiting.pop()
        ticks += times.get(process, 0)
        waiting += children.get(process, [])
    return ticks * TICK_MS


async def _size(system: UntracedSystem, service: str) -> int:
    assert system.postgres
    connection = await asyncpg.connect(system.postgres.database_url(system.database(service)), timeout=30)
    try:
        await connection.execute("VACUUM")
        return int(await connection.fetchval("SELECT pg_database_size(current_database())"))
    finally:
        await connection.close()

"""Papers: how long one takes, and whether printing eight at a time delays the crews at the front door."""

import asyncio
import sys
from dataclasses import replace
from time import perf_counter

from intake.paper.press import Press
from uuid_utils.compat import uuid7
from wanderamt_local.state import State, free_port

from wanderamt_bench.door import Door, Untraced
from wanderamt_bench.sheets import a_page, new_press
from wanderamt_bench.stage import Stage, quantile

AT_ONCE = 8
SYNCS_PER_S = 20.0


async def bench_paper(stage: Stage) -> None:
    press = new_press()
    await press.start()
    try:
        count = stage.rows(500)
        times = [await _print(press, number) for number in range(count // 10 + count)][count // 10 :]
        p50_ms = quantile(times, 0.5) * 1000
        stage.note_alone("a certificate (render, sign, code) p50", p50_ms, "ms", f"{count} one after the other")
    finally:
        await press.stop()
    await _beside_sync(stage)


async def _print(press: Press, number: int) -> float:
    begun = perf_counter()
    page = a_page(f"MB-{number}", given_name="Zoë", family_name="Hadžić", birth_date="1990-04-01")
    await press.print_page(page)
    return perf_counter() - begun


async def _beside_sync(stage: Stage) -> None:
    """/sync of one entry at a steady rate, alone and while intake prints eight certificates at a time."""
    system = Untraced(State(stage.folder), children=stage.children, kafka=stage.kafka, postgres=stage.postgres)
    system.ports = {name: free_port() for name in ("intake", "residents", "sms", "smtp")}
    await stage.postgres.create_database("intake")
    wanted = stage.folder / "print"
    argv = [sys.executable, "-m", "wanderamt_bench.printing_intake", str(wanted), str(AT_ONCE)]
    try:
        await stage.children.start(replace(system.command("intake"), argv=argv))
        stand_id = uuid7()
        door = Door(system.url("intake"), await system.enrol(uuid7(), stand_id), stand_id)
        count = stage.rows(1000)
        await _syncs(door, count // 10)
        pairs = []
        for _ in range(stage.rounds):
            alone = await _syncs(door, count)
            wanted.touch()
            beside = await _syncs(door, count)
            wanted.unlink()
            pairs.append((quantile(alone, 0.99) * 1000, quantile(beside, 0.99) * 1000))
        stage.note("/sync p99 beside 8 certificates / alone", "ms", pairs, f"{count} syncs at {SYNCS_PER_S:.0f}/s")
    finally:
        await stage.children.stop_one("intake")
        await stage.postgres.drop_database("intake")


async def _syncs(door: Door, count: int) -> list[float]:
    """Seconds of each."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    times = []

    async def one() -> None:
        sent = perf_counter()
        await door.sync(door.lines(1))
        times.append(perf_counter() - sent)

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await asyncio.sleep(max(0.0, begun + number / SYNCS_PER_S - loop.time()))
            group.create_task(one())
    return times

"""Papers: how long one takes, and whether printing eight at once delays the crews at the front door."""

import asyncio
import sys
from time import perf_counter

from intake.paper.press import Press

from wanderamt_bench.door import Door, intake_alone
from wanderamt_bench.sheets import a_page, new_press
from wanderamt_bench.stage import Stage, quantile

AT_ONCE = 8
PRINTING = {"8 certificates at once each second": "1", "a press that never rests": "0"}
SYNCS_PER_S = 40.0


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
    """/sync of one entry at a steady rate, alone and while intake prints."""
    wanted = stage.folder / "print"
    argv = [sys.executable, "-m", "wanderamt_bench.printing_intake", str(wanted), str(AT_ONCE)]
    async with intake_alone(stage, argv=argv) as (_, door):
        count = stage.rows(1000)
        await _syncs(door, count // 10)
        p99s: dict[str, list[tuple[float, float]]] = {name: [] for name in PRINTING}
        for _ in range(stage.rounds):
            alone = quantile(await _syncs(door, count), 0.99) * 1000
            for name, every_s in PRINTING.items():
                wanted.write_text(every_s)
                p99s[name].append((alone, quantile(await _syncs(door, count), 0.99) * 1000))
                wanted.unlink()
        for name, pairs in p99s.items():
            stage.note(f"/sync p99 beside {name} / alone", "ms", pairs, f"{count} syncs at {SYNCS_PER_S:.0f}/s")


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

"""Intake as it is, that prints so many certificates at once while a file is there: as often as it says, in seconds.

python -m wanderamt_bench.printing_intake FILE COUNT
"""

import asyncio
import sys
from pathlib import Path

import uvloop
from intake.app import build
from intake.paper.press import Press

from wanderamt_bench.sheets import a_page

LOOK_EVERY_S = 0.05


async def keep_printing(press: Press, wanted: Path) -> None:
    """All begin together; at 0 each begins the next when its last is done."""
    loop = asyncio.get_running_loop()
    while True:
        every_s = _every_s(wanted)
        if every_s is None:
            await asyncio.sleep(LOOK_EVERY_S)
            continue
        if every_s:
            await asyncio.sleep(every_s - loop.time() % every_s)
        await press.print_page(a_page("MB-1", given_name="Zoë", family_name="Hadžić", birth_date="1990-04-01"))


def _every_s(wanted: Path) -> float | None:
    try:
        return float(wanted.read_text())
    except (FileNotFoundError, ValueError):  # not there, or not written yet
        return None


async def main(wanted: Path, count: int) -> None:
    service = build()
    await asyncio.to_thread(service.migrate)
    press = service.parts["press"]
    assert isinstance(press, Press)
    printing = [asyncio.create_task(keep_printing(press, wanted)) for _ in range(count)]
    try:
        await service.run()
    finally:
        for task in printing:
            task.cancel()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2])))

"""Intake as it is, that keeps so many certificates in its press while a file is there.

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
    while True:
        if wanted.exists():  # noqa: ASYNC240 -- a look at a local file
            await press.print_page(a_page("MB-1", given_name="Zoë", family_name="Hadžić", birth_date="1990-04-01"))
        else:
            await asyncio.sleep(LOOK_EVERY_S)


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

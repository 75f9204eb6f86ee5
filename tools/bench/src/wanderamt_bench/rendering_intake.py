"""Intake that renders certificates while it serves requests.

python -m wanderamt_bench.rendering_intake FILE COUNT: while FILE exists, renders COUNT certificates at once; FILE holds
the interval in seconds.
"""

import asyncio
import sys
from pathlib import Path

import uvloop
from intake.app import build
from intake.documents_pdf.pdf_renderer import PdfRenderer

from wanderamt_bench.sample_documents import certificate_task

CHECK_INTERVAL_S = 0.05


async def keep_rendering(renderer: PdfRenderer, interval_file: Path) -> None:
    """Renders at the interval; with the interval 0, renders without a pause."""
    loop = asyncio.get_running_loop()
    while True:
        interval_s = _read_interval(interval_file)
        if interval_s is None:
            await asyncio.sleep(CHECK_INTERVAL_S)
            continue
        if interval_s:
            await asyncio.sleep(interval_s - loop.time() % interval_s)  # all tasks together
        await renderer.render(certificate_task("MB-1", given_name="Zoë", family_name="Hadžić", birth_date="1990-04-01"))


def _read_interval(interval_file: Path) -> float | None:
    try:
        return float(interval_file.read_text())
    except (FileNotFoundError, ValueError):  # it does not exist, or is not written yet
        return None


async def main(interval_file: Path, count: int) -> None:
    service = build()
    await asyncio.to_thread(service.migrate)
    renderer = service.components["pdf_workers"]
    assert isinstance(renderer, PdfRenderer)
    rendering = [asyncio.create_task(keep_rendering(renderer, interval_file)) for _ in range(count)]
    try:
        await service.run()
    finally:
        for task in rendering:
            task.cancel()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2])))

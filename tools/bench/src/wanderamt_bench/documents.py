"""Rendering of documents: the time per document, and how it delays POST /sync of the crews."""

import asyncio
import sys
from time import perf_counter

from intake.documents_pdf.pdf_renderer import PdfRenderer

from wanderamt_bench.bench_environment import BenchEnvironment, quantile
from wanderamt_bench.sample_documents import certificate_task, new_renderer
from wanderamt_bench.sync_endpoint import SyncEndpoint, intake_alone

AT_ONCE = 8
RENDERING = {"8 certificates at once each second": "1", "rendering without a pause": "0"}  # name → interval in seconds
SYNCS_PER_S = 40.0


async def bench_documents(bench: BenchEnvironment) -> None:
    renderer = new_renderer()
    await renderer.start()
    try:
        count = bench.scaled(500)
        times = [await _render(renderer, number) for number in range(count // 10 + count)][count // 10 :]
        p50_ms = quantile(times, 0.5) * 1000
        bench.record_value("documents: a certificate (render, sign, QR code) p50", p50_ms, "ms", f"{count} in sequence")
    finally:
        await renderer.stop()
    await _beside_sync(bench)


async def _render(renderer: PdfRenderer, number: int) -> float:
    begun = perf_counter()
    task = certificate_task(f"MB-{number}", given_name="Zoë", family_name="Hadžić", birth_date="1990-04-01")
    await renderer.render(task)
    return perf_counter() - begun


async def _beside_sync(bench: BenchEnvironment) -> None:
    """POST /sync of one entry at a constant rate, alone and while intake renders documents."""
    interval_file = bench.folder / "render-interval"
    argv = [sys.executable, "-m", "wanderamt_bench.rendering_intake", str(interval_file), str(AT_ONCE)]
    async with intake_alone(bench, argv=argv) as (_, endpoint):
        count = bench.scaled(1000, quick=40)
        await _syncs(endpoint, count // 10)
        p99s: dict[str, list[tuple[float, float]]] = {name: [] for name in RENDERING}
        for _ in range(bench.rounds):
            alone = quantile(await _syncs(endpoint, count), 0.99) * 1000
            for name, interval in RENDERING.items():
                interval_file.write_text(interval)
                p99s[name].append((alone, quantile(await _syncs(endpoint, count), 0.99) * 1000))
                interval_file.unlink()
        for name, pairs in p99s.items():
            bench.record(f"/sync p99 beside {name} / alone", "ms", pairs, f"{count} syncs at {SYNCS_PER_S:.0f}/s")


async def _syncs(endpoint: SyncEndpoint, count: int) -> list[float]:
    """The seconds of each request."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    times = []

    async def send() -> None:
        sent = perf_counter()
        await endpoint.sync(endpoint.entry_lines(1))
        times.append(perf_counter() - sent)

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await asyncio.sleep(max(0.0, begun + number / SYNCS_PER_S - loop.time()))
            group.create_task(send())
    return times

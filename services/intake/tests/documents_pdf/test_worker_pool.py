"""Worker processes: replaced when they die or time out, and gone when their service is gone."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from intake.documents_pdf.pdf_renderer import PdfRenderer, RenderTask
from intake.documents_pdf.worker_pool import WorkerError, WorkerPool
from pydantic import SecretStr

MakePage = Callable[..., RenderTask]

SLOW = """
import os, pathlib, sys, time
from intake.documents_pdf.worker_process import run_worker

def begin(line):
    if line.strip() == b"broken":
        raise ValueError("secret")
    return answer

def answer(line):
    print("printed by a library")
    if line.strip() == b"sleep":
        pathlib.Path(__file__).with_name("busy").touch()
        time.sleep(60)
    if line.strip() == b"secrets":
        return " ".join(name for name in os.environ if name.startswith("WANDERAMT")).encode()
    if line.strip() == b"fail":
        raise LookupError("of no use to anybody")
    return line.strip()[::-1]

run_worker(begin)
"""
PARENT = """
import asyncio, sys
from intake.documents_pdf.worker_pool import WorkerPool
from pydantic import SecretStr

async def main():
    workers = WorkerPool("slow_worker", SecretStr("setup"), count=2)
    await asyncio.gather(*(workers.run(b"a") for _ in range(2)))
    await workers.run(b"b")
    print("ready", flush=True)
    await workers.run(b"sleep")

asyncio.run(main())
"""


def processes(module: str) -> list[psutil.Process]:
    children = psutil.Process().children()
    return [process for process in children if process.status() != psutil.STATUS_ZOMBIE and module in process.cmdline()]


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "slow_worker.py").write_text(SLOW)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "slow_worker"


async def test_an_answer_belongs_to_its_task(slow: str) -> None:
    workers = WorkerPool(slow, SecretStr("setup"), count=2)
    tasks = [f"task {number}".encode() for number in range(50)]
    assert await asyncio.gather(*map(workers.run, tasks)) == [process[::-1] for process in tasks]
    assert workers.pending == 0
    await workers.stop()
    assert processes(slow) == []


async def test_a_task_that_fails_or_hangs_fails_alone(slow: str) -> None:
    workers = WorkerPool(slow, SecretStr("setup"), timeout_s=1.0)
    with pytest.raises(WorkerError, match="LookupError"):
        await workers.run(b"fail")
    with pytest.raises(WorkerError, match="TimeoutError"):
        await workers.run(b"sleep")
    assert await workers.run(b"next") == b"txen"
    hanging = asyncio.create_task(workers.run(b"sleep"))
    await asyncio.sleep(0.3)
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)
    assert await workers.run(b"next") == b"txen"
    await workers.stop()


async def test_a_worker_that_does_not_start_is_reported_without_its_setup(slow: str) -> None:
    workers = WorkerPool(slow, SecretStr("broken"))
    await workers.start()
    assert "does not start: ValueError" in workers.health_problem
    assert "secret" not in workers.health_problem
    with pytest.raises(WorkerError):
        await workers.run(b"a")
    await workers.stop()


async def test_a_worker_knows_its_setup_and_no_other_secret_of_the_service(
    slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDERAMT_ENCRYPTION_KEY", "of nobody's business")
    workers = WorkerPool(slow, SecretStr("setup"))
    assert await workers.run(b"secrets") == b""
    await workers.stop()


async def test_a_renderer_whose_process_was_killed_renders_the_next_page(
    renderer: PdfRenderer, make_page: MakePage
) -> None:
    await renderer.start()
    [worker] = processes("intake.documents_pdf.render_process")
    worker.kill()
    worker.wait(10)
    with pytest.raises(WorkerError):
        await renderer.render(make_page())
    assert (await renderer.render(make_page())).startswith(b"%PDF-1.7")


async def test_a_killed_service_leaves_no_worker(slow: str, tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(tmp_path)}
    )
    assert parent.stdout
    assert await asyncio.wait_for(parent.stdout.readline(), 30) == b"ready\n"
    workers = psutil.Process(parent.pid).children()
    assert len(workers) == 2
    async with asyncio.timeout(30):
        while not (tmp_path / "busy").exists():
            await asyncio.sleep(0.01)
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    gone, _ = psutil.wait_procs(workers, timeout=5)
    assert len(gone) == 1  # the busy worker ends when it cannot write its answer
    for process in workers:
        if process.is_running():
            process.kill()

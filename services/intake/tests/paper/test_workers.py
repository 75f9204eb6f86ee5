"""Worker processes: replaced when they die or are late, gone when their service is."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from intake.paper.press import Page, Press
from intake.paper.workers import WorkerFailed, Workers
from pydantic import SecretStr

MakePage = Callable[..., Page]

SLOW = """
import os, sys, time
from intake.paper.worker import serve

def begin(line):
    if line.strip() == b"broken":
        raise ValueError("secret")
    return answer

def answer(line):
    print("printed by a library")
    if line.strip() == b"sleep":
        time.sleep(60)
    if line.strip() == b"secrets":
        return " ".join(name for name in os.environ if name.startswith("WANDERAMT")).encode()
    if line.strip() == b"fail":
        raise LookupError("of no use to anybody")
    return line.strip()[::-1]

serve(begin)
"""
PARENT = """
import asyncio, sys
from intake.paper.workers import Workers
from pydantic import SecretStr

async def main():
    workers = Workers("slow_worker", SecretStr("setup"), count=2)
    await asyncio.gather(*(workers.ask(b"a") for _ in range(2)))
    await workers.ask(b"b")
    print("ready", flush=True)
    await workers.ask(b"sleep")

asyncio.run(main())
"""


def processes(module: str) -> list[psutil.Process]:
    children = psutil.Process().children()
    return [one for one in children if one.status() != psutil.STATUS_ZOMBIE and module in one.cmdline()]


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "slow_worker.py").write_text(SLOW)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "slow_worker"


async def test_an_answer_belongs_to_its_task(slow: str) -> None:
    workers = Workers(slow, SecretStr("setup"), count=2)
    asked = [f"task {number}".encode() for number in range(50)]
    assert await asyncio.gather(*map(workers.ask, asked)) == [one[::-1] for one in asked]
    assert workers.waiting == 0
    await workers.stop()
    assert processes(slow) == []


async def test_a_task_that_fails_or_hangs_fails_alone(slow: str) -> None:
    workers = Workers(slow, SecretStr("setup"), timeout_s=1.0)
    with pytest.raises(WorkerFailed, match="LookupError"):
        await workers.ask(b"fail")
    with pytest.raises(WorkerFailed, match="TimeoutError"):
        await workers.ask(b"sleep")
    assert await workers.ask(b"next") == b"txen"
    hanging = asyncio.create_task(workers.ask(b"sleep"))
    await asyncio.sleep(0.3)
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)
    assert await workers.ask(b"next") == b"txen"
    await workers.stop()


async def test_a_worker_that_does_not_start_is_told_without_its_setup(slow: str) -> None:
    workers = Workers(slow, SecretStr("broken"))
    await workers.start()
    assert "does not start: ValueError" in workers.trouble
    assert "secret" not in workers.trouble
    with pytest.raises(WorkerFailed):
        await workers.ask(b"a")
    await workers.stop()


async def test_a_worker_knows_its_setup_and_no_other_secret_of_the_service(
    slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDERAMT_SEALING_KEY", "of nobody's business")
    workers = Workers(slow, SecretStr("setup"))
    assert await workers.ask(b"secrets") == b""
    await workers.stop()


async def test_a_press_whose_process_was_killed_prints_the_next_page(press: Press, make_page: MakePage) -> None:
    await press.start()
    [worker] = processes("intake.paper.printing")
    worker.kill()
    worker.wait(10)
    with pytest.raises(WorkerFailed):
        await press.print_page(make_page())
    assert (await press.print_page(make_page())).startswith(b"%PDF-1.7")


async def test_a_killed_service_leaves_no_worker(slow: str, tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(tmp_path)}
    )
    assert parent.stdout
    assert await asyncio.wait_for(parent.stdout.readline(), 30) == b"ready\n"
    workers = psutil.Process(parent.pid).children()
    assert len(workers) == 2
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    gone, _ = psutil.wait_procs(workers, timeout=5)
    assert len(gone) == 1  # the one at work ends when it has nowhere to answer to
    for one in workers:
        if one.is_running():
            one.kill()

"""A pool of worker processes for CPU-bound tasks. A task is a line of bytes; its answer is bytes.

Invariants: CPU-bound work never blocks the event loop of the service. A worker ends when its input ends, so a killed
service leaves no process behind. A worker that dies or exceeds the time limit is replaced, and its task fails.
"""

import asyncio
import os
import struct
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress

import structlog
from pydantic import SecretStr

ANSWER_HEADER = struct.Struct(">BI")  # failure flag, length of the answer
START_S = 60.0
STOP_S = 5.0
ENVIRONMENT = ("PATH", "PYTHONPATH", "TMPDIR", "LANG", "LC_ALL")  # no secrets of the service
WORKER_ERRORS = (OSError, TimeoutError, asyncio.IncompleteReadError)

log = structlog.get_logger()


class WorkerError(Exception):
    """The task has no result and had no effect; it may be retried."""


class TaskError(WorkerError):
    """The worker itself reported that it cannot do this task: it would fail again."""


class TaskTimeoutError(WorkerError):
    """The task took longer than the pool allows."""


class WorkerPool:
    """Runs `python -m module`. `setup`: its first input line, because a process list shows arguments.

    Up to `count` workers run; each starts with its first task, or with `start`. Tasks wait while no worker is free.
    `timeout_s`: per task.
    """

    def __init__(self, module: str, setup: SecretStr, *, count: int = 1, timeout_s: float = 10.0) -> None:
        self.health_problem = ""
        self._module = module
        self._setup = setup
        self._timeout_s = timeout_s
        self._count = count
        self._pending = 0
        self._free: asyncio.Queue[Process | None] = asyncio.Queue()
        for _ in range(count):
            self._free.put_nowait(None)

    @property
    def pending(self) -> int:
        """Number of tasks without an answer."""
        return self._pending

    async def start(self) -> None:
        """Starts one worker in advance. `health_problem` reports a failure."""
        worker = await self._free.get()
        try:
            worker = worker or await self._start_worker()
        except WorkerError:
            log.exception("workers.start_failed", module=self._module)
        self._free.put_nowait(worker)

    async def stop(self) -> None:
        for _ in range(self._count):
            worker = await self._free.get()
            if worker:
                await _stop_worker(worker)

    async def run(self, task: bytes) -> bytes:
        """Raises WorkerError. `task`: one line without its newline."""
        self._pending += 1
        worker = None
        try:
            worker = await self._free.get()
            return await self._run(worker, task)
        finally:
            self._pending -= 1

    async def _run(self, worker: Process | None, task: bytes) -> bytes:
        try:
            worker = worker or await self._start_worker()
            async with asyncio.timeout(self._timeout_s):
                failed, answer = await _exchange(worker, task)
        except BaseException as error:
            if worker:  # its late answer must not become the answer to the next task
                _kill(worker)
                worker = None
            if isinstance(error, WORKER_ERRORS):
                failure = TaskTimeoutError if isinstance(error, TimeoutError) else WorkerError
                raise failure(f"{self._module}: {type(error).__name__}") from error
            raise
        finally:
            self._free.put_nowait(worker)
        if failed:
            raise TaskError(f"{self._module}: {answer.decode()}")
        return answer

    async def _start_worker(self) -> Process:
        environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        argv = (sys.executable, "-m", self._module)
        worker = await asyncio.create_subprocess_exec(*argv, stdin=PIPE, stdout=PIPE, env=environment)
        try:
            async with asyncio.timeout(START_S):
                failed, answer = await _exchange(worker, self._setup.get_secret_value().encode())
        except BaseException as error:
            _kill(worker)
            if not isinstance(error, WORKER_ERRORS):
                raise
            failed, answer = 1, type(error).__name__.encode()
        if failed:
            self.health_problem = f"{self._module} does not start: {answer.decode()}"
            raise WorkerError(self.health_problem)
        self.health_problem = ""
        return worker


async def _exchange(worker: Process, line: bytes) -> tuple[int, bytes]:
    assert worker.stdin and worker.stdout  # noqa: S101, PT018 -- created with pipes
    worker.stdin.write(line + b"\n")
    await worker.stdin.drain()
    failed, length = ANSWER_HEADER.unpack(await worker.stdout.readexactly(ANSWER_HEADER.size))
    return failed, await worker.stdout.readexactly(length)


def _kill(worker: Process) -> None:
    with suppress(ProcessLookupError):  # it has already ended
        worker.kill()


async def _stop_worker(worker: Process) -> None:
    assert worker.stdin  # noqa: S101 -- created with pipes
    worker.stdin.close()
    try:
        async with asyncio.timeout(STOP_S):
            await worker.wait()
    except TimeoutError:
        _kill(worker)

"""Processes that burn CPU for a service: a task is a line of bytes, its answer comes as bytes.

Kept true: the service's own loop never waits for a processor; a worker ends when its input ends, so that a killed
service leaves none behind; one that dies or does not answer in time is replaced, and its task has failed.
"""

import asyncio
import os
import struct
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress

import structlog
from pydantic import SecretStr

HEAD = struct.Struct(">BI")  # failed or not, length of the answer
START_S = 60.0
STOP_S = 5.0
ENVIRONMENT = ("PATH", "PYTHONPATH", "TMPDIR", "LANG", "LC_ALL")  # and none of the service's secrets
BROKEN = (OSError, TimeoutError, asyncio.IncompleteReadError)

log = structlog.get_logger()


class WorkerFailed(Exception):
    """The task has no result and had no effect: it may be tried again."""


class Workers:
    """`module` is run as `python -m`; `setup` is its first line, which no list of processes shows.

    Up to `count` run; each begins with its first task, or with `start`. Who finds none free waits.
    """

    def __init__(self, module: str, setup: SecretStr, *, count: int = 1, timeout_s: float = 10.0) -> None:
        self.trouble = ""
        self._module = module
        self._setup = setup
        self._timeout_s = timeout_s
        self._count = count
        self._waiting = 0
        self._free: asyncio.Queue[Process | None] = asyncio.Queue()
        for _ in range(count):
            self._free.put_nowait(None)

    @property
    def waiting(self) -> int:
        """Tasks that are asked and not answered."""
        return self._waiting

    async def start(self) -> None:
        """Begins one, so that the first task need not wait for it. A failure is told by `trouble`."""
        worker = await self._free.get()
        try:
            worker = worker or await self._begin()
        except WorkerFailed:
            log.exception("workers.do_not_start", module=self._module)
        self._free.put_nowait(worker)

    async def stop(self) -> None:
        for _ in range(self._count):
            worker = await self._free.get()
            if worker:
                await _end(worker)

    async def ask(self, task: bytes) -> bytes:
        """Raises WorkerFailed. `task` is one line without its end."""
        self._waiting += 1
        worker = None
        try:
            worker = await self._free.get()
            return await self._ask(worker, task)
        finally:
            self._waiting -= 1

    async def _ask(self, worker: Process | None, task: bytes) -> bytes:
        try:
            worker = worker or await self._begin()
            async with asyncio.timeout(self._timeout_s):
                failed, answer = await _exchange(worker, task)
        except BaseException as error:
            if worker:  # its answer may still come, and must not be taken for that to the next task
                _kill(worker)
                worker = None
            if isinstance(error, BROKEN):
                raise WorkerFailed(f"{self._module}: {type(error).__name__}") from error
            raise
        finally:
            self._free.put_nowait(worker)
        if failed:
            raise WorkerFailed(f"{self._module}: {answer.decode()}")
        return answer

    async def _begin(self) -> Process:
        plain = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        argv = (sys.executable, "-m", self._module)
        worker = await asyncio.create_subprocess_exec(*argv, stdin=PIPE, stdout=PIPE, env=plain)
        try:
            async with asyncio.timeout(START_S):
                failed, told = await _exchange(worker, self._setup.get_secret_value().encode())
        except BaseException as error:
            _kill(worker)
            if not isinstance(error, BROKEN):
                raise
            failed, told = 1, type(error).__name__.encode()
        if failed:
            self.trouble = f"{self._module} does not start: {told.decode()}"
            raise WorkerFailed(self.trouble)
        self.trouble = ""
        return worker


async def _exchange(worker: Process, line: bytes) -> tuple[int, bytes]:
    assert worker.stdin and worker.stdout  # noqa: S101, PT018 -- made with pipes
    worker.stdin.write(line + b"\n")
    await worker.stdin.drain()
    failed, length = HEAD.unpack(await worker.stdout.readexactly(HEAD.size))
    return failed, await worker.stdout.readexactly(length)


def _kill(worker: Process) -> None:
    with suppress(ProcessLookupError):  # it is gone already
        worker.kill()


async def _end(worker: Process) -> None:
    assert worker.stdin  # noqa: S101 -- made with pipes
    worker.stdin.close()
    try:
        async with asyncio.timeout(STOP_S):
            await worker.wait()
    except TimeoutError:
        _kill(worker)

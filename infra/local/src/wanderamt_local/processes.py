"""Child processes: each in its own process group, restarted when it dies, stopped in reverse order.

Invariants:
- No child outlives its parent: a clean stop ends each group; the process reaper ends them if the parent is killed.
- A child that dies is restarted after a pause that grows while it keeps dying.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import wanderamt_local.process_reaper
from wanderamt_local.errors import NotReadyError

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 25.0
RESTART_AFTER_S = (0.2, 1.0, 3.0, 10.0)
STABLE_AFTER_S = 10.0  # a child that lived this long counts as stable: the next pause is the shortest again


@dataclass(frozen=True)
class ProcessSpec:
    """How to start a process. `ready`: whether it can be used. `stop_signal`: the signal that ends it cleanly."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path
    ready: Callable[[], Awaitable[bool]]
    stop_signal: signal.Signals = signal.SIGTERM
    restart: bool = True


@dataclass
class SupervisedProcess:
    spec: ProcessSpec
    process: asyncio.subprocess.Process
    watch: asyncio.Task[None] | None = None
    restarts: int = 0


@dataclass
class ProcessSupervisor:
    _reaper: asyncio.subprocess.Process | None = None
    _children: dict[str, SupervisedProcess] = field(default_factory=dict)
    _reaper_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _stopping: bool = False

    async def start(self, spec: ProcessSpec) -> None:
        """Starts the process and waits until it is ready. Raises NotReadyError."""
        child = SupervisedProcess(spec, await self._spawn(spec))
        self._children[spec.name] = child
        if spec.restart:
            child.watch = asyncio.create_task(self._keep_alive(child), name=f"keep-{spec.name}")
        await self._until_ready(child)

    async def stop(self) -> None:
        """Stops all processes, in the reverse order of their start."""
        self._stopping = True
        for child in reversed(self._children.values()):
            if child.watch:
                child.watch.cancel()
            await self._end(child)
        self._children.clear()
        if self._reaper and self._reaper.stdin:
            self._reaper.stdin.close()
            await self._reaper.wait()
            self._reaper = None
        self._stopping = False

    async def stop_one(self, name: str) -> None:
        child = self._children.pop(name)
        if child.watch:
            child.watch.cancel()
        await self._end(child)

    def pid(self, name: str) -> int:
        return self._children[name].process.pid

    def pids(self) -> dict[str, int]:
        return {name: child.process.pid for name, child in self._children.items()}

    def restarts(self, name: str) -> int:
        return self._children[name].restarts

    def kill(self, name: str) -> None:
        """kill -9."""
        self.signal(name, signal.SIGKILL)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Sends the signal to the process group. A process that ends is restarted."""
        with contextlib.suppress(ProcessLookupError):  # it has just died and is being restarted
            os.killpg(self.pid(name), number)

    def end(self, name: str) -> None:
        """Ends the process cleanly; it is restarted."""
        child = self._children[name]
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.process.pid, child.spec.stop_signal)

    async def until_ready(self, name: str) -> None:
        """Raises NotReadyError."""
        await self._until_ready(self._children[name])

    async def _spawn(self, command: ProcessSpec) -> asyncio.subprocess.Process:
        command.log.parent.mkdir(parents=True, exist_ok=True)
        with command.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command.argv,
                env={**os.environ, **command.env},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        await self._notify_reaper(f"+{process.pid}")
        return process

    async def _notify_reaper(self, line: str) -> None:
        async with self._reaper_lock:  # processes start concurrently; there is one reaper
            if not self._reaper:
                self._reaper = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-ISE",
                    str(wanderamt_local.process_reaper.__file__),
                    stdin=asyncio.subprocess.PIPE,
                    start_new_session=True,
                )
        assert self._reaper.stdin  # noqa: S101 -- a pipe was asked for
        with contextlib.suppress(ConnectionError):
            self._reaper.stdin.write(f"{line}\n".encode())
            await self._reaper.stdin.drain()

    async def _until_ready(self, child: SupervisedProcess) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + READY_TIMEOUT_S
        while not await child.spec.ready():
            if loop.time() > end or (not child.spec.restart and child.process.returncode is not None):
                raise NotReadyError(_failure_report(child))
            await asyncio.sleep(0.05)

    async def _keep_alive(self, child: SupervisedProcess) -> None:
        clock = asyncio.get_running_loop().time
        deaths = 0
        while True:
            started_at = clock()
            await child.process.wait()
            if self._stopping:
                return
            await self._notify_reaper(f"-{child.process.pid}")
            deaths = 0 if clock() - started_at > STABLE_AFTER_S else deaths
            await asyncio.sleep(RESTART_AFTER_S[min(deaths, len(RESTART_AFTER_S) - 1)])
            deaths += 1
            child.restarts += 1
            child.process = await self._spawn(child.spec)

    async def _end(self, child: SupervisedProcess) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.process.pid, child.spec.stop_signal)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(child.process.wait(), STOP_TIMEOUT_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.process.pid, signal.SIGKILL)  # ends the rest of its group
        await child.process.wait()
        await self._notify_reaper(f"-{child.process.pid}")


def _failure_report(child: SupervisedProcess) -> str:
    log = child.spec.log
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else "(no log)"
    return f"{child.spec.name} did not become ready within {READY_TIMEOUT_S:.0f} s. Its log {log} ends:\n{tail}"


async def accepts_connections(host: str, port: int) -> bool:
    """Whether a server accepts TCP connections at this address."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 1)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True

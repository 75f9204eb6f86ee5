"""Child processes: started in groups of their own, on a leash, restarted when they die, stopped in order.

Kept true: no child outlives its parent: a clean stop ends each group, and the leash ends them when the parent is
killed. A child that dies is started again after a pause that grows while it keeps dying.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import wanderamt_local.leash

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 25.0
RESTART_AFTER_S = (0.2, 1.0, 3.0, 10.0)
WELL_AFTER_S = 10.0  # a child that lived so long was well: its next death is a first one


class NotReady(Exception):
    """A process did not become ready in time; says which, where its log is and how the log ends."""


@dataclass(frozen=True)
class Command:
    """`ready` answers whether the process can be used; `stop_signal` is what it takes as a wish to end cleanly."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path
    ready: Callable[[], Awaitable[bool]]
    stop_signal: signal.Signals = signal.SIGTERM
    restart: bool = True


@dataclass
class Child:
    command: Command
    process: asyncio.subprocess.Process
    watch: asyncio.Task[None] | None = None
    restarts: int = 0


@dataclass
class Children:
    _leash: asyncio.subprocess.Process | None = None
    _children: dict[str, Child] = field(default_factory=dict)
    _leashing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _stopping: bool = False

    async def start(self, command: Command) -> None:
        """Starts it and waits until it is ready. Raises NotReady."""
        child = Child(command, await self._spawn(command))
        self._children[command.name] = child
        if command.restart:
            child.watch = asyncio.create_task(self._keep_alive(child), name=f"keep-{command.name}")
        await self._until_ready(child)

    async def stop(self) -> None:
        """In the reverse order of starting."""
        self._stopping = True
        for child in reversed(self._children.values()):
            if child.watch:
                child.watch.cancel()
            await self._end(child)
        self._children.clear()
        if self._leash and self._leash.stdin:
            self._leash.stdin.close()
            await self._leash.wait()
            self._leash = None
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
        """kill -9, as a test of everybody else."""
        self.signal(name, signal.SIGKILL)

    def signal(self, name: str, number: signal.Signals) -> None:
        """To its whole group. A child that ends by it is started again."""
        with contextlib.suppress(ProcessLookupError):  # it died this moment and is being started again
            os.killpg(self.pid(name), number)

    def end(self, name: str) -> None:
        """Asks it to end cleanly; it is started again."""
        child = self._children[name]
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.process.pid, child.command.stop_signal)

    async def until_ready(self, name: str) -> None:
        """Raises NotReady."""
        await self._until_ready(self._children[name])

    async def _spawn(self, command: Command) -> asyncio.subprocess.Process:
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
        await self._tell_leash(f"+{process.pid}")
        return process

    async def _tell_leash(self, line: str) -> None:
        async with self._leashing:  # two servers start at once; there is one leash
            if not self._leash:
                self._leash = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-ISE",
                    str(wanderamt_local.leash.__file__),
                    stdin=asyncio.subprocess.PIPE,
                    start_new_session=True,
                )
        assert self._leash.stdin  # noqa: S101 -- a pipe was asked for
        with contextlib.suppress(ConnectionError):
            self._leash.stdin.write(f"{line}\n".encode())
            await self._leash.stdin.drain()

    async def _until_ready(self, child: Child) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + READY_TIMEOUT_S
        while not await child.command.ready():
            if loop.time() > end or (not child.command.restart and child.process.returncode is not None):
                raise NotReady(_what_happened(child))
            await asyncio.sleep(0.05)

    async def _keep_alive(self, child: Child) -> None:
        clock = asyncio.get_running_loop().time
        deaths = 0
        while True:
            born = clock()
            await child.process.wait()
            if self._stopping:
                return
            await self._tell_leash(f"-{child.process.pid}")
            deaths = 0 if clock() - born > WELL_AFTER_S else deaths
            await asyncio.sleep(RESTART_AFTER_S[min(deaths, len(RESTART_AFTER_S) - 1)])
            deaths += 1
            child.restarts += 1
            child.process = await self._spawn(child.command)

    async def _end(self, child: Child) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.process.pid, child.command.stop_signal)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(child.process.wait(), STOP_TIMEOUT_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.process.pid, signal.SIGKILL)  # and whoever of its group is left
        await child.process.wait()
        await self._tell_leash(f"-{child.process.pid}")


def _what_happened(child: Child) -> str:
    log = child.command.log
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else "(no log)"
    return f"{child.command.name} did not become ready within {READY_TIMEOUT_S:.0f} s. Its log {log} ends:\n{tail}"


async def answers(host: str, port: int) -> bool:
    """Whether something accepts TCP connections there."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 1)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True

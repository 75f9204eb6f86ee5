"""What is broken, when, from a seed: processes die and freeze, networks are cut, logs are replayed, providers fail.

Kept true: every fault is undone by itself, and none is counted that did not happen.
"""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiokafka.errors import KafkaError
from wanderamt_local.processes import NotReady
from wanderamt_local.system import SERVICES

from wanderamt_faults.fragile import POINTS
from wanderamt_faults.rig import Rig

ARMED_FOR_S = 6.0
REPLICA_LIVES_S = (4.0, 10.0)
Op = Callable[[], Awaitable[str]]


@dataclass
class Trouble:
    """Two hands that break things at the same time: one the processes, one the network and the third parties."""

    rig: Rig
    rng: random.Random
    gap_s: float = 1.2
    faults: Counter[str] = field(default_factory=Counter)
    log: list[str] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.faults.total()

    def start(self) -> None:
        processes: list[tuple[int, Op]] = [
            (4, self.kill_service),
            (3, self.end_service),
            (6, self.freeze_service),
            (8, self.die_at_commit_point),
            (3, self.join_and_leave),
            (2, self.kill_leader),
            (2, self.freeze_broker),
            (1, self.end_broker),
            (2, self.kill_database),
            (1, self.restart_database),
        ]
        network: list[tuple[int, Op]] = [
            (5, self.cut),
            (4, self.cut_at_a_byte),
            (4, self.delay),
            (2, self.silence),
            (2, self.fail_provider),
        ]
        seeds = [random.Random(self.rng.random()) for _ in range(2)]
        hands = zip((processes, network), seeds, strict=True)
        locks = (self._processes, asyncio.Lock())
        self._tasks = [
            asyncio.create_task(self._hand(ops, rng, lock)) for (ops, rng), lock in zip(hands, locks, strict=True)
        ]

    def check(self) -> None:
        """Raises what a hand died of: a suite that breaks nothing proves nothing."""
        for task in self._tasks:
            if task.done():
                task.result()

    async def stop(self) -> None:
        """Lets the fault at hand be undone first."""
        self._stopping.set()
        await asyncio.gather(*self._tasks)

    def __post_init__(self) -> None:
        self._stopping = asyncio.Event()
        self._processes = asyncio.Lock()  # a replay stops and starts services itself

    async def _hand(self, ops: list[tuple[int, Op]], rng: random.Random, lock: asyncio.Lock) -> None:
        while not self._stopping.is_set():
            op = rng.choices([op for _, op in ops], [weight for weight, _ in ops])[0]
            async with lock:
                what = await op()
            if what:
                self._count(op.__name__, what)
            try:
                await asyncio.wait_for(self._stopping.wait(), self.gap_s * rng.uniform(0.5, 1.5))
            except TimeoutError:
                continue

    def _count(self, kind: str, what: str) -> None:
        self.faults[kind] += 1
        self.log.append(f"{asyncio.get_running_loop().time():.1f} {kind} {what}")

    # processes

    async def kill_service(self) -> str:
        name = self.rng.choice(SERVICES)
        self.rig.children.kill(name)
        return name

    async def end_service(self) -> str:
        """SIGTERM in the middle of whatever it does."""
        name = self.rng.choice(SERVICES)
        self.rig.children.end(name)
        return name

    async def freeze_service(self) -> str:
        return await self._freeze(self.rng.choice(SERVICES), self.rng.choice((1.0, 2.0, 3.0, 8.0)))

    async def die_at_commit_point(self) -> str:
        """Arms one; nothing happens when the service does not pass it soon."""
        name = self.rng.choice(list(POINTS))
        point = self.rng.choice(POINTS[name])
        armed = self.rig.armed(name)
        armed.write_text(point)
        for _ in range(int(ARMED_FOR_S / 0.1)):
            await asyncio.sleep(0.1)
            if not armed.exists():
                self._count(f"die at {point}", name)
                return ""
        armed.unlink(missing_ok=True)
        return ""

    async def join_and_leave(self) -> str:
        """A second process joins, which forces a rebalance, and leaves again, cleanly or not."""
        name = self.rng.choice(SERVICES)
        command = self.rig.replica(name)
        try:
            await self.rig.children.start(command)
            await asyncio.sleep(self.rng.uniform(*REPLICA_LIVES_S))
            if self.rng.random() < 0.5:
                self.rig.children.kill(command.name)
        except NotReady:  # its servers are being broken at the same time
            self.log.append(f"a second {name} did not become ready")
            return ""
        finally:
            await self.rig.children.stop_one(command.name)
        return name

    async def kill_leader(self) -> str:
        """The broker that leads a partition of the cases' topic; now and then all brokers at once."""
        if self.rng.random() < 0.1:
            for name in self.rig.broker_names:
                self.rig.children.kill(name)
            return "all brokers"
        name = self.rng.choice(self.rig.broker_names)
        try:
            name = await asyncio.wait_for(self.rig.leader("case.v1", self.rng.randrange(12)), 5)
        except (KafkaError, OSError, TimeoutError):  # the cluster cannot be asked just now: any broker will do
            self.log.append("leader unknown")
        if name not in self.rig.broker_names:
            return ""
        self.rig.children.kill(name)
        return name

    async def freeze_broker(self) -> str:
        return await self._freeze(self.rng.choice(self.rig.broker_names), self.rng.uniform(2, 10))

    async def end_broker(self) -> str:
        name = self.rng.choice(self.rig.broker_names)
        self.rig.children.end(name)
        return name

    async def kill_database(self) -> str:
        self.rig.children.kill("postgres")
        return "kill -9"

    async def restart_database(self) -> str:
        self.rig.children.end("postgres")
        return "fast shutdown"

    async def replay_everything(self) -> None:
        """Every topic from 0, for every service."""
        async with self._processes:
            for name in SERVICES:
                await self._replay(name)

    async def _replay(self, name: str) -> None:
        command = self.rig.command(name)
        await self.rig.children.stop_one(name)
        for _ in range(20):
            try:
                await asyncio.wait_for(self.rig.rewind(name), 15)
                self._count("replay from 0", name)
                break
            except (KafkaError, OSError, TimeoutError) as error:  # the network is being broken at the same time
                self.log.append(f"rewind of {name} waits: {type(error).__name__}")
                await asyncio.sleep(1)
        await self.rig.children.start(command)

    async def _freeze(self, name: str, for_s: float) -> str:
        self.rig.children.signal(name, signal.SIGSTOP)
        await asyncio.sleep(for_s)
        self.rig.children.signal(name, signal.SIGCONT)
        return f"{name} for {for_s:.0f} s"

    # network and third parties

    async def cut(self) -> str:
        route = self.rng.choice(list(self.rig.routes.values()))
        route.cut()
        return route.name

    async def cut_at_a_byte(self) -> str:
        route = self.rng.choice(list(self.rig.routes.values()))
        route.budget = self.rng.randrange(1, 20_000)
        return f"{route.name} after {route.budget} bytes"

    async def delay(self) -> str:
        route = self.rng.choice(list(self.rig.routes.values()))
        route.delay_s = self.rng.uniform(0.02, 0.3)
        await asyncio.sleep(self.rng.uniform(1, 3))
        route.delay_s = 0.0
        return route.name

    async def silence(self) -> str:
        """Nothing arrives and nobody is told: the connection that hangs."""
        route = self.rng.choice(list(self.rig.routes.values()))
        route.silent = True
        await asyncio.sleep(self.rng.uniform(1, 7))
        route.silent = False
        return route.name

    async def fail_provider(self) -> str:
        if self.rng.random() < 0.5:
            await self.rig.turn("gate", {"fail_next": self.rng.randrange(1, 4)})
            return "sms gateway"
        await self.rig.turn("residents", {"down": True})
        await asyncio.sleep(self.rng.uniform(1, 4))
        await self.rig.turn("residents", {"down": False})
        return "residents register"

"""Injects faults from a seed: kills and freezes processes, cuts networks, replays topics, lets third parties fail.

Invariants: each fault reverts itself; a fault that did not happen is not counted.
"""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiokafka.errors import KafkaError
from wanderamt_local.errors import NotReadyError

from wanderamt_faults.crash_points import POINTS
from wanderamt_faults.system_under_test import SystemUnderTest

CRASH_POINT_TIMEOUT_S = 6.0
REPLICA_LIFETIME_S = (4.0, 10.0)
Fault = Callable[[], Awaitable[str]]


@dataclass
class FaultInjector:
    """Two tasks inject faults at the same time: one into processes, one into the network and third parties."""

    system: SystemUnderTest
    rng: random.Random
    gap_s: float = 1.2
    faults: Counter[str] = field(default_factory=Counter)
    log: list[str] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.faults.total()

    def start(self) -> None:
        processes: list[tuple[int, Fault]] = [
            (4, self.kill_service),
            (3, self.terminate_service),
            (6, self.freeze_service),
            (8, self.crash_at_commit_point),
            (3, self.add_and_remove_replica),
            (2, self.kill_broker),
            (2, self.freeze_broker),
            (1, self.terminate_broker),
            (2, self.kill_database),
            (1, self.restart_database),
        ]
        network: list[tuple[int, Fault]] = [
            (5, self.cut_connections),
            (4, self.cut_after_bytes),
            (4, self.delay_route),
            (2, self.silence_route),
            (2, self.fail_third_party),
        ]
        rngs = [random.Random(self.rng.random()) for _ in range(2)]
        faults = zip((processes, network), rngs, strict=True)
        locks = (self._processes, asyncio.Lock())
        self._tasks = [
            asyncio.create_task(self._inject(choices, rng, lock))
            for (choices, rng), lock in zip(faults, locks, strict=True)
        ]

    def check(self) -> None:
        """Raises the error of a task that ended: a run without faults proves nothing."""
        for task in self._tasks:
            if task.done():
                task.result()

    async def stop(self) -> None:
        """Returns after the current faults have reverted themselves."""
        self._stopping.set()
        await asyncio.gather(*self._tasks)

    def __post_init__(self) -> None:
        self._stopping = asyncio.Event()
        self._processes = asyncio.Lock()  # a replay stops and starts services itself

    async def _inject(self, choices: list[tuple[int, Fault]], rng: random.Random, lock: asyncio.Lock) -> None:
        while not self._stopping.is_set():
            fault = rng.choices([fault for _, fault in choices], [weight for weight, _ in choices])[0]
            async with lock:
                target = await fault()
            if target:
                self._count(fault.__name__, target)
            try:
                await asyncio.wait_for(self._stopping.wait(), self.gap_s * rng.uniform(0.5, 1.5))
            except TimeoutError:
                continue

    def _count(self, kind: str, target: str) -> None:
        self.faults[kind] += 1
        self.log.append(f"{asyncio.get_running_loop().time():.1f} {kind} {target}")

    # processes

    async def kill_service(self) -> str:
        name = self.rng.choice(self.system.service_names)
        self.system.supervisor.kill(name)
        return name

    async def terminate_service(self) -> str:
        """Sends SIGTERM at a random moment."""
        name = self.rng.choice(self.system.service_names)
        self.system.supervisor.end(name)
        return name

    async def freeze_service(self) -> str:
        return await self._freeze(self.rng.choice(self.system.service_names), self.rng.choice((1.0, 2.0, 3.0, 8.0)))

    async def crash_at_commit_point(self) -> str:
        """Arms a crash point; no fault is counted when the service does not reach it in time."""
        name = self.rng.choice([name for name in POINTS if name in self.system.service_names])
        point = self.rng.choice(POINTS[name])
        armed_file = self.system.armed_file(name)
        armed_file.write_text(point)
        for _ in range(int(CRASH_POINT_TIMEOUT_S / 0.1)):
            await asyncio.sleep(0.1)
            if not armed_file.exists():
                self._count(f"crash at {point}", name)
                return ""
        armed_file.unlink(missing_ok=True)
        return ""

    async def add_and_remove_replica(self) -> str:
        """Starts a second process, which causes a rebalance, and stops it again, cleanly or not."""
        name = self.rng.choice(self.system.service_names)
        replica = self.system.replica_spec(name)
        try:
            await self.system.supervisor.start(replica)
            await asyncio.sleep(self.rng.uniform(*REPLICA_LIFETIME_S))
            if self.rng.random() < 0.5:
                self.system.supervisor.kill(replica.name)
        except NotReadyError:  # the other task injects faults into its servers
            self.log.append(f"a second {name} did not become ready")
            return ""
        finally:
            await self.system.supervisor.stop_one(replica.name)
        return name

    async def kill_broker(self) -> str:
        """Kills the broker that leads a partition of the topic case.v1, and sometimes all brokers at once."""
        if self.rng.random() < 0.1:
            for name in self.system.broker_names:
                self.system.supervisor.kill(name)
            return "all brokers"
        name = self.rng.choice(self.system.broker_names)
        try:
            name = await asyncio.wait_for(self.system.leader("case.v1", self.rng.randrange(12)), 5)
        except (KafkaError, OSError, TimeoutError):  # the cluster does not answer: kill any broker
            self.log.append("leader unknown")
        if name not in self.system.broker_names:
            return ""
        self.system.supervisor.kill(name)
        return name

    async def freeze_broker(self) -> str:
        return await self._freeze(self.rng.choice(self.system.broker_names), self.rng.uniform(2, 10))

    async def terminate_broker(self) -> str:
        name = self.rng.choice(self.system.broker_names)
        self.system.supervisor.end(name)
        return name

    async def kill_database(self) -> str:
        self.system.supervisor.kill("postgres")
        return "kill -9"

    async def restart_database(self) -> str:
        self.system.supervisor.end("postgres")
        return "fast shutdown"

    async def replay_everything(self) -> None:
        """Lets every service consume every topic from offset 0 again."""
        async with self._processes:
            for name in self.system.service_names:
                await self._replay(name)

    async def _replay(self, name: str) -> None:
        spec = self.system.service_spec(name)
        await self.system.supervisor.stop_one(name)
        for _ in range(20):
            try:
                await asyncio.wait_for(self.system.rewind(name), 15)
                self._count("replay from 0", name)
                break
            except (KafkaError, OSError, TimeoutError) as error:  # the other task injects faults into the network
                self.log.append(f"rewind of {name} waits: {type(error).__name__}")
                await asyncio.sleep(1)
        await self.system.supervisor.start(spec)

    async def _freeze(self, name: str, seconds: float) -> str:
        self.system.supervisor.signal(name, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self.system.supervisor.signal(name, signal.SIGCONT)
        return f"{name} for {seconds:.0f} s"

    # network and third parties

    async def cut_connections(self) -> str:
        route = self.rng.choice(list(self.system.routes.values()))
        route.cut()
        return route.name

    async def cut_after_bytes(self) -> str:
        route = self.rng.choice(list(self.system.routes.values()))
        route.byte_budget = self.rng.randrange(1, 20_000)
        return f"{route.name} after {route.byte_budget} bytes"

    async def delay_route(self) -> str:
        route = self.rng.choice(list(self.system.routes.values()))
        route.delay_s = self.rng.uniform(0.02, 0.3)
        await asyncio.sleep(self.rng.uniform(1, 3))
        route.delay_s = 0.0
        return route.name

    async def silence_route(self) -> str:
        """Lets connections hang: nothing arrives, and neither side gets an error."""
        route = self.rng.choice(list(self.system.routes.values()))
        route.silent = True
        await asyncio.sleep(self.rng.uniform(1, 7))
        route.silent = False
        return route.name

    async def fail_third_party(self) -> str:
        if self.rng.random() < 0.5:
            await self.system.set_faults("gate", {"fail_next": self.rng.randrange(1, 4)})
            return "sms gateway"
        await self.system.set_faults("residents", {"down": True})
        await asyncio.sleep(self.rng.uniform(1, 4))
        await self.system.set_faults("residents", {"down": False})
        return "residents register"

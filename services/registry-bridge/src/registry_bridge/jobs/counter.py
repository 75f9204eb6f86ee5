"""Calls for people who stand at a counter: on slots of their own, ended for them in time, in truth when they end.

Kept true: a call that lasts longer than anybody waits goes on to its own timeout and is recorded, so that the register
is not thrown away half way and the next who asks finds the answer; never more of them than the reserved slots.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from uuid import UUID

import structlog
from bridge_kit.adapter import Stamp
from bridge_kit.bridge import Bridge
from bridge_kit.manifest import Manifest
from bridge_kit.policy import Beat
from wanderamt.kernel.decision import Attempt
from wanderamt.security.keys import Sealer

from registry_bridge.domain.lookup import Lookup
from registry_bridge.domain.request import Called

Record = Callable[[Lookup, Called], Awaitable[None]]
log = structlog.get_logger()


@dataclass
class Counter:
    """A part of the service: `stop` lets what runs end.

    `manifests`: of every register that is connected; `bridges`: those that can be called; `new_id`: ids of calls.
    """

    manifests: Mapping[str, Manifest]
    bridges: Mapping[str, Bridge]
    sealer: Sealer
    new_id: Callable[[], UUID]
    record: Record
    trouble: str = ""
    _running: dict[str, set[asyncio.Task[Called]]] = field(default_factory=dict)

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        running = [task for tasks in self._running.values() for task in tasks]
        await asyncio.gather(*running, return_exceptions=True)

    def fingerprint(self, lookup: Lookup) -> bytes:
        """Of the question, however it was written; empty where the register cannot be asked so."""
        bridge = self.bridges.get(lookup.register)
        same = bridge.canonical(lookup.operation, json.dumps(lookup.question).encode()) if bridge else b""
        return self.sealer.fingerprint(same) if same else b""

    def has_room(self, register: str) -> bool:
        bridge = self.bridges.get(register)
        return bool(bridge) and len(self._running.get(register, ())) < bridge.manifest.limits.for_counter  # type: ignore[union-attr]

    async def ask(self, lookup: Lookup, fingerprint: bytes, *, wait_s: float, within_s: float) -> Called | None:
        """None when it lasts longer than `within_s`; then it goes on without the one who asked."""
        running = self._running.setdefault(lookup.register, set())
        task = asyncio.create_task(self._call(lookup, fingerprint, wait_s), name=f"lookup-{lookup.register}")
        running.add(task)
        task.add_done_callback(running.discard)
        task.add_done_callback(_tell)
        done, _ = await asyncio.wait([task], timeout=within_s)
        return task.result() if done else None

    async def _call(self, lookup: Lookup, fingerprint: bytes, wait_s: float) -> Called:
        await asyncio.sleep(wait_s)
        bridge = self.bridges[lookup.register]
        begun = perf_counter()
        stamp = Stamp(self.new_id(), lookup.officer, lookup.purpose)
        verdict = await bridge.call(lookup.operation, json.dumps(lookup.question).encode(), stamp)
        called = Called(verdict, perf_counter() - begun, Beat.CALL, Attempt(1, interrupted=False), fingerprint)
        await self.record(lookup, called)
        return called


def _tell(task: asyncio.Task[Called]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("lookup.failed", error=type(error).__name__)

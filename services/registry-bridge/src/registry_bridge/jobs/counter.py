"""Calls for people who stand at a counter: on slots of their own, ended for them in time, in truth when they end.

Kept true: a call that lasts longer than anybody waits goes on to its own timeout and is recorded, so that the register
is not thrown away half way and the next who asks finds the answer.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from uuid import UUID

import structlog
from connector_kit.adapter import Stamp
from connector_kit.bridge import Bridge
from connector_kit.manifest import Manifest
from connector_kit.policy import Beat
from wanderamt.kernel.decision import Attempt
from wanderamt.security.keys import Sealer

from registry_bridge.domain.lookup import Lookup
from registry_bridge.domain.request import Called

Record = Callable[[Lookup, UUID, Called], Awaitable[None]]
log = structlog.get_logger()


@dataclass
class Counter:
    """A part of the service: `stop` lets what runs end.

    `manifests`: of every register that is connected; `bridges`: those that can be called.
    """

    manifests: Mapping[str, Manifest]
    bridges: Mapping[str, Bridge]
    sealer: Sealer
    record: Record
    trouble: str = ""
    _running: set[asyncio.Task[Called]] = field(default_factory=set)

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        await asyncio.gather(*self._running, return_exceptions=True)

    def fingerprint(self, lookup: Lookup) -> bytes:
        """Of the question, however it was written; empty where the register cannot be asked so."""
        bridge = self.bridges.get(lookup.register)
        same = bridge.canonical(lookup.operation, json.dumps(lookup.question).encode()) if bridge else b""
        return self.sealer.fingerprint(same) if same else b""

    async def ask(
        self, lookup: Lookup, fingerprint: bytes, call_id: UUID, *, wait_s: float, within_s: float
    ) -> Called | None:
        """None when it lasts longer than `within_s`; then it goes on without the one who asked."""
        task = asyncio.create_task(self._call(lookup, fingerprint, call_id, wait_s), name=f"lookup-{lookup.register}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(_tell)
        done, _ = await asyncio.wait([task], timeout=within_s)
        return task.result() if done else None

    async def _call(self, lookup: Lookup, fingerprint: bytes, call_id: UUID, wait_s: float) -> Called:
        await asyncio.sleep(wait_s)
        bridge = self.bridges[lookup.register]
        begun = perf_counter()
        stamp = Stamp(call_id, lookup.officer, lookup.purpose)
        verdict = await bridge.call(lookup.operation, json.dumps(lookup.question).encode(), stamp)
        called = Called(verdict, perf_counter() - begun, Beat.CALL, Attempt(1, interrupted=False), fingerprint)
        await self.record(lookup, call_id, called)
        return called


def _tell(task: asyncio.Task[Called]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("lookup.failed", error=type(error).__name__)

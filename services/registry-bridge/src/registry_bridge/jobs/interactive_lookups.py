"""Interactive lookups: calls with reserved concurrency whose officer gets an answer within two seconds.

Invariants: a call that takes longer runs on to its own timeout and is recorded, so that the next lookup finds its
answer in the cache.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from uuid import UUID

import structlog
from connector_kit.adapter import CallContext
from connector_kit.bridge import Bridge
from connector_kit.manifest.manifest import Manifest
from connector_kit.resilience.policy import CallKind
from wanderamt.kernel.decision import Attempt
from wanderamt.security.assertions import AssertionSigner
from wanderamt.security.keys import FieldCipher

from registry_bridge.domain.lookup import Lookup, QuestionHashes, person_of
from registry_bridge.domain.request import CallResult

Record = Callable[[Lookup, UUID, CallResult], Awaitable[None]]
log = structlog.get_logger()


@dataclass
class InteractiveLookups:
    """A component of the service; `stop` waits for running calls, then closes the connections to the registers.

    `manifests`: of all connected registers. `bridges`: of those that can be called.
    """

    manifests: Mapping[str, Manifest]
    bridges: Mapping[str, Bridge]
    cipher: FieldCipher
    signer: AssertionSigner
    record: Record
    health_problem: str = ""
    _running: set[asyncio.Task[CallResult]] = field(default_factory=set)

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        await asyncio.gather(*self._running, return_exceptions=True)
        for bridge in self.bridges.values():
            await bridge.transport.close()

    def hashes_of(self, lookup: Lookup) -> QuestionHashes:
        bridge, question = self.bridges.get(lookup.register), json.dumps(lookup.question).encode()
        read = bridge.read_question(lookup.operation, question) if bridge else None
        if not bridge or not read:
            return QuestionHashes()
        asked = self.cipher.keyed_hash(bridge.canonical_question(lookup.operation, question))
        person = person_of(read.model_dump(mode="json"))
        return QuestionHashes(asked, self.signer.hash_applicant(lookup.case_id, person) if person else None)

    async def call(
        self, lookup: Lookup, question_hash: bytes, call_id: UUID, *, wait_s: float, within_s: float
    ) -> CallResult | None:
        """None when the call takes longer than `within_s`; the call then runs on."""
        task = asyncio.create_task(self._call(lookup, question_hash, call_id, wait_s), name=f"lookup-{lookup.register}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(_log_failure)
        done, _ = await asyncio.wait([task], timeout=within_s)
        return task.result() if done else None

    async def _call(self, lookup: Lookup, question_hash: bytes, call_id: UUID, wait_s: float) -> CallResult:
        await asyncio.sleep(wait_s)
        bridge = self.bridges[lookup.register]
        started = perf_counter()
        call_context = CallContext(call_id, lookup.officer, lookup.purpose)
        outcome = await bridge.call(lookup.operation, json.dumps(lookup.question).encode(), call_context)
        result = CallResult(
            outcome,
            perf_counter() - started,
            CallKind.EXECUTE,
            Attempt(1, previous_outcome_unknown=False),
            question_hash,
        )
        await self.record(lookup, call_id, result)
        return result


def _log_failure(task: asyncio.Task[CallResult]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("lookup.failed", error=type(error).__name__)

"""Drives a bridge in memory, by the same rules as a service with a database: for checks, and as a readable example.

Invariants: the `MemoryStore` survives a crash and nothing else does. A claim is stored before the call and the outcome
after it; `on_stage` can raise SimulatedCrashError at any stage, and the next run continues from the store.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from wanderamt.kernel.decision import Attempt, OutcomeUnknown, Paused, RetryLater

from connector_kit.adapter import CallContext
from connector_kit.bridge import Bridge
from connector_kit.call_outcome import CallOutcome, NotExecuted, PossiblyExecuted, UnreadableResponse
from connector_kit.manifest.operation import OnFailure
from connector_kit.resilience.policy import CallKind, FinalOutcome, OperatorNeeded, decide_after, next_call, on_deadline
from connector_kit.resilience.register_state import RegisterState, acquire, record_outcome


class DriverStage(StrEnum):
    """When a process can die."""

    CLAIMED = "claimed"
    CALLED = "called"
    RECORDED = "recorded"


class SimulatedCrashError(Exception):
    """The process is gone, as with kill -9."""


class DrivenRequestState(StrEnum):
    WAITING = "waiting"
    CLAIMED = "claimed"
    COMPLETED = "completed"
    NEEDS_OPERATOR = "needs_operator"
    EXPIRED = "expired"


@dataclass(slots=True)
class DrivenRequest:
    """A stored request. `tries` counts calls; a pause adds none.

    `outcome_unknown`: the last call may have been executed. `effect_possible`: any call may have been executed.
    """

    id: UUID
    key: str
    operation: str
    question: bytes
    deadline: datetime
    run_at: datetime
    state: DrivenRequestState = DrivenRequestState.WAITING
    tries: int = 0
    outcome_unknown: bool = False
    effect_possible: bool = False
    outcome: CallOutcome | None = None
    code: str = ""


@dataclass(slots=True)
class MemoryStore:
    """What a database would hold."""

    requests: dict[UUID, DrivenRequest] = field(default_factory=dict)
    register: RegisterState = field(default_factory=RegisterState)

    def due_requests(self, now: datetime) -> list[DrivenRequest]:
        """The oldest open request of each key that is due. A request that needs an operator blocks its key, unless
        it skips."""
        blocked: set[str] = set()
        due = []
        for request in self.requests.values():
            done = request.state in {DrivenRequestState.COMPLETED, DrivenRequestState.EXPIRED}
            if request.key in blocked or done:
                continue
            blocked.add(request.key)
            if request.state is DrivenRequestState.WAITING and request.run_at <= now:
                due.append(request)
        return due


@dataclass
class MemoryDriver:
    """`clock` and `sleep` can be those of a test. `on_stage`: called at each stage; may raise SimulatedCrashError."""

    bridge: Bridge
    store: MemoryStore
    clock: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    on_stage: Callable[[DriverStage, DrivenRequest], None] = lambda _stage, _request: None

    def submit(self, id_: UUID, key: str, operation: str, question: bytes) -> None:
        """The same id twice is one request."""
        now = self.clock()
        rules = self.bridge.manifest.operations[operation]
        deadline = now + timedelta(seconds=rules.deadline_s)
        self.store.requests.setdefault(id_, DrivenRequest(id_, key, operation, question, deadline, run_at=now))

    async def run_due(self) -> int:
        """Runs everything that is due, within the register's limits. Returns the number of calls."""
        self._adopt_orphans()
        went = 0
        while True:
            ready = self._claim()
            if not ready:
                return went
            went += len(ready)
            async with asyncio.TaskGroup() as group:
                for request, starts_at in ready:
                    group.create_task(self._do(request, starts_at))

    def _adopt_orphans(self) -> None:
        """Takes over what a dead process had claimed."""
        for request in self.store.requests.values():
            if request.state is DrivenRequestState.CLAIMED:
                request.state, request.outcome_unknown, request.effect_possible = DrivenRequestState.WAITING, True, True

    def _claim(self) -> list[tuple[DrivenRequest, datetime]]:
        store, manifest, now = self.store, self.bridge.manifest, self.clock()
        ready = self._without_expired(store.due_requests(now), now)[: manifest.limits.max_concurrent_calls]
        if not ready:
            return []
        store.register, slots = acquire(store.register, len(ready), manifest, now=now)
        if isinstance(slots, Paused):
            return []
        claimed = list(zip(ready, slots, strict=False))
        for request, _ in claimed:
            request.state = DrivenRequestState.CLAIMED
        return claimed

    def _without_expired(self, requests: list[DrivenRequest], now: datetime) -> list[DrivenRequest]:
        in_time = []
        for request in requests:
            if now < request.deadline:
                in_time.append(request)
            elif decision := on_deadline(
                self.bridge.manifest.operations[request.operation], effect_possible=request.effect_possible
            ):
                self._settle(request, decision)
            else:
                request.state, request.code = DrivenRequestState.EXPIRED, request.code or "deadline"
        return in_time

    def _next_call(self, request: DrivenRequest) -> CallKind | OperatorNeeded:
        rules = self.bridge.manifest.operations[request.operation]
        return next_call(rules, Attempt(request.tries + 1, request.outcome_unknown))

    async def _do(self, request: DrivenRequest, starts_at: datetime) -> None:
        call = self._next_call(request)
        self.on_stage(DriverStage.CLAIMED, request)
        if isinstance(call, OperatorNeeded):
            self._settle(request, call)
            return
        wait_s = (starts_at - self.clock()).total_seconds()
        if wait_s > 0:
            await self.sleep(wait_s)
        started = self.clock()
        context = CallContext(
            request.id, "officer@city", self.bridge.manifest.operations[request.operation].purposes[0]
        )
        outcome = await self.bridge.call(request.operation, request.question, context, kind=call)
        took_s = (self.clock() - started).total_seconds()
        self.on_stage(DriverStage.CALLED, request)
        self._record(request, outcome, took_s, call)
        self.on_stage(DriverStage.RECORDED, request)

    def _record(self, request: DrivenRequest, outcome: CallOutcome, took_s: float, kind: CallKind) -> None:
        store, manifest, now = self.store, self.bridge.manifest, self.clock()
        request.tries += 1
        if isinstance(outcome, PossiblyExecuted | UnreadableResponse):
            request.effect_possible = True
        elif isinstance(outcome, NotExecuted):
            request.effect_possible = False
        store.register = record_outcome(store.register, manifest, outcome, took_s=took_s, now=now)
        step = decide_after(
            manifest.operations[request.operation], outcome, Attempt(request.tries, request.outcome_unknown), kind=kind
        )
        self._settle(request, step)

    def _settle(
        self, request: DrivenRequest, step: FinalOutcome | OperatorNeeded | RetryLater | OutcomeUnknown
    ) -> None:
        match step:
            case FinalOutcome(outcome):
                request.state, request.outcome, request.outcome_unknown, request.effect_possible = (
                    DrivenRequestState.COMPLETED,
                    outcome,
                    False,
                    False,
                )
            case OperatorNeeded(code):
                request.state, request.code = DrivenRequestState.NEEDS_OPERATOR, code
                self._unblock_key(request)
            case RetryLater(after_s, reason):
                request.state, request.code, request.outcome_unknown = DrivenRequestState.WAITING, reason, False
                request.run_at = self.clock() + timedelta(seconds=after_s)
            case OutcomeUnknown(after_s, reason):
                request.state, request.code, request.outcome_unknown = DrivenRequestState.WAITING, reason, True
                request.run_at = self.clock() + timedelta(seconds=after_s)

    def _unblock_key(self, request: DrivenRequest) -> None:
        """If later requests need not wait, it leaves its key."""
        if self.bridge.manifest.operations[request.operation].on_failure is OnFailure.SKIP:
            request.key = f"{request.key} (for a decision: {request.id})"

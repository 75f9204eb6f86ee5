"""A thousand runs with crashes and timeouts: no order is lost or executed twice; unclear outcomes go to an operator."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from connector_kit.adapter import CallContext, HttpCall, HttpReply, OrderFound, OrderNotFound, StatusCheckResult
from connector_kit.bridge import Bridge
from connector_kit.call_outcome import (
    AuthFailed,
    CallOutcome,
    NotFound,
    PossiblyExecuted,
    Succeeded,
    TemporarilyUnavailable,
    Throttled,
)
from connector_kit.manifest.manifest import Manifest, read_manifest
from connector_kit.testing.driver import (
    DrivenRequest,
    DrivenRequestState,
    DriverStage,
    MemoryDriver,
    MemoryStore,
    SimulatedCrashError,
)
from connector_kit.transports.http import HttpFailure
from pydantic import BaseModel

OPERATION = "order_permit"


class DrivenOrder(BaseModel):
    plate: str


class DrivenPermit(BaseModel):
    number: int


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 -- simulated faults


@dataclass
class VirtualClock:
    """Advances only when somebody sleeps."""

    now: datetime = datetime(2026, 11, 23, 11, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now = max(self.now, self.now + timedelta(seconds=seconds))


class WordAdapter:
    """The register's messages are single words."""

    def encode(self, operation: str, question: BaseModel, context: CallContext) -> HttpCall:
        return HttpCall("POST", f"/{context.call_id}")

    def classify(self, operation: str, reply: HttpReply) -> CallOutcome:
        match reply.body:
            case b"done":
                return Succeeded(DrivenPermit(number=1))
            case b"later":
                return TemporarilyUnavailable("later")
            case b"slower":
                return Throttled(1.0)
            case b"who":
                return AuthFailed("who")
        return PossiblyExecuted("mumbling") if reply.body else NotFound()

    def encode_status_check(self, operation: str, question: BaseModel, context: CallContext) -> HttpCall:
        return HttpCall("GET", f"/{context.call_id}")

    def classify_status_check(self, operation: str, reply: HttpReply) -> StatusCheckResult:
        outcome = self.classify(operation, reply)
        match outcome:
            case Succeeded():
                return OrderFound(outcome)
            case NotFound():
                return OrderNotFound()
        return TemporarilyUnavailable("status_check")


@dataclass
class UnreliableRegister:
    """Without a socket: these tests check the driver. Recognises repeated orders only with idempotency by_key."""

    rng: random.Random
    clock: VirtualClock
    knows_again: bool
    effects: dict[str, int] = field(default_factory=dict)
    at: list[datetime] = field(default_factory=list)
    bad: float = 0.4

    async def send(self, call: HttpCall, *, timeout_s: float) -> HttpReply | HttpFailure:
        self.at.append(self.clock())
        chance = self.rng.random() / self.bad if self.bad else 1.0
        if chance < 0.2:
            return HttpFailure.UNREACHABLE
        if chance < 0.4:
            return HttpReply(200, {}, b"later")
        if call.method == "GET":
            return (
                HttpReply(200, {}, b"done" if self.effects.get(call.path) else b"")
                if chance > 0.6
                else HttpFailure.NO_ANSWER
            )
        if not (self.knows_again and self.effects.get(call.path)):
            self.effects[call.path] = self.effects.get(call.path, 0) + 1
        if chance < 0.8:
            return HttpFailure.NO_ANSWER
        return HttpReply(200, {}, b"garbage" if chance < 0.9 else b"done")

    async def close(self) -> None:
        pass


def manifest_of(text: str, idempotency: str) -> Manifest:
    manifest = read_manifest(
        text.replace('idempotency = "by_lookup"', f'idempotency = "{idempotency}"')
        .replace("rate_per_s = 5", "rate_per_s = 50")
        .replace("daily_quota = 1000\n", "")
        .replace("min_calls = 10", "min_calls = 1000")
    )
    assert isinstance(manifest, Manifest)
    return manifest


def driver_of(
    manifest: Manifest, register: UnreliableRegister, store: MemoryStore, clock: VirtualClock
) -> MemoryDriver:
    models: dict[str, type[BaseModel]] = {"Order": DrivenOrder, "Permit": DrivenPermit, "Plate": DrivenOrder}
    return MemoryDriver(Bridge(manifest, WordAdapter(), register, models), store, clock, clock.sleep)


def submit(driver: MemoryDriver, number: int, *, key: str = "") -> UUID:
    id_ = UUID(int=number + 1)
    driver.submit(id_, key or f"case {number % 3}", OPERATION, b'{"plate": "L-1"}')
    return id_


async def drain(driver: MemoryDriver, clock: VirtualClock, *, rounds: int = 1600) -> None:
    """Time passes, processes die and others continue from the store, until nothing waits."""
    for _ in range(rounds):
        try:
            await driver.run_due()
        except* SimulatedCrashError:
            pass
        if all(
            request.state not in {DrivenRequestState.WAITING, DrivenRequestState.CLAIMED}
            for request in driver.store.requests.values()
        ):
            return
        if not driver.store.due_requests(clock.now) and not any(
            request.state in {DrivenRequestState.WAITING, DrivenRequestState.CLAIMED}
            and request.key not in blocked(driver)
            for request in driver.store.requests.values()
        ):
            return
        clock.now += timedelta(seconds=60)


def blocked(driver: MemoryDriver) -> set[str]:
    """Keys with a request that needs an operator."""
    return {
        request.key for request in driver.store.requests.values() if request.state is DrivenRequestState.NEEDS_OPERATOR
    }


@pytest.mark.parametrize("idempotency", ["by_key", "by_lookup", "none"])
async def test_a_thousand_runs_lose_nothing_and_execute_nothing_twice(manifest_text: str, idempotency: str) -> None:
    manifest = manifest_of(manifest_text, idempotency)
    lost = duplicated = needs_operator = 0
    for seed in range(1000):
        rng, clock, store = seeded(seed), VirtualClock(), MemoryStore()
        register = UnreliableRegister(rng, clock, knows_again=idempotency == "by_key")
        driver = driver_of(manifest, register, store, clock)

        def die(_: DriverStage, __: DrivenRequest, rng: random.Random = rng) -> None:
            if rng.random() < 0.1:
                raise SimulatedCrashError

        driver.on_stage = die
        for number in range(6):
            submit(driver, number)
            submit(driver, number)  # the event comes twice
        await drain(driver, clock)
        duplicated += sum(count > 1 for count in register.effects.values())
        for request in store.requests.values():
            executed = register.effects.get(f"/{request.id}", 0)
            needs_operator += request.state is DrivenRequestState.NEEDS_OPERATOR
            stuck_behind = request.state is DrivenRequestState.WAITING and request.key in blocked(driver)
            answered = request.state is DrivenRequestState.COMPLETED and executed == 1
            lost += not (
                answered
                or request.state is DrivenRequestState.NEEDS_OPERATOR
                or stuck_behind
                or (request.state is DrivenRequestState.EXPIRED and not executed)
            )
    assert (lost, duplicated) == (0, 0)
    assert (needs_operator > 0) == (idempotency == "none")


async def test_repeating_without_a_status_check_is_detected(manifest_text: str) -> None:
    """The mutant of the test above: the register does not recognise repeated orders, but the manifest says so."""
    manifest, duplicated = manifest_of(manifest_text, "by_key"), 0
    for seed in range(50):
        clock, store = VirtualClock(), MemoryStore()
        register = UnreliableRegister(seeded(seed), clock, knows_again=False)
        driver = driver_of(manifest, register, store, clock)
        for number in range(6):
            submit(driver, number)
        await drain(driver, clock)
        duplicated += sum(count > 1 for count in register.effects.values())
    assert duplicated > 0


async def test_an_hour_of_outage_costs_no_try_and_drains_within_the_rate_limit(manifest_text: str) -> None:
    text = manifest_text.replace("rate_per_s = 5", "rate_per_s = 20").replace("daily_quota = 1000\n", "")
    manifest = read_manifest(
        text.replace('days = ["sun"]', 'days = ["mon"]').replace("23:00", "12:00").replace("04:00", "13:00")
    )
    assert isinstance(manifest, Manifest)
    clock, store = VirtualClock(), MemoryStore()
    register = UnreliableRegister(seeded(1), clock, knows_again=True, bad=0)
    driver = driver_of(manifest, register, store, clock)
    ids = [submit(driver, number, key=f"case {number % 100}") for number in range(1000)]
    for _ in range(60):
        assert await driver.run_due() == 0
        clock.now += timedelta(minutes=1)
    assert all(request.tries == 0 for request in store.requests.values())
    while any(request.state is DrivenRequestState.WAITING for request in store.requests.values()):
        if not await driver.run_due():
            clock.now += timedelta(seconds=0.05)
    assert {store.requests[id_].state for id_ in ids} == {DrivenRequestState.COMPLETED}
    for number, first in enumerate(register.at):
        assert sum(1 for moment in register.at[number : number + 30] if moment - first < timedelta(seconds=1)) <= 21


async def test_a_key_that_needs_an_operator_blocks_no_other_key(manifest_text: str) -> None:
    for on_failure, reached in (("block_key", 2), ("skip", 3)):
        manifest = manifest_of(
            manifest_text.replace(
                'idempotency = "by_lookup"', f'idempotency = "by_lookup"\non_failure = "{on_failure}"'
            ),
            "none",
        )
        clock, store = VirtualClock(), MemoryStore()
        register = UnreliableRegister(seeded(1), clock, knows_again=False, bad=0)
        driver = driver_of(manifest, register, store, clock)
        first = submit(driver, 0, key="a")
        submit(driver, 1, key="a")
        submit(driver, 2, key="b")
        store.requests[first].state, store.requests[first].outcome_unknown = (
            DrivenRequestState.CLAIMED,
            True,
        )  # its process died in the call
        await drain(driver, clock, rounds=20)
        finished = [
            request
            for request in store.requests.values()
            if request.state in {DrivenRequestState.COMPLETED, DrivenRequestState.NEEDS_OPERATOR}
        ]
        assert len(finished) == reached
        assert store.requests[first].state is DrivenRequestState.NEEDS_OPERATOR


async def test_failed_authentication_stops_all_calls(manifest_text: str) -> None:
    clock, store = VirtualClock(), MemoryStore()

    class UnauthorizedRegister(UnreliableRegister):
        async def send(self, call: HttpCall, *, timeout_s: float) -> HttpReply | HttpFailure:
            self.at.append(self.clock())
            return HttpReply(200, {}, b"who")

    register = UnauthorizedRegister(seeded(1), clock, knows_again=True)
    driver = driver_of(manifest_of(manifest_text, "by_key"), register, store, clock)
    for number in range(20):
        submit(driver, number, key=f"case {number}")
    await drain(driver, clock, rounds=5)
    assert store.register.suspended_reason
    assert len(register.at) <= 4  # those that went at the same time


async def test_a_deadline_ends_the_request_once(manifest_text: str) -> None:
    clock, store = VirtualClock(), MemoryStore()
    register = UnreliableRegister(seeded(1), clock, knows_again=True, bad=0)
    driver = driver_of(manifest_of(manifest_text, "by_key"), register, store, clock)
    id_ = submit(driver, 0)
    clock.now += timedelta(days=2)
    await driver.run_due()
    assert (store.requests[id_].state, register.at) == (DrivenRequestState.EXPIRED, [])

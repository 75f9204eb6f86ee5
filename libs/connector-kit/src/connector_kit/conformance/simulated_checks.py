"""Checks of calls: drives a bridge against its simulator through failures, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import time, timedelta

from connector_kit.call_outcome import Rejected
from connector_kit.conformance.harness import DAY_S, Harness, clock, crash_expected, id_of, is_unrepeatable
from connector_kit.conformance.loop import run
from connector_kit.conformance.subject import BridgeUnderTest, CheckFailedError, NotApplicableError
from connector_kit.manifest.limits import MaintenanceWindow, Weekday
from connector_kit.manifest.operation import Idempotency
from connector_kit.resilience.circuit_breaker import BreakerPhase
from connector_kit.testing.driver import DrivenRequest, DrivenRequestState, DriverStage, SimulatedCrashError

DRAIN_S = 15.0  # a service's time to finish on SIGTERM
HOUR_S = 3600.0
COMPLETED = {DrivenRequestState.COMPLETED}
COMPLETED_OR_OPERATOR = {DrivenRequestState.COMPLETED, DrivenRequestState.NEEDS_OPERATOR}


def call_check(body: Callable[[BridgeUnderTest], Awaitable[None]]) -> Callable[[BridgeUnderTest], None]:
    """A check of calls, run in its own event loop."""

    def check(subject: BridgeUnderTest) -> None:
        if subject.folder.uses_files:
            raise NotApplicableError("this register exchanges files")
        run(lambda: body(subject))

    return check


@call_check
async def duplicate_has_one_effect(subject: BridgeUnderTest) -> None:
    """The same event twice; then again after its row was lost, as after a restored backup."""
    for name in subject.manifest.operations:
        harness = Harness(subject)
        for _ in range(2):
            harness.count = 0
            harness.submit(name)
            await harness.run(HOUR_S)
        harness.expect(COMPLETED, situation=f"{name} twice")
        if harness.simulator.call_log.calls.total() != 1:
            raise CheckFailedError(f"{name}: a duplicate event caused {harness.simulator.call_log.calls.total()} calls")
        if subject.manifest.operations[name].idempotency is not Idempotency.BY_KEY:
            continue
        harness.store.requests.clear()
        harness.count = 0
        harness.submit(name)
        await harness.run(HOUR_S)
        if harness.simulator.call_log.effects.total() != 1 or harness.simulator.call_log.effects[str(id_of(1))] != 1:
            raise CheckFailedError(
                f"{name} has idempotency by_key, but the register executed it again: send context.call_id as key"
            )


@call_check
async def crash_loses_and_duplicates_nothing(subject: BridgeUnderTest) -> None:
    for name in subject.manifest.operations:
        for crash_stage in DriverStage:
            harness = Harness(subject)
            harness.new_driver(_crash_at(crash_stage))
            for number in range(2):
                harness.submit(name, key=f"case {number if is_unrepeatable(subject, name) else 0}")
            with crash_expected():
                await harness.run(HOUR_S)
            harness.new_driver()
            await harness.run(2 * DAY_S)
            situation = f"{name}, crashed when {crash_stage}"
            harness.expect(COMPLETED_OR_OPERATOR if is_unrepeatable(subject, name) else COMPLETED, situation=situation)
            if subject.manifest.operations[name].idempotency is not Idempotency.NATURAL:
                harness.expect_single_effects(situation)


@call_check
async def timeout_after_execution_is_not_repeated(subject: BridgeUnderTest) -> None:
    for name, operation in subject.manifest.operations.items():
        harness = Harness(subject, apply_then_timeout_share=1.0, hang_s=operation.timeout_s * 3)
        harness.submit(name)
        await harness.run(operation.timeout_s + 1)
        harness.set_faults(apply_then_timeout_share=0.0)
        await harness.run(2 * HOUR_S)
        situation = f"{name}, executed without an answer"
        harness.expect(
            {DrivenRequestState.NEEDS_OPERATOR} if operation.idempotency is Idempotency.NONE else COMPLETED,
            situation=situation,
        )
        if operation.idempotency is not Idempotency.NATURAL:
            harness.expect_single_effects(situation)


@call_check
async def limits_hold_at_the_register(subject: BridgeUnderTest) -> None:
    limits = subject.manifest.limits
    count = int(min(300, max(20, limits.rate_per_s * 4)))
    harness = Harness(subject, latency_s=0.5)
    name = next(iter(subject.manifest.operations))
    for _ in range(count):
        harness.submit(name)
    await harness.run(max(120.0, 4 * count / limits.rate_per_s))
    harness.expect(COMPLETED, situation=f"{count} calls at once")
    call_log = harness.simulator.call_log
    if call_log.max_concurrent > limits.max_concurrent_calls:
        raise CheckFailedError(
            f"{call_log.max_concurrent} calls at the same time; the manifest allows {limits.max_concurrent_calls}"
        )
    if (most := call_log.max_per_second()) > int(limits.rate_per_s) + 1:
        raise CheckFailedError(f"{most} calls within a second; the manifest allows {limits.rate_per_s:g}")


@call_check
async def breaker_sends_one_probe(subject: BridgeUnderTest) -> None:
    rules = subject.manifest.breaker
    longest = subject.manifest.longest_timeout_s
    if rules.slow_after_s >= longest:
        raise CheckFailedError(
            f"slow_after_s is {rules.slow_after_s:g}, but no call lasts longer than {longest:g}: it never applies"
        )
    name = next(iter(subject.manifest.operations))
    for situation, faults in (("down", {"down": True}), ("slow", {"latency_s": (rules.slow_after_s + longest) / 2})):
        harness = Harness(subject, **faults)
        for _ in range(rules.min_calls * 8):
            harness.submit(name)
        for _ in range(40):
            await harness.run(rules.slow_after_s)
            if harness.store.register.breaker.phase is not BreakerPhase.CLOSED:
                break
        else:
            raise CheckFailedError(
                f"the register was {situation}, but the circuit breaker stayed closed: does classify report failures?"
            )
        harness.simulator.call_log.max_concurrent = 0
        harness.set_faults(down=True, latency_s=0.05)
        before = harness.simulator.call_log.calls.total()
        await harness.run(rules.max_open_s * 3)
        probes = harness.simulator.call_log.calls.total() - before
        if harness.simulator.call_log.max_concurrent != 1 or probes > 3 + rules.max_open_s * 3 / rules.open_s:
            raise CheckFailedError(
                f"{probes} calls while open, {harness.simulator.call_log.max_concurrent} at the same time instead of 1"
            )
        harness.set_faults(down=False)
        await harness.run(DAY_S)
        harness.expect(COMPLETED, situation=f"after the register was {situation}")


@call_check
async def pause_costs_no_try(subject: BridgeUnderTest) -> None:
    name = next(iter(subject.manifest.operations))
    closed = MaintenanceWindow(days=tuple(Weekday), begins=_local_time(subject, -60), ends=_local_time(subject, HOUR_S))
    harness = Harness(subject.with_manifest(subject.manifest.model_copy(update={"maintenance": (closed,)})))
    harness.submit(name)
    await harness.run(HOUR_S - 120)
    if harness.simulator.call_log.calls:
        raise CheckFailedError("the register was called during maintenance")
    await harness.run(HOUR_S)
    harness.expect(COMPLETED, situation="after the maintenance")
    harness = Harness(subject, auth_fails=True)
    requests = [harness.submit(name) for _ in range(5)]
    await harness.run(60)
    tries = sum(request.tries for request in requests)
    await harness.run(HOUR_S)
    if sum(request.tries for request in requests) != tries or not harness.store.register.suspended_reason:
        raise CheckFailedError("the portal rejects our credentials, but calls continued: classify this as AuthFailed")
    harness.set_faults(auth_fails=False)
    harness.store.register = replace(harness.store.register, suspended_reason="")
    await harness.run(DAY_S)
    harness.expect(COMPLETED, situation="after an operator resumed it")


@call_check
async def failing_key_blocks_only_itself(subject: BridgeUnderTest) -> None:
    name = next(iter(subject.manifest.operations))
    harness = Harness(subject)
    failing = [harness.submit(name, key="failing") for _ in range(3)]
    harness.set_faults(fail_ids=[str(failing[0].id)])
    others = [harness.submit(name) for _ in range(6)]
    await harness.run(120)
    if late := [request for request in others if request.state is not DrivenRequestState.COMPLETED]:
        raise CheckFailedError(f"one key fails, but {len(late)} of 6 others did not complete")
    if failing[0].state is not DrivenRequestState.WAITING:
        raise CheckFailedError(
            f"{name} failed at the register, but ended as {failing[0].state} {failing[0].code}: it was not executed"
        )
    if any(request.tries for request in failing[1:]):
        raise CheckFailedError("a later request of the failing key was called before it")
    harness.set_faults(fail_ids=[])
    await harness.run(DAY_S)
    order = [id_ for id_ in harness.simulator.call_log.calls if id_ in {str(request.id) for request in failing}]
    if order != [str(request.id) for request in failing]:
        raise CheckFailedError("after the key was unblocked, its calls went out of order")


@call_check
async def unreadable_questions_are_rejected(subject: BridgeUnderTest) -> None:
    harness = Harness(subject)
    name = next(iter(subject.manifest.operations))
    for number in range(5):
        harness.driver.submit(id_of(1000 + number), f"case {number}", name, b"\xff no question %d" % number)
    harness.submit(name)
    await harness.run(HOUR_S)
    harness.expect(COMPLETED, situation="unreadable questions")
    codes = {request.outcome for request in harness.store.requests.values() if request.id.int >= id_of(1000).int}
    if len(codes) != 1 or not isinstance(next(iter(codes)), Rejected):
        raise CheckFailedError(f"five unreadable questions ended in {len(codes)} kinds of outcome, not one rejection")
    if harness.simulator.call_log.calls.total() != 1:
        raise CheckFailedError("an unreadable question was sent to the register")


@call_check
async def deadline_ends_a_request_once(subject: BridgeUnderTest) -> None:
    for name, operation in subject.manifest.operations.items():
        harness = Harness(subject, down=True)
        harness.submit(name)
        await harness.run(operation.deadline_s + 2 * HOUR_S)
        harness.expect(
            {DrivenRequestState.EXPIRED}, situation=f"{name}, the register was down until after the deadline"
        )
        calls = harness.simulator.call_log.calls.total()
        harness.set_faults(down=False)
        harness.driver.submit(id_of(1), "case 1", name, subject.example(name).question_json(1))
        await harness.driver.run_due()
        if harness.simulator.call_log.calls.total() != calls:
            raise CheckFailedError(f"{name} was called after its deadline")


@call_check
async def sigterm_drains(subject: BridgeUnderTest) -> None:
    for name, operation in subject.manifest.operations.items():
        harness = Harness(subject, latency_s=operation.timeout_s * 0.9)
        harness.submit(name)
        running = asyncio.create_task(harness.driver.run_due())
        await asyncio.sleep(0.2)
        await asyncio.wait([running], timeout=DRAIN_S)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        harness.set_faults(latency_s=0.05)
        harness.new_driver()
        await harness.run(DAY_S)
        situation = f"{name}, stopped during the call"
        harness.expect(
            COMPLETED, situation=f"{situation} (a timeout of {operation.timeout_s:g} s, {DRAIN_S:g} s to drain)"
        )
        if operation.idempotency is not Idempotency.NATURAL:
            harness.expect_single_effects(situation)


@call_check
async def every_call_has_a_timeout(subject: BridgeUnderTest) -> None:
    for name, operation in subject.manifest.operations.items():
        harness = Harness(subject, latency_s=operation.timeout_s * 20)
        harness.submit(name)
        started = clock()
        await harness.driver.run_due()
        took_s = (clock() - started).total_seconds()
        if took_s > operation.timeout_s + 1:
            raise CheckFailedError(f"{name} took {took_s:.0f} s; its timeout is {operation.timeout_s:g} s")


def _crash_at(crash_stage: DriverStage) -> Callable[[DriverStage, DrivenRequest], None]:
    def crash(stage: DriverStage, _: DrivenRequest) -> None:
        if stage is crash_stage:
            raise SimulatedCrashError

    return crash


def _local_time(subject: BridgeUnderTest, after_s: float) -> time:
    """Local time of the register, `after_s` seconds from now."""
    return (clock().astimezone(subject.manifest.zone) + timedelta(seconds=after_s)).time()

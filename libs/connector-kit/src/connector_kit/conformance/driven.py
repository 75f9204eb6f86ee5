"""Checks of how calls go: a candidate is driven against its simulator through failures, in a loop whose clock jumps."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import time, timedelta

from connector_kit.breaker import Phase
from connector_kit.conformance.candidate import Candidate, CheckFailed, DoesNotApply
from connector_kit.conformance.loop import run
from connector_kit.conformance.rig import DAY_S, Rig, clock, crash_expected, id_of, unsafe
from connector_kit.driver import Asked, Crash, Fate, Point
from connector_kit.manifest import Day, Effect, Maintenance
from connector_kit.verdict import Rejected

DRAIN_S = 15.0  # of a service on SIGTERM
HOUR_S = 3600.0
ENDED = {Fate.ENDED}
ENDED_OR_HUMAN = {Fate.ENDED, Fate.FOR_HUMAN}


def driven(body: Callable[[Candidate], Awaitable[None]]) -> Callable[[Candidate], None]:
    """A check of calls, run in a loop of its own."""

    def check(candidate: Candidate) -> None:
        if candidate.folder.batch:
            raise DoesNotApply("a register of files is not called")
        run(lambda: body(candidate))

    return check


@driven
async def a_duplicate_has_one_effect(candidate: Candidate) -> None:
    """The same event twice; then again after its row was lost, as after a restored backup."""
    for name in candidate.manifest.operations:
        rig = Rig(candidate)
        for _ in range(2):
            rig.count = 0
            rig.ask(name)
            await rig.run(HOUR_S)
        rig.expect(ENDED, what=f"{name} twice")
        if rig.simulator.seen.calls.total() != 1:
            raise CheckFailed(f"{name}: one event twice was {rig.simulator.seen.calls.total()} calls")
        if candidate.manifest.operations[name].effect is not Effect.KEY:
            continue
        rig.ledger.asked.clear()
        rig.count = 0
        rig.ask(name)
        await rig.run(HOUR_S)
        if rig.simulator.seen.effects.total() != 1 or rig.simulator.seen.effects[str(id_of(1))] != 1:
            raise CheckFailed(f"{name} is declared `key` and the register did it again: send stamp.call_id as the key")


@driven
async def a_kill_loses_and_doubles_nothing(candidate: Candidate) -> None:
    for name in candidate.manifest.operations:
        for point in Point:
            rig = Rig(candidate)
            rig.new_driver(_dies_at(point))
            for number in range(2):
                rig.ask(name, key=f"case {number if unsafe(candidate, name) else 0}")
            with crash_expected():
                await rig.run(HOUR_S)
            rig.new_driver()
            await rig.run(2 * DAY_S)
            what = f"{name}, killed when {point}"
            rig.expect(ENDED_OR_HUMAN if unsafe(candidate, name) else ENDED, what=what)
            if candidate.manifest.operations[name].effect is not Effect.NATURAL:
                rig.expect_single_effects(what)


@driven
async def a_timeout_after_the_deed_is_no_second_deed(candidate: Candidate) -> None:
    for name, operation in candidate.manifest.operations.items():
        rig = Rig(candidate, apply_then_timeout_share=1.0, hang_s=operation.timeout_s * 3)
        rig.ask(name)
        await rig.run(operation.timeout_s + 1)
        rig.turn(apply_then_timeout_share=0.0)
        await rig.run(2 * HOUR_S)
        what = f"{name}, done without an answer"
        rig.expect({Fate.FOR_HUMAN} if operation.effect is Effect.UNSAFE else ENDED, what=what)
        if operation.effect is not Effect.NATURAL:
            rig.expect_single_effects(what)


@driven
async def pace_and_width_hold_at_the_register(candidate: Candidate) -> None:
    limits = candidate.manifest.limits
    wanted = int(min(300, max(20, limits.rate_per_s * 4)))
    rig = Rig(candidate, latency_s=0.5)
    name = next(iter(candidate.manifest.operations))
    for _ in range(wanted):
        rig.ask(name)
    await rig.run(max(120.0, 4 * wanted / limits.rate_per_s))
    rig.expect(ENDED, what=f"{wanted} calls at once")
    seen = rig.simulator.seen
    if seen.most_together > limits.concurrency:
        raise CheckFailed(f"{seen.most_together} calls at the same time; the manifest says {limits.concurrency}")
    if (most := seen.most_in_a_second()) > int(limits.rate_per_s) + 1:
        raise CheckFailed(f"{most} calls within a second; the manifest says {limits.rate_per_s:g}")


@driven
async def the_breaker_opens_and_sends_one_probe(candidate: Candidate) -> None:
    rules = candidate.manifest.breaker
    longest = candidate.manifest.longest_timeout_s
    if rules.slow_after_s >= longest:
        raise CheckFailed(f"slow_after_s is {rules.slow_after_s:g}, no call lasts longer than {longest:g}: never seen")
    name = next(iter(candidate.manifest.operations))
    for what, knobs in (("down", {"down": True}), ("slow", {"latency_s": (rules.slow_after_s + longest) / 2})):
        rig = Rig(candidate, **knobs)
        for _ in range(rules.min_calls * 8):
            rig.ask(name)
        for _ in range(40):
            await rig.run(rules.slow_after_s)
            if rig.ledger.register.breaker.phase is not Phase.CLOSED:
                break
        else:
            raise CheckFailed(f"the register was {what} and the breaker stayed closed: is a failure told as one?")
        rig.simulator.seen.most_together = 0
        rig.turn(down=True, latency_s=0.05)
        before = rig.simulator.seen.calls.total()
        await rig.run(rules.open_at_most_s * 3)
        probes = rig.simulator.seen.calls.total() - before
        if rig.simulator.seen.most_together != 1 or probes > 3 + rules.open_at_most_s * 3 / rules.open_s:
            raise CheckFailed(
                f"{probes} calls while open, {rig.simulator.seen.most_together} at the same time, not one"
            )
        rig.turn(down=False)
        await rig.run(DAY_S)
        rig.expect(ENDED, what=f"after the register was {what}")


@driven
async def a_pause_costs_no_try(candidate: Candidate) -> None:
    name = next(iter(candidate.manifest.operations))
    closed = Maintenance(days=tuple(Day), begins=_wall(candidate, -60), ends=_wall(candidate, HOUR_S))
    rig = Rig(candidate.with_manifest(candidate.manifest.model_copy(update={"maintenance": (closed,)})))
    rig.ask(name)
    await rig.run(HOUR_S - 120)
    if rig.simulator.seen.calls:
        raise CheckFailed("the register was closed for maintenance and was called")
    await rig.run(HOUR_S)
    rig.expect(ENDED, what="after the maintenance")
    rig = Rig(candidate, not_let_in=True)
    asked = [rig.ask(name) for _ in range(5)]
    await rig.run(60)
    tries = sum(one.tries for one in asked)
    await rig.run(HOUR_S)
    if sum(one.tries for one in asked) != tries or not rig.ledger.register.paused:
        raise CheckFailed("the portal does not let us in and calls went on: that is AuthFailed, nothing else mends it")
    rig.turn(not_let_in=False)
    rig.ledger.register = replace(rig.ledger.register, paused="")
    await rig.run(DAY_S)
    rig.expect(ENDED, what="after an operator resumed it")


@driven
async def a_failing_key_waits_alone(candidate: Candidate) -> None:
    name = next(iter(candidate.manifest.operations))
    rig = Rig(candidate)
    failing = [rig.ask(name, key="failing") for _ in range(3)]
    rig.turn(fail_ids=[str(failing[0].id)])
    others = [rig.ask(name) for _ in range(6)]
    await rig.run(120)
    if late := [one for one in others if one.fate is not Fate.ENDED]:
        raise CheckFailed(f"one key fails and {len(late)} of 6 others did not end")
    if failing[0].fate is not Fate.WAITING:
        raise CheckFailed(
            f"{name} failed at the register and ended as {failing[0].fate} {failing[0].code}: nothing happened"
        )
    if any(one.tries for one in failing[1:]):
        raise CheckFailed("what comes later of the failing key was called before it")
    rig.turn(fail_ids=[])
    await rig.run(DAY_S)
    order = [one for one in rig.simulator.seen.calls if one in {str(asked.id) for asked in failing}]
    if order != [str(one.id) for one in failing]:
        raise CheckFailed("after the key went on, its calls went in another order")


@driven
async def poison_ends_in_one_group(candidate: Candidate) -> None:
    rig = Rig(candidate)
    name = next(iter(candidate.manifest.operations))
    for number in range(5):
        rig.driver.take(id_of(1000 + number), f"case {number}", name, b"\xff no question %d" % number)
    rig.ask(name)
    await rig.run(HOUR_S)
    rig.expect(ENDED, what="questions nobody can read")
    codes = {one.verdict for one in rig.ledger.asked.values() if one.id.int >= id_of(1000).int}
    if len(codes) != 1 or not isinstance(next(iter(codes)), Rejected):
        raise CheckFailed(
            f"five questions that nobody can read ended in {len(codes)} kinds of verdict, not one rejection"
        )
    if rig.simulator.seen.calls.total() != 1:
        raise CheckFailed("a question that nobody can read was sent to the register")


@driven
async def the_deadline_ends_it_once(candidate: Candidate) -> None:
    for name, operation in candidate.manifest.operations.items():
        rig = Rig(candidate, down=True)
        rig.ask(name)
        await rig.run(operation.deadline_s + 2 * HOUR_S)
        rig.expect({Fate.EXPIRED}, what=f"{name}, the register down until after the deadline")
        calls = rig.simulator.seen.calls.total()
        rig.turn(down=False)
        rig.driver.take(id_of(1), "case 1", name, candidate.example(name).asked(1))
        await rig.driver.run_due()
        if rig.simulator.seen.calls.total() != calls:
            raise CheckFailed(f"{name} was called after its deadline had ended it")


@driven
async def sigterm_drains(candidate: Candidate) -> None:
    for name, operation in candidate.manifest.operations.items():
        rig = Rig(candidate, latency_s=operation.timeout_s * 0.9)
        rig.ask(name)
        running = asyncio.create_task(rig.driver.run_due())
        await asyncio.sleep(0.2)
        await asyncio.wait([running], timeout=DRAIN_S)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        rig.turn(latency_s=0.05)
        rig.new_driver()
        await rig.run(DAY_S)
        what = f"{name}, stopped while it was under way"
        rig.expect(ENDED, what=f"{what} (a timeout of {operation.timeout_s:g} s, {DRAIN_S:g} s to drain)")
        if operation.effect is not Effect.NATURAL:
            rig.expect_single_effects(what)


@driven
async def every_call_has_its_timeout(candidate: Candidate) -> None:
    for name, operation in candidate.manifest.operations.items():
        rig = Rig(candidate, latency_s=operation.timeout_s * 20)
        rig.ask(name)
        begun = clock()
        await rig.driver.run_due()
        took_s = (clock() - begun).total_seconds()
        if took_s > operation.timeout_s + 1:
            raise CheckFailed(f"{name} hung for {took_s:.0f} s; its timeout is {operation.timeout_s:g} s")


def _dies_at(point: Point) -> Callable[[Point, Asked], None]:
    def at(here: Point, _: Asked) -> None:
        if here is point:
            raise Crash

    return at


def _wall(candidate: Candidate, after_s: float) -> time:
    """The time of day at the register, so many seconds from now."""
    return (clock().astimezone(candidate.manifest.zone) + timedelta(seconds=after_s)).time()

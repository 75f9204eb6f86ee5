"""A thousand runs with crashes and time-outs: no order is lost, none is done twice, what nobody can know goes to a human."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from connector_kit.adapter import Happened, HttpCall, HttpReply, NotHappened, Probed, Stamp
from connector_kit.bridge import Bridge
from connector_kit.driver import Asked, Crash, Driver, Fate, Ledger, Point
from connector_kit.manifest import Manifest, read_manifest
from connector_kit.transport import Trouble
from connector_kit.verdict import AuthFailed, Done, NotFound, RetryLater, Throttled, Unknown, Verdict
from pydantic import BaseModel

OPERATION = "order_permit"


class Order(BaseModel):
    plate: str


class Permit(BaseModel):
    number: int


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 -- faults on command


@dataclass
class Clock:
    """Stands until somebody sleeps."""

    now: datetime = datetime(2026, 11, 23, 11, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now = max(self.now, self.now + timedelta(seconds=seconds))


class Plain:
    """Native messages are three words."""

    def encode(self, operation: str, question: BaseModel, stamp: Stamp) -> HttpCall:
        return HttpCall("POST", f"/{stamp.call_id}")

    def classify(self, operation: str, reply: HttpReply) -> Verdict:
        match reply.body:
            case b"done":
                return Done(Permit(number=1))
            case b"later":
                return RetryLater("later")
            case b"slower":
                return Throttled(1.0)
            case b"who":
                return AuthFailed("who")
        return Unknown("mumbling") if reply.body else NotFound()

    def encode_probe(self, operation: str, question: BaseModel, stamp: Stamp) -> HttpCall:
        return HttpCall("GET", f"/{stamp.call_id}")

    def classify_probe(self, operation: str, reply: HttpReply) -> Probed:
        verdict = self.classify(operation, reply)
        match verdict:
            case Done():
                return Happened(verdict)
            case NotFound():
                return NotHappened()
        return RetryLater("probe")


@dataclass
class Register:
    """On no socket: what is checked here is the driving. Knows every order by its id only where the effect says so."""

    rng: random.Random
    clock: Clock
    knows_again: bool
    effects: dict[str, int] = field(default_factory=dict)
    at: list[datetime] = field(default_factory=list)
    bad: float = 0.4

    async def send(self, call: HttpCall, *, timeout_s: float) -> HttpReply | Trouble:
        self.at.append(self.clock())
        chance = self.rng.random() / self.bad if self.bad else 1.0
        if chance < 0.2:
            return Trouble.UNREACHABLE
        if chance < 0.4:
            return HttpReply(200, {}, b"later")
        if call.method == "GET":
            return (
                HttpReply(200, {}, b"done" if self.effects.get(call.path) else b"")
                if chance > 0.6
                else Trouble.NO_ANSWER
            )
        if not (self.knows_again and self.effects.get(call.path)):
            self.effects[call.path] = self.effects.get(call.path, 0) + 1
        if chance < 0.8:
            return Trouble.NO_ANSWER
        return HttpReply(200, {}, b"garbage" if chance < 0.9 else b"done")

    async def close(self) -> None:
        pass


def manifest_of(text: str, effect: str) -> Manifest:
    manifest = read_manifest(
        text.replace('effect = "probe"', f'effect = "{effect}"')
        .replace("rate_per_s = 5", "rate_per_s = 50")
        .replace("daily_quota = 1000\n", "")
        .replace("min_calls = 10", "min_calls = 1000")
    )
    assert isinstance(manifest, Manifest)
    return manifest


def driver_of(manifest: Manifest, register: Register, ledger: Ledger, clock: Clock) -> Driver:
    models = {"Order": Order, "Permit": Permit, "Plate": Order}
    return Driver(Bridge(manifest, Plain(), register, models), ledger, clock, clock.sleep)


def take(driver: Driver, number: int, *, key: str = "") -> UUID:
    id_ = UUID(int=number + 1)
    driver.take(id_, key or f"case {number % 3}", OPERATION, b'{"plate": "L-1"}')
    return id_


async def drain(driver: Driver, clock: Clock, *, rounds: int = 1600) -> None:
    """Time passes, processes die and others go on from the ledger, until nothing waits."""
    for _ in range(rounds):
        try:
            await driver.run_due()
        except* Crash:
            pass
        if all(one.fate not in {Fate.WAITING, Fate.CLAIMED} for one in driver.ledger.asked.values()):
            return
        if not driver.ledger.heads(clock.now) and not any(
            one.fate in {Fate.WAITING, Fate.CLAIMED} and one.key not in blocked(driver)
            for one in driver.ledger.asked.values()
        ):
            return
        clock.now += timedelta(seconds=60)


def blocked(driver: Driver) -> set[str]:
    """Keys behind an order that waits for a human."""
    return {one.key for one in driver.ledger.asked.values() if one.fate is Fate.FOR_HUMAN}


@pytest.mark.parametrize("effect", ["key", "probe", "unsafe"])
async def test_a_thousand_runs_lose_nothing_and_do_nothing_twice(manifest_text: str, effect: str) -> None:
    manifest = manifest_of(manifest_text, effect)
    lost = doubled = for_human = 0
    for seed in range(1000):
        rng, clock, ledger = seeded(seed), Clock(), Ledger()
        register = Register(rng, clock, knows_again=effect == "key")
        driver = driver_of(manifest, register, ledger, clock)

        def die(_: Point, __: Asked, rng: random.Random = rng) -> None:
            if rng.random() < 0.1:
                raise Crash

        driver.at = die
        for number in range(6):
            take(driver, number)
            take(driver, number)  # the event comes twice
        await drain(driver, clock)
        doubled += sum(count > 1 for count in register.effects.values())
        for one in ledger.asked.values():
            happened = register.effects.get(f"/{one.id}", 0)
            for_human += one.fate is Fate.FOR_HUMAN
            stuck_behind = one.fate is Fate.WAITING and one.key in blocked(driver)
            told = one.fate is Fate.ENDED and happened == 1
            lost += not (
                told or one.fate is Fate.FOR_HUMAN or stuck_behind or (one.fate is Fate.EXPIRED and not happened)
            )
    assert (lost, doubled) == (0, 0)
    assert (for_human > 0) == (effect == "unsafe")


async def test_a_driver_that_repeats_what_it_should_look_up_is_found(manifest_text: str) -> None:
    """The mutant of the run above: an order that the register does not know again, driven as if it did."""
    manifest, doubled = manifest_of(manifest_text, "key"), 0
    for seed in range(50):
        clock, ledger = Clock(), Ledger()
        register = Register(seeded(seed), clock, knows_again=False)
        driver = driver_of(manifest, register, ledger, clock)
        for number in range(6):
            take(driver, number)
        await drain(driver, clock)
        doubled += sum(count > 1 for count in register.effects.values())
    assert doubled > 0


async def test_an_hour_without_the_register_burns_no_try_and_drains_in_order_at_its_pace(manifest_text: str) -> None:
    text = manifest_text.replace("rate_per_s = 5", "rate_per_s = 20").replace("daily_quota = 1000\n", "")
    manifest = read_manifest(
        text.replace('days = ["sun"]', 'days = ["mon"]').replace("23:00", "12:00").replace("04:00", "13:00")
    )
    assert isinstance(manifest, Manifest)
    clock, ledger = Clock(), Ledger()
    register = Register(seeded(1), clock, knows_again=True, bad=0)
    driver = driver_of(manifest, register, ledger, clock)
    ids = [take(driver, number, key=f"case {number % 100}") for number in range(1000)]
    for _ in range(60):
        assert await driver.run_due() == 0
        clock.now += timedelta(minutes=1)
    assert all(one.tries == 0 for one in ledger.asked.values())
    while any(one.fate is Fate.WAITING for one in ledger.asked.values()):
        if not await driver.run_due():
            clock.now += timedelta(seconds=0.05)
    assert {ledger.asked[id_].fate for id_ in ids} == {Fate.ENDED}
    for number, first in enumerate(register.at):
        assert sum(1 for one in register.at[number : number + 30] if one - first < timedelta(seconds=1)) <= 21


async def test_a_key_that_waits_for_a_human_holds_up_no_other_and_skips_where_it_may(manifest_text: str) -> None:
    for on_dead, reached in (("park", 2), ("skip", 3)):
        manifest = manifest_of(
            manifest_text.replace('effect = "probe"', f'effect = "probe"\non_dead = "{on_dead}"'), "unsafe"
        )
        clock, ledger = Clock(), Ledger()
        register = Register(seeded(1), clock, knows_again=False, bad=0)
        driver = driver_of(manifest, register, ledger, clock)
        first = take(driver, 0, key="a")
        take(driver, 1, key="a")
        take(driver, 2, key="b")
        ledger.asked[first].fate, ledger.asked[first].unsure = Fate.CLAIMED, True  # its process died in the call
        await drain(driver, clock, rounds=20)
        settled = [one for one in ledger.asked.values() if one.fate in {Fate.ENDED, Fate.FOR_HUMAN}]
        assert len(settled) == reached
        assert ledger.asked[first].fate is Fate.FOR_HUMAN


async def test_who_is_not_let_in_stops_and_says_so(manifest_text: str) -> None:
    clock, ledger = Clock(), Ledger()

    class Closed(Register):
        async def send(self, call: HttpCall, *, timeout_s: float) -> HttpReply | Trouble:
            self.at.append(self.clock())
            return HttpReply(200, {}, b"who")

    register = Closed(seeded(1), clock, knows_again=True)
    driver = driver_of(manifest_of(manifest_text, "key"), register, ledger, clock)
    for number in range(20):
        take(driver, number, key=f"case {number}")
    await drain(driver, clock, rounds=5)
    assert ledger.register.paused
    assert len(register.at) <= 4  # those that went at the same time


async def test_a_deadline_ends_with_one_answer_that_there_is_none(manifest_text: str) -> None:
    clock, ledger = Clock(), Ledger()
    register = Register(seeded(1), clock, knows_again=True, bad=0)
    driver = driver_of(manifest_of(manifest_text, "key"), register, ledger, clock)
    id_ = take(driver, 0)
    clock.now += timedelta(days=2)
    await driver.run_due()
    assert (ledger.asked[id_].fate, register.at) == (Fate.EXPIRED, [])

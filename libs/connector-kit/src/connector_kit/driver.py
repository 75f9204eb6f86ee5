"""Drives one bridge in memory, by the rules a service follows with its database: for checks, and to read how it goes.

Kept true: what stands in the `Ledger` survives a crash and nothing else does. A claim is written before the call and an
outcome after it; a crash at any of these points is a `Crash` raised by `at`, and the next run goes on from the ledger.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from wanderamt.kernel.decision import Attempt, Pause, Retry
from wanderamt.kernel.decision import Unknown as MayHaveHappened

from connector_kit.adapter import Stamp
from connector_kit.bridge import Bridge
from connector_kit.manifest import OnDead
from connector_kit.policy import Beat, Ended, ForHuman, after, next_beat, too_late
from connector_kit.register import RegisterState, learned, reserve
from connector_kit.verdict import Malformed, NotDone, Unknown, Verdict


class Point(StrEnum):
    """Where a process may die."""

    CLAIMED = "claimed"
    CALLED = "called"
    RECORDED = "recorded"


class Crash(Exception):
    """The process is gone, as with kill -9."""


class Fate(StrEnum):
    WAITING = "waiting"
    CLAIMED = "claimed"
    ENDED = "ended"
    FOR_HUMAN = "for_human"
    EXPIRED = "expired"


@dataclass(slots=True)
class Asked:
    """A request in the ledger. `tries` are calls that went; a pause adds none.

    `unsure`: the last call may have happened. `maybe`: any of them may have, and nobody knows better yet.
    """

    id: UUID
    key: str
    operation: str
    question: bytes
    deadline: datetime
    run_at: datetime
    fate: Fate = Fate.WAITING
    tries: int = 0
    unsure: bool = False
    maybe: bool = False
    verdict: Verdict | None = None
    code: str = ""


@dataclass(slots=True)
class Ledger:
    """What a database holds."""

    asked: dict[UUID, Asked] = field(default_factory=dict)
    register: RegisterState = field(default_factory=RegisterState)

    def heads(self, now: datetime) -> list[Asked]:
        """The oldest that is not done of each key; behind one for a human its key waits or goes on, as it says."""
        blocked: set[str] = set()
        found = []
        for one in self.asked.values():
            done = one.fate in {Fate.ENDED, Fate.EXPIRED}
            if one.key in blocked or done:
                continue
            blocked.add(one.key)
            if one.fate is Fate.WAITING and one.run_at <= now:
                found.append(one)
        return found


@dataclass
class Driver:
    """`clock` and `sleep` may be those of a test. `at` is called at each point and may raise Crash."""

    bridge: Bridge
    ledger: Ledger
    clock: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    at: Callable[[Point, Asked], None] = lambda _point, _asked: None

    def take(self, id_: UUID, key: str, operation: str, question: bytes) -> None:
        """The same id twice is one request."""
        now = self.clock()
        rules = self.bridge.manifest.operations[operation]
        deadline = now + timedelta(seconds=rules.deadline_s)
        self.ledger.asked.setdefault(id_, Asked(id_, key, operation, question, deadline, run_at=now))

    async def run_due(self) -> int:
        """Everything that may go now, at most as many at a time as the register bears. Gives how many calls went."""
        self._adopt()
        went = 0
        while True:
            ready = self._claim()
            if not ready:
                return went
            went += len(ready)
            async with asyncio.TaskGroup() as group:
                for asked, moment in ready:
                    group.create_task(self._do(asked, moment))

    def _adopt(self) -> None:
        """What was claimed by a process that is gone."""
        for one in self.ledger.asked.values():
            if one.fate is Fate.CLAIMED:
                one.fate, one.unsure, one.maybe = Fate.WAITING, True, True

    def _claim(self) -> list[tuple[Asked, datetime]]:
        ledger, manifest, now = self.ledger, self.bridge.manifest, self.clock()
        ready = self._without_late(ledger.heads(now), now)[: manifest.limits.concurrency]
        if not ready:
            return []
        ledger.register, given = reserve(ledger.register, len(ready), manifest, now=now)
        if isinstance(given, Pause):
            return []
        claimed = list(zip(ready, given, strict=False))
        for one, _ in claimed:
            one.fate = Fate.CLAIMED
        return claimed

    def _without_late(self, heads: list[Asked], now: datetime) -> list[Asked]:
        in_time = []
        for one in heads:
            if now < one.deadline:
                in_time.append(one)
            elif human := too_late(self.bridge.manifest.operations[one.operation], maybe=one.maybe):
                self._settle(one, human)
            else:
                one.fate, one.code = Fate.EXPIRED, one.code or "deadline"
        return in_time

    def _beat(self, asked: Asked) -> Beat | ForHuman:
        rules = self.bridge.manifest.operations[asked.operation]
        return next_beat(rules, Attempt(asked.tries + 1, asked.unsure))

    async def _do(self, asked: Asked, moment: datetime) -> None:
        beat = self._beat(asked)
        self.at(Point.CLAIMED, asked)
        if isinstance(beat, ForHuman):
            self._settle(asked, beat)
            return
        wait_s = (moment - self.clock()).total_seconds()
        if wait_s > 0:
            await self.sleep(wait_s)
        begun = self.clock()
        stamp = Stamp(asked.id, "officer@linz", self.bridge.manifest.operations[asked.operation].purposes[0])
        verdict = await self.bridge.call(asked.operation, asked.question, stamp, beat=beat)
        took_s = (self.clock() - begun).total_seconds()
        self.at(Point.CALLED, asked)
        self._record(asked, verdict, took_s, beat)
        self.at(Point.RECORDED, asked)

    def _record(self, asked: Asked, verdict: Verdict, took_s: float, beat: Beat) -> None:
        ledger, manifest, now = self.ledger, self.bridge.manifest, self.clock()
        asked.tries += 1
        if isinstance(verdict, Unknown | Malformed):
            asked.maybe = True
        elif isinstance(verdict, NotDone):
            asked.maybe = False
        ledger.register = learned(ledger.register, manifest, verdict, took_s=took_s, now=now)
        step = after(manifest.operations[asked.operation], verdict, Attempt(asked.tries, asked.unsure), beat=beat)
        self._settle(asked, step)

    def _settle(self, asked: Asked, step: Ended | ForHuman | Retry | MayHaveHappened) -> None:
        match step:
            case Ended(verdict):
                asked.fate, asked.verdict, asked.unsure, asked.maybe = Fate.ENDED, verdict, False, False
            case ForHuman(code):
                asked.fate, asked.code = Fate.FOR_HUMAN, code
                self._let_pass(asked)
            case Retry(after_s, reason):
                asked.fate, asked.code, asked.unsure = Fate.WAITING, reason, False
                asked.run_at = self.clock() + timedelta(seconds=after_s)
            case MayHaveHappened(after_s, reason):
                asked.fate, asked.code, asked.unsure = Fate.WAITING, reason, True
                asked.run_at = self.clock() + timedelta(seconds=after_s)

    def _let_pass(self, asked: Asked) -> None:
        """Where what comes later need not wait, the one for a human steps out of its key."""
        if self.bridge.manifest.operations[asked.operation].on_dead is OnDead.SKIP:
            asked.key = f"{asked.key} (for a human: {asked.id})"

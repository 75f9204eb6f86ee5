"""Drives one bridge of files in memory, by the rules a service follows with its database. See `driver` for its brother.

Kept true: what stands in the `FileLedger` survives a crash and nothing else does.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from wanderamt.kernel.decision import Pause

from connector_kit.adapter import Stamp
from connector_kit.batch import FileBridge, Order
from connector_kit.driver import Fate, Point
from connector_kit.exchange import (
    Exchange,
    Laid,
    Lay,
    LookThere,
    Portion,
    ReadOn,
    SendBack,
    Step,
    laid,
    looked,
    next_step,
    sent_back,
    took,
)
from connector_kit.files import Look
from connector_kit.register import RegisterState, learned, reserve
from connector_kit.verdict import AuthFailed, Done, NotFound, Rejected, RetryLater, Verdict

Outcome = Laid | Look | Portion | RetryLater | AuthFailed


@dataclass(slots=True)
class Filed:
    """An order in the ledger. `file`: the order file it goes in; empty: in none yet."""

    id: UUID
    operation: str
    question: bytes
    deadline: datetime
    fate: Fate = Fate.WAITING
    file: str = ""
    verdict: Verdict | None = None


@dataclass(slots=True)
class FileLedger:
    filed: dict[UUID, Filed] = field(default_factory=dict)
    exchange: Exchange = field(default_factory=Exchange)
    register: RegisterState = field(default_factory=RegisterState)
    answers: list[UUID] = field(default_factory=list)


@dataclass
class FileDriver:
    """`at` is called at each point and may raise Crash."""

    bridge: FileBridge
    ledger: FileLedger
    clock: Callable[[], datetime]
    at: Callable[[Point], None] = lambda _: None

    def take(self, id_: UUID, operation: str, question: bytes) -> None:
        """The same id twice is one order."""
        deadline = self.clock() + timedelta(seconds=self.bridge.manifest.operations[operation].deadline_s)
        self.ledger.filed.setdefault(id_, Filed(id_, operation, question, deadline))

    async def step(self) -> bool:
        """One step to the register, if one is due and may go."""
        ledger, now = self.ledger, self.clock()
        self._expire(now)
        open_ = [one for one in ledger.filed.values() if one.fate is Fate.WAITING]
        waiting = [one for one in open_ if not one.file]
        exchange, step = next_step(
            ledger.exchange, self.bridge.manifest, waiting=len(waiting), outstanding=len(open_) - len(waiting), now=now
        )
        if not step:
            return False
        register, given = reserve(ledger.register, 1, self.bridge.manifest, now=now)
        ledger.register = register
        if isinstance(given, Pause):
            return False
        if exchange != ledger.exchange and isinstance(step, Lay):
            for one in waiting:
                one.file = step.name
        ledger.exchange = exchange
        self.at(Point.CLAIMED)
        outcome = await self._do(step, now)
        self.at(Point.CALLED)
        self._record(step, outcome, (self.clock() - now).total_seconds())
        self.at(Point.RECORDED)
        return not isinstance(outcome, RetryLater | AuthFailed)

    def _expire(self, now: datetime) -> None:
        for one in self.ledger.filed.values():
            if one.fate is Fate.WAITING and one.deadline <= now:
                one.fate = Fate.EXPIRED
                self.ledger.answers.append(one.id)

    async def _do(self, step: Step, now: datetime) -> Outcome:
        match step:
            case Lay(name):
                return await self.bridge.lay(name, [self._order(one) for one in self._in_file(name)])
            case ReadOn(file):
                return await self.bridge.read(file.lying, ends_at=file.ends_at, line=file.line)
            case SendBack(name, rejects):
                return await self.bridge.send_back(name, rejects)
            case LookThere():
                return await self.bridge.look(now=now)

    def _in_file(self, name: str) -> list[Filed]:
        return [one for one in self.ledger.filed.values() if one.file == name]

    def _order(self, one: Filed) -> Order:
        rules = self.bridge.manifest.operations[one.operation]
        return Order(one.operation, one.question, Stamp(one.id, "officer@linz", rules.purposes[0]))

    def _record(self, step: Step, outcome: Outcome, took_s: float) -> None:
        ledger, now = self.ledger, self.clock()
        verdict: Verdict = outcome if isinstance(outcome, RetryLater | AuthFailed) else NotFound()
        ledger.register = learned(ledger.register, self.bridge.manifest, verdict, took_s=took_s, now=now)
        match step, outcome:
            case Lay(name), Laid(_, refused):
                ledger.exchange = laid(ledger.exchange, name)
                for id_, code in refused.items():
                    self._end(id_, Rejected(code))
            case LookThere(), Look():
                ledger.exchange = looked(ledger.exchange, outcome, self.bridge.manifest)
            case ReadOn(file), Portion():
                ledger.exchange, rows = took(ledger.exchange, file, outcome)
                for row in rows:
                    self._end(row.call_id, row.verdict)
            case SendBack(name, _), Laid():
                ledger.exchange = sent_back(ledger.exchange, name)

    def _end(self, id_: UUID, verdict: Verdict) -> None:
        one = self.ledger.filed.get(id_)
        if one and one.fate is Fate.WAITING and isinstance(verdict, Done | NotFound | Rejected):
            one.fate, one.verdict = Fate.ENDED, verdict
            self.ledger.answers.append(id_)

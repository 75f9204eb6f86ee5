"""Drives a file bridge in memory, by the same rules as a service with a database. See `driver` for call bridges.

Invariants: the `FileMemoryStore` survives a crash and nothing else does.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from wanderamt.kernel.decision import Paused

from connector_kit.adapter import CallContext
from connector_kit.call_outcome import AuthFailed, CallOutcome, NotFound, Rejected, Succeeded, TemporarilyUnavailable
from connector_kit.files.file_bridge import FileBridge, OutgoingRow
from connector_kit.files.file_exchange import (
    ExchangeStep,
    FileChunk,
    FileExchange,
    ListFolder,
    ReadChunk,
    ReturnRejects,
    Uploaded,
    UploadFile,
    after_chunk,
    after_listing,
    after_rejects,
    after_upload,
    next_step,
)
from connector_kit.files.remote_files import FolderListing
from connector_kit.resilience.register_state import RegisterState, acquire, record_outcome
from connector_kit.testing.driver import DrivenRequestState, DriverStage

StepResult = Uploaded | FolderListing | FileChunk | TemporarilyUnavailable | AuthFailed


@dataclass(slots=True)
class DrivenRow:
    """A stored order. `file`: the order file that contains it; empty: none yet."""

    id: UUID
    operation: str
    question: bytes
    deadline: datetime
    state: DrivenRequestState = DrivenRequestState.WAITING
    file: str = ""
    outcome: CallOutcome | None = None


@dataclass(slots=True)
class FileMemoryStore:
    rows: dict[UUID, DrivenRow] = field(default_factory=dict)
    exchange: FileExchange = field(default_factory=FileExchange)
    register: RegisterState = field(default_factory=RegisterState)
    answers: list[UUID] = field(default_factory=list)


@dataclass
class FileMemoryDriver:
    """`on_stage` is called at each stage and may raise SimulatedCrashError."""

    bridge: FileBridge
    store: FileMemoryStore
    clock: Callable[[], datetime]
    on_stage: Callable[[DriverStage], None] = lambda _: None

    def submit(self, id_: UUID, operation: str, question: bytes) -> None:
        """The same id twice is one order."""
        deadline = self.clock() + timedelta(seconds=self.bridge.manifest.operations[operation].deadline_s)
        self.store.rows.setdefault(id_, DrivenRow(id_, operation, question, deadline))

    async def step(self) -> bool:
        """One step at the register, if one is due and allowed."""
        store, now = self.store, self.clock()
        self._expire(now)
        open_ = [row for row in store.rows.values() if row.state is DrivenRequestState.WAITING]
        waiting = [row for row in open_ if not row.file]
        exchange, step = next_step(
            store.exchange, self.bridge.manifest, waiting=len(waiting), outstanding=len(open_) - len(waiting), now=now
        )
        if not step:
            return False
        register, slots = acquire(store.register, 1, self.bridge.manifest, now=now)
        store.register = register
        if isinstance(slots, Paused):
            return False
        if exchange != store.exchange and isinstance(step, UploadFile):
            for row in waiting:
                row.file = step.name
        store.exchange = exchange
        self.on_stage(DriverStage.CLAIMED)
        result = await self._do(step, now)
        self.on_stage(DriverStage.CALLED)
        self._record(step, result, (self.clock() - now).total_seconds())
        self.on_stage(DriverStage.RECORDED)
        return not isinstance(result, TemporarilyUnavailable | AuthFailed)

    def _expire(self, now: datetime) -> None:
        for row in self.store.rows.values():
            if row.state is DrivenRequestState.WAITING and row.deadline <= now:
                row.state = DrivenRequestState.EXPIRED
                self.store.answers.append(row.id)

    async def _do(self, step: ExchangeStep, now: datetime) -> StepResult:
        match step:
            case UploadFile(name):
                return await self.bridge.upload(name, [self._outgoing(row) for row in self._in_file(name)])
            case ReadChunk(file):
                return await self.bridge.read_chunk(file.file, ends_at=file.ends_at, line=file.line)
            case ReturnRejects(name, rejects):
                return await self.bridge.return_rejects(name, rejects)
            case ListFolder():
                return await self.bridge.list_files(now=now)

    def _in_file(self, name: str) -> list[DrivenRow]:
        return [row for row in self.store.rows.values() if row.file == name]

    def _outgoing(self, row: DrivenRow) -> OutgoingRow:
        rules = self.bridge.manifest.operations[row.operation]
        return OutgoingRow(row.operation, row.question, CallContext(row.id, "officer@city", rules.purposes[0]))

    def _record(self, step: ExchangeStep, result: StepResult, took_s: float) -> None:
        store, now = self.store, self.clock()
        outcome: CallOutcome = result if isinstance(result, TemporarilyUnavailable | AuthFailed) else NotFound()
        store.register = record_outcome(store.register, self.bridge.manifest, outcome, took_s=took_s, now=now)
        match step, result:
            case UploadFile(name), Uploaded(_, refused):
                store.exchange = after_upload(store.exchange, name)
                for id_, code in refused.items():
                    self._end(id_, Rejected(code))
            case ListFolder(), FolderListing() as listing:
                store.exchange = after_listing(store.exchange, listing, self.bridge.manifest)
            case ReadChunk(file), FileChunk() as chunk:
                store.exchange, rows = after_chunk(store.exchange, file, chunk)
                for row in rows:
                    self._end(row.call_id, row.outcome)
            case ReturnRejects(name, _), Uploaded():
                store.exchange = after_rejects(store.exchange, name)

    def _end(self, id_: UUID, outcome: CallOutcome) -> None:
        row = self.store.rows.get(id_)
        if row and row.state is DrivenRequestState.WAITING and isinstance(outcome, Succeeded | NotFound | Rejected):
            row.state, row.outcome = DrivenRequestState.COMPLETED, outcome
            self.store.answers.append(id_)

"""The field's entries: each once, each case's in its turn, conflicts kept, one answer for each."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from wanderamt.backbone.tracing import traced
from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import CaseId, DeviceId, EntryId, RequestId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.keys import Sealer
from wanderamt.security.tokens import Caller

from intake.domain.catalogue.book import Book
from intake.domain.entry import AnyEntry, FillCase, OpenCase, UnreadableEntry, numbers_of, read_line
from intake.domain.merge import Clash, Turn, seen, turn_of
from intake.domain.numbers import Block, read_all, read_number, use
from intake.domain.process.happening import Form, Happening
from intake.domain.process.intent import Hands, act
from intake.domain.refusals import (
    ENTRY_GIVEN_UP,
    ENTRY_HELD,
    ENTRY_ID_REUSED,
    FIELDS_CLASH,
    NOT_ENROLLED,
    NOT_HELD,
    NUMBER_NOT_IN_BLOCK,
    OTHER_STAND,
    TURN_TAKEN,
)
from intake.handlers.filing import By, Filing, lock
from intake.store import conflicts, devices, history, ledger, numbers
from intake.store.conflicts import Conflict
from intake.store.ledger import Fate, Outcome, Taken
from intake.store.numbers import Gone

KEPT_RAW_BYTES = 64 * 1024  # an unreadable entry above this is remembered by its hash; the device keeps the original
READY_AT_ONCE = 50


class Answer(NamedTuple):
    """To one entry. `duplicate`: it was taken before, and this is what became of it then."""

    entry_id: UUID | None
    fate: Fate
    duplicate: bool = False
    refusal: Refusal | None = None
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sync:
    """`clock`: what the device's clock said when it sent this, if it said so."""

    caller: Caller
    device_id: DeviceId
    entries: tuple[AnyEntry | UnreadableEntry, ...]
    clock: datetime | None = None


class Waiting(NamedTuple):
    entry: AnyEntry
    officer: str


async def take(sync: Sync, work: Work, *, sealer: Sealer, book: Book) -> list[Answer] | Refusal:
    """One transaction for the whole request; one answer per entry, in the order they came."""
    if not await devices.device_enrolled(work, sync.device_id):
        return NOT_ENROLLED
    if sync.clock:
        await devices.note_clock(work, sync.device_id, round((sync.clock - work.now).total_seconds()))
    unreadable = [entry for entry in sync.entries if isinstance(entry, UnreadableEntry)]
    if unreadable:
        await ledger.keep_unreadable(
            work, [(one, _sealed_raw(one, sync, sealer)) for one in unreadable], sync.device_id
        )
    answers = await _take_readable(sync, work, sealer, book)
    return [
        Answer(entry.entry_id, Fate.REFUSED, refusal=entry.refusal, errors=entry.errors)
        if isinstance(entry, UnreadableEntry)
        else answers[id(entry)]
        for entry in sync.entries
    ]


async def release_ready(work: Work, *, sealer: Sealer, book: Book) -> int:
    """Applies entries that are held although their turn has come: two requests came at once and did not see each other.

    How many cases; call again while there are.
    """
    ready = await ledger.ready_cases(work, limit=READY_AT_ONCE)
    if ready:
        table = await Table.lay(work, sealer, book, case_ids=ready, new=())
        await table.serve()
    return len(ready)


async def give_up_held(entry_id: EntryId, work: Work, *, sealer: Sealer, book: Book) -> Refusal | None:
    """Refuses an entry whose turn never comes, so that those after it get theirs. It stays in the ledger, whole."""
    taken = (await ledger.taken_entries(work, [entry_id])).get(entry_id)
    if not taken:
        return NOT_HELD
    table = await Table.lay(work, sealer, book, case_ids=[taken.case_id], new=())
    if entry_id not in table.held:
        return NOT_HELD
    table.give_up(taken)
    await table.serve()
    return None


async def _take_readable(sync: Sync, work: Work, sealer: Sealer, book: Book) -> dict[int, Answer]:
    """Answers by the identity of the entry: the same id may stand twice in one request."""
    readable = [entry for entry in sync.entries if not isinstance(entry, UnreadableEntry)]
    stands = {sync.caller.stand_id}
    if any(entry.stand_id not in stands for entry in readable):  # what was left over from another day
        stands |= await devices.stands_of(work, sync.device_id)
    allowed = [entry for entry in readable if entry.stand_id in stands]
    new = await ledger.take_entries(work, allowed, sync.device_id) if allowed else set()
    known = len(new) < len(allowed)  # an id came before, or twice in this request
    old = await ledger.taken_entries(work, {entry.entry_id for entry in allowed}) if known else {}
    fresh: dict[UUID, AnyEntry] = {}
    answers: dict[int, Answer] = {}
    for entry in readable:
        if entry.stand_id not in stands:
            answers[id(entry)] = Answer(entry.entry_id, Fate.REFUSED, refusal=OTHER_STAND)
        elif entry.entry_id in new and entry.entry_id not in fresh:
            fresh[entry.entry_id] = entry
        else:
            answers[id(entry)] = _remembered(entry, old.get(entry.entry_id))
    if not fresh:
        return answers
    ids = {CaseId(entry.case_id) for entry in fresh.values()}
    table = await Table.lay(work, sealer, book, case_ids=ids, new=list(fresh))
    for entry in fresh.values():
        table.put(Waiting(entry, sync.caller.subject), sync.device_id)
    fates = await table.serve()
    return answers | {id(entry): _answer(fates[entry.entry_id]) for entry in fresh.values()}


@dataclass(slots=True)
class Queue:
    """The entries of one device for one case: they have an order. `last`: the sequence that had its turn last."""

    case_id: CaseId
    device_id: DeviceId
    last: int = 0
    waiting: dict[int, Waiting] = field(default_factory=dict)


@dataclass
class Table:
    """All entries that wait for their turn with some cases, and those cases, locked."""

    work: Work
    sealer: Sealer
    book: Book
    filing: Filing
    queues: dict[tuple[CaseId, DeviceId], Queue] = field(default_factory=dict)
    held: set[UUID] = field(default_factory=set)
    outcomes: dict[UUID, Outcome] = field(default_factory=dict)
    clashes: list[Conflict] = field(default_factory=list)
    blocks: dict[UUID, Block] = field(default_factory=dict)
    spent: list[Gone] = field(default_factory=list)
    histories: dict[CaseId, list[tuple[Happening, DeviceId | None]]] = field(default_factory=dict)

    @classmethod
    async def lay(
        cls, work: Work, sealer: Sealer, book: Book, *, case_ids: Iterable[CaseId], new: Sequence[UUID]
    ) -> "Table":
        """`new`: entries of this request, which the ledger holds already."""
        ids = set(case_ids)
        table = cls(work, sealer, book, await lock(ids, work, sealer=sealer))
        for taken in await ledger.entries_of_cases(work, ids, but=new):
            table._remember(taken)
        return table

    def put(self, waiting: Waiting, device_id: DeviceId) -> None:
        """In the queue of its case and device. Refuses an entry whose place in the order is taken."""
        entry = waiting.entry
        queue = self._queue(CaseId(entry.case_id), device_id)
        if turn_of(entry.case_seq, last=queue.last) is Turn.LATE or entry.case_seq in queue.waiting:
            self._refuse(entry, TURN_TAKEN)
        else:
            queue.waiting[entry.case_seq] = waiting

    def give_up(self, held: Taken) -> None:
        """Its place in the order counts as had."""
        queue = self._queue(held.case_id, held.device_id)
        self._end(queue.waiting.pop(held.case_seq), Outcome(held.entry_id, Fate.REFUSED, ENTRY_GIVEN_UP))
        queue.last = max(queue.last, held.case_seq)

    async def serve(self) -> dict[UUID, Outcome]:
        """Applies all whose turn has come, holds back the others. What became of each, by entry id."""
        await self._read_histories()
        await self._fetch_blocks()
        moved, pending = True, list(self.queues.values())
        while moved and pending:  # an entry of one device may be what those of another wait for
            moved = False
            for queue in pending:
                while self._next(queue):
                    moved = True
            pending = [queue for queue in pending if queue.waiting]
        for queue in pending:
            for waiting in queue.waiting.values():
                if waiting.entry.entry_id not in self.held:
                    self._end(waiting, Outcome(_id(waiting), Fate.HELD, ENTRY_HELD))
        noted = [one for one in self.outcomes.values() if one.fate is not Fate.APPLIED or one.entry_id in self.held]
        if noted:
            await ledger.save_outcomes(self.work, noted)
        await self.filing.close()
        if self.clashes:
            await conflicts.add_conflicts(self.work, self.clashes)
        if self.spent:
            await numbers.add_gone(self.work, self.spent)
        return self.outcomes

    def _queue(self, case_id: CaseId, device_id: DeviceId) -> Queue:
        line = case_id, device_id
        found = self.queues.get(line)
        if not found:
            found = self.queues[line] = Queue(case_id, device_id)
        return found

    def _remember(self, taken: Taken) -> None:
        queue = self._queue(taken.case_id, taken.device_id)
        if taken.fate is not Fate.HELD or not taken.raw:
            queue.last = max(queue.last, taken.case_seq)
            return
        kept = json.loads(self.sealer.open(taken.raw))
        entry = read_line(kept["entry"].encode())
        self.held.add(taken.entry_id)
        if isinstance(entry, UnreadableEntry):  # this version of the server knows less than the one that took it
            queue.last = max(queue.last, taken.case_seq)
            self.outcomes[taken.entry_id] = Outcome(taken.entry_id, Fate.REFUSED, entry.refusal, taken.raw)
        else:
            queue.waiting[taken.case_seq] = Waiting(entry, kept["officer"])

    async def _read_histories(self) -> None:
        """Of the cases that somebody fills: what its author had seen decides."""
        filled = {
            queue.case_id
            for queue in self.queues.values()
            if any(isinstance(one.entry, FillCase) for one in queue.waiting.values())
        }
        known = filled & self.filing.files.keys()
        self.histories = await history.histories(self.work, known, self.sealer) if known else {}
        for case_id in filled - known:
            self.histories[case_id] = []

    async def _fetch_blocks(self) -> None:
        """Those that the numbers of the entries belong to; an unreadable number is refused with its entry."""
        waiting = [one.entry for queue in self.queues.values() for one in queue.waiting.values()]
        given = [read_number(text) for entry in waiting for text, _ in numbers_of(entry)]
        wanted = [number for number in given if not isinstance(number, Refusal)]
        self.blocks = await numbers.lock_blocks_of(self.work, wanted) if wanted else {}

    def _spend(self, entry: AnyEntry, device_id: DeviceId) -> Refusal | None:
        """All numbers of the entry, or none."""
        read = read_all(numbers_of(entry))
        if isinstance(read, Refusal):
            return read
        blocks, spent = dict(self.blocks), []
        for number in read:
            block_id = next((id_ for id_, block in blocks.items() if block.holds(number)), None)
            if not block_id:
                return NUMBER_NOT_IN_BLOCK
            used = use(blocks[block_id], number.serial, device_id=device_id)
            if isinstance(used, Refusal):
                return used
            blocks[block_id] = used
            place = used.place_of(number.serial)
            if place is not None:
                self.filing.places[str(number)] = place
            spent.append(Gone(block_id, number, entry_id=EntryId(entry.entry_id)))
        self.blocks = blocks
        self.spent += spent
        return None

    def _next(self, queue: Queue) -> bool:
        """Whether an entry of this queue had its turn. A case that is not here yet may come from another device."""
        waiting = queue.waiting.get(queue.last + 1)
        if not waiting:
            return False
        opens = queue.last > 0 or isinstance(waiting.entry, OpenCase)
        if not opens and queue.case_id not in self.filing.files:
            return False
        queue.last += 1
        del queue.waiting[queue.last]
        with traced(f"take {waiting.entry.type}", waiting.entry.traceparent):
            self._apply(waiting, queue.case_id, queue.device_id)
        return True

    def _apply(self, waiting: Waiting, case_id: CaseId, device_id: DeviceId) -> None:
        entry, filed = waiting.entry, self.filing.files.get(case_id)
        hands = Hands(device_id, waiting.officer, self.work.now, RequestId(self.work.new_id()))
        done = act(
            filed.case if filed else None,
            entry,
            book=self.book,
            hands=hands,
            seen=self._seen(entry, case_id, device_id),
        )
        refusal = done if isinstance(done, Refusal) else self._spend(entry, device_id)
        if isinstance(done, Refusal) or refusal:
            self._end(waiting, Outcome(_id(waiting), Fate.REFUSED, refusal))
            return
        by = By(waiting.officer, device_id, StandId(entry.stand_id), _id(waiting), entry.traceparent)
        self.filing.turn(done.case, done.happened, by)
        if case_id in self.histories:
            self.histories[case_id].extend((one, device_id) for one in done.happened)
        if done.clashes:
            self.clashes += [self._conflict(clash, entry, device_id) for clash in done.clashes]
            self._end(waiting, Outcome(_id(waiting), Fate.CONFLICT, FIELDS_CLASH))
        else:
            self._end(waiting, Outcome(_id(waiting), Fate.APPLIED))

    def _seen(self, entry: AnyEntry, case_id: CaseId, device_id: DeviceId) -> Form | None:
        if not isinstance(entry, FillCase) or case_id not in self.histories:
            return None
        return seen(self.histories[case_id], base_version=entry.base_version, device_id=device_id)

    def _refuse(self, entry: AnyEntry, refusal: Refusal) -> None:
        self.outcomes[entry.entry_id] = Outcome(EntryId(entry.entry_id), Fate.REFUSED, refusal)

    def _end(self, waiting: Waiting, outcome: Outcome) -> None:
        """What was not applied as it came is kept whole."""
        whole = outcome if outcome.fate is Fate.APPLIED else outcome._replace(raw=self._sealed(waiting))
        self.outcomes[outcome.entry_id] = whole

    def _sealed(self, waiting: Waiting) -> Sealed:
        kept = {"entry": waiting.entry.model_dump_json(exclude_unset=True), "officer": waiting.officer}
        return self.sealer.seal(waiting.entry.case_id, json.dumps(kept).encode())

    def _conflict(self, clash: Clash, entry: AnyEntry, device_id: DeviceId) -> Conflict:
        values = json.dumps({"base": clash.base, "here": clash.here, "theirs": clash.theirs}, default=str)
        return Conflict(
            id=self.work.new_id(),
            case_id=CaseId(entry.case_id),
            stand_id=StandId(entry.stand_id),
            entry_id=EntryId(entry.entry_id),
            device_id=device_id,
            name=clash.name,
            clash=self.sealer.seal(entry.case_id, values.encode()),
            noted_at=self.work.now,
        )


def _id(waiting: Waiting) -> EntryId:
    return EntryId(waiting.entry.entry_id)


def _answer(outcome: Outcome) -> Answer:
    return Answer(outcome.entry_id, outcome.fate, refusal=outcome.refusal)


def _remembered(entry: AnyEntry, taken: Taken | None) -> Answer:
    if not taken or taken.payload_hash != entry.payload_hash:
        return Answer(entry.entry_id, Fate.REFUSED, refusal=ENTRY_ID_REUSED)
    return Answer(entry.entry_id, taken.fate, duplicate=True, refusal=taken.refusal)


def _sealed_raw(entry: UnreadableEntry, sync: Sync, sealer: Sealer) -> Sealed | None:
    return sealer.seal(sync.device_id, entry.raw) if len(entry.raw) <= KEPT_RAW_BYTES else None

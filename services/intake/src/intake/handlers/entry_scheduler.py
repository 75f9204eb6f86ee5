"""Applies entries in their order: the entries that one device made for one case have a sequence without gaps.

Invariants: an entry is applied once and in its turn; an entry that is not applied unchanged is stored completely,
encrypted; fields that two devices changed become conflicts.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from wanderamt.backbone.observability.tracing import span_from_traceparent
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId, DeviceId, EntryId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.keys import FieldCipher

from intake.domain.actor import Actor
from intake.domain.case.apply_entry import apply_entry
from intake.domain.case.case_events import CaseHistoryEvent, Form
from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.entry import AnyEntry, FillCase, OpenCase, UnreadableEntry, parse_line
from intake.domain.merge import FieldConflict, SequencePosition, form_as_seen_by, sequence_position
from intake.domain.refusals import (
    CASE_DELETED,
    CASE_OF_OTHER_STAND,
    ENTRY_ABANDONED,
    ENTRY_HELD,
    FIELDS_CONFLICT,
    SEQUENCE_TAKEN,
    TOO_MANY_HELD,
)
from intake.handlers.case_changes import CaseChanges, load_for_update
from intake.handlers.spent_numbers import SpentNumbers
from intake.store import entry_statements, history_statements, retention_statements
from intake.store.conflicts import StoredConflict
from intake.store.entry_statements import EntryResult, EntryStatus, SequencePlace, StoredEntry

MAX_HELD = 500  # per device, in all cases
RESTORED_PER_STEP = 50  # then other requests have their turn


class PendingEntry(NamedTuple):
    entry: AnyEntry
    officer: str

    @property
    def id(self) -> EntryId:
        return EntryId(self.entry.entry_id)


@dataclass(slots=True)
class DeviceQueue:
    """The entries of one device for one case, by case sequence. `last`: the sequence that was applied last.

    `taken`: the places of held entries that are not loaded, because one before them is missing.
    """

    case_id: CaseId
    device_id: DeviceId
    last: int = 0
    pending: dict[int, PendingEntry] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)


@dataclass
class EntryScheduler:
    """The pending entries of some cases, and those cases, locked. `load`, then `enqueue`, then `apply_ready` once."""

    uow: UnitOfWork
    cipher: FieldCipher
    catalogue: Catalogue
    cases: CaseChanges
    queues: dict[tuple[CaseId, DeviceId], DeviceQueue] = field(default_factory=dict)
    held: set[UUID] = field(default_factory=set)
    results: dict[UUID, EntryResult] = field(default_factory=dict)
    conflicts: list[StoredConflict] = field(default_factory=list)
    numbers: SpentNumbers = field(default_factory=SpentNumbers)
    histories: dict[CaseId, list[tuple[CaseHistoryEvent, DeviceId | None]]] = field(default_factory=dict)
    deleted: set[CaseId] = field(default_factory=set)

    @classmethod
    async def load(
        cls,
        uow: UnitOfWork,
        cipher: FieldCipher,
        catalogue: Catalogue,
        *,
        case_ids: Iterable[CaseId],
        new: Collection[UUID] = (),
        device_id: DeviceId | None = None,
    ) -> "EntryScheduler":
        """`case_ids`: known cases. `new`: entries of `device_id` in this request; they are stored already, and are not
        loaded. Of held entries only those are loaded whose turn may come.
        """
        ids = set(case_ids)
        if not ids:
            return cls(uow, cipher, catalogue, CaseChanges(uow, cipher, catalogue))
        cases = await load_for_update(ids, uow, cipher=cipher, catalogue=catalogue)
        scheduler = cls(uow, cipher, catalogue, cases)
        await scheduler._restore_all(ids, new=new, device_id=device_id)
        begun = {case_id for (case_id, _), queue in scheduler.queues.items() if queue.last}
        if without_file := begun - cases.records.keys():  # refused when it was opened, or deleted
            scheduler.deleted = await retention_statements.deleted_cases(uow, without_file)
        return scheduler

    def enqueue(self, pending: PendingEntry, device_id: DeviceId) -> None:
        """Refuses an entry whose place in the sequence is taken, and at once what never has its turn: what another
        stand sends to a case, and what comes for a case that was deleted. Of the latter no content is stored."""
        entry = pending.entry
        if entry.case_id in self.deleted:
            self.results[entry.entry_id] = EntryResult(pending.id, EntryStatus.REFUSED, CASE_DELETED)
            return
        record = self.cases.records.get(CaseId(entry.case_id))
        if record and not record.case.belongs_to(StandId(entry.stand_id)):
            opens = isinstance(entry, OpenCase) and entry.case_seq == 1  # is told that the case exists
            if not opens:
                self._set_result(pending, EntryResult(pending.id, EntryStatus.REFUSED, CASE_OF_OTHER_STAND))
                return
        queue = self._queue(CaseId(entry.case_id), device_id)
        position = sequence_position(entry.case_seq, last=queue.last)
        if position is SequencePosition.DUPLICATE or entry.case_seq in queue.pending or entry.case_seq in queue.taken:
            self.results[entry.entry_id] = EntryResult(pending.id, EntryStatus.REFUSED, SEQUENCE_TAKEN)
        else:
            queue.pending[entry.case_seq] = pending

    async def abandon(self, held: StoredEntry) -> bool:
        """Refuses a held entry of a loaded case; those after it may follow. False if it no longer waits."""
        if not await entry_statements.refuse_held(self.uow, held.entry_id, ENTRY_ABANDONED):
            return False
        self.uow.log_outcome(
            "entry.processed",
            entry_id=held.entry_id,
            case_id=held.case_id,
            status=EntryStatus.REFUSED,
            code=ENTRY_ABANDONED.code,
        )
        self.queues, self.held = {}, set()
        await self._restore_all([held.case_id], new=(), device_id=held.device_id)
        return True

    async def apply_ready(self) -> dict[UUID, EntryResult]:
        """Applies all entries whose turn has come and holds back the others. Returns the results by entry id."""
        await self._load_histories()
        waiting_entries = (pending.entry for queue in self.queues.values() for pending in queue.pending.values())
        await self.numbers.load(waiting_entries, self.uow)
        progressed, waiting = True, list(self.queues.values())
        while progressed and waiting:  # an entry of one device may be what those of another device wait for
            progressed = False
            for queue in waiting:
                while self._apply_next(queue):
                    progressed = True
            waiting = [queue for queue in waiting if queue.pending]
        not_stored = await self._hold(waiting) if waiting else {}
        to_save = [
            result
            for result in self.results.values()
            if result.status is not EntryStatus.APPLIED or (self.held and result.entry_id in self.held)
        ]
        if to_save:
            await entry_statements.save_results(self.uow, to_save)
        if self.conflicts:
            self.uow.write_later(entry_statements.insert_conflicts(self.conflicts, now=self.uow.now))
        self.numbers.save(self.uow)
        self.cases.status_list_indexes = self.numbers.status_list_indexes
        await self.cases.save()
        self._log_applied()
        return self.results | not_stored

    async def _hold(self, waiting: Iterable[DeviceQueue]) -> dict[UUID, EntryResult]:
        """Holds back the new entries in these queues. Returns the refusals of those beyond the bound of their device:
        they are deleted, so that the device can send them again."""
        new: dict[DeviceId, list[PendingEntry]] = defaultdict(list)
        for queue in waiting:
            new[queue.device_id] += [pending for pending in queue.pending.values() if pending.id not in self.held]
        refused: list[PendingEntry] = []
        for device_id, entries in new.items():
            if not entries:
                continue
            await self.uow.lock_id("held entries of device", device_id)
            ended = self.held & self.results.keys()
            count = await entry_statements.count_held_of(self.uow, device_id, except_ids=ended)
            ordered = sorted(entries, key=lambda pending: pending.entry.device_seq)
            space = max(0, MAX_HELD - count)
            for pending in ordered[:space]:
                self._set_result(pending, EntryResult(pending.id, EntryStatus.HELD, ENTRY_HELD))
            refused += ordered[space:]
        if refused:
            await entry_statements.delete_entries(self.uow, [pending.id for pending in refused])
            self.uow.log_outcome("entries.not_stored", number=len(refused), code=TOO_MANY_HELD.code)
        return {pending.id: EntryResult(pending.id, EntryStatus.REFUSED, TOO_MANY_HELD) for pending in refused}

    def _queue(self, case_id: CaseId, device_id: DeviceId) -> DeviceQueue:
        key = case_id, device_id
        queue = self.queues.get(key)
        if not queue:
            queue = self.queues[key] = DeviceQueue(case_id, device_id)
        return queue

    async def _restore_all(
        self, case_ids: Iterable[CaseId], *, new: Collection[UUID], device_id: DeviceId | None
    ) -> None:
        places = await entry_statements.places_in_cases(self.uow, case_ids, new_ids=new, device_id=device_id)
        for number, place in enumerate(places, 1):
            self._restore(place)
            if number % RESTORED_PER_STEP == 0:
                await asyncio.sleep(0)

    def _restore(self, place: SequencePlace) -> None:
        queue = self._queue(place.case_id, place.device_id)
        if not place.entry_id:
            queue.last = max(queue.last, place.case_seq)
            return
        if not place.raw:
            queue.taken.add(place.case_seq)
            return
        kept = json.loads(self.cipher.open(place.raw))
        entry = parse_line(kept["entry"].encode())
        self.held.add(place.entry_id)
        if isinstance(entry, UnreadableEntry):  # an earlier, more capable version of the server had accepted it
            queue.last = max(queue.last, place.case_seq)
            self.results[place.entry_id] = EntryResult(place.entry_id, EntryStatus.REFUSED, entry.refusal, place.raw)
        else:
            queue.pending[place.case_seq] = PendingEntry(entry, kept["officer"])

    async def _load_histories(self) -> None:
        """Of the cases with a `case.fill`: the merge needs the form as the author saw it."""
        filled = {
            queue.case_id
            for queue in self.queues.values()
            if any(isinstance(pending.entry, FillCase) for pending in queue.pending.values())
        }
        known = filled & self.cases.records.keys()
        self.histories = await history_statements.find_histories(self.uow, known, self.cipher) if known else {}
        for case_id in filled - known:
            self.histories[case_id] = []

    def _apply_next(self, queue: DeviceQueue) -> bool:
        """Whether an entry of this queue had its turn. Another device may still have to open the case."""
        pending = queue.pending.get(queue.last + 1)
        if not pending:
            return False
        opens_or_follows = queue.last > 0 or isinstance(pending.entry, OpenCase)
        if not opens_or_follows and queue.case_id not in self.cases.records:
            return False
        queue.last += 1
        del queue.pending[queue.last]
        with span_from_traceparent(f"apply {pending.entry.type}", pending.entry.traceparent):
            self._apply(pending, queue.case_id, queue.device_id)
        return True

    def _apply(self, pending: PendingEntry, case_id: CaseId, device_id: DeviceId) -> None:
        entry, record = pending.entry, self.cases.records.get(case_id)
        actor = Actor(pending.officer, device_id, StandId(entry.stand_id), pending.id, entry.traceparent)
        applied = apply_entry(
            record.case if record else None,
            entry,
            catalogue=self.catalogue,
            actor=actor,
            now=self.uow.now,
            new_id=self.uow.new_id,
            seen=self._form_as_author_saw(entry, case_id, device_id),
        )
        refusal = applied if isinstance(applied, Refusal) else self.numbers.spend(entry, device_id)
        if isinstance(applied, Refusal) or refusal:
            self._set_result(pending, EntryResult(pending.id, EntryStatus.REFUSED, refusal))
            return
        self.cases.add(applied.case, applied.new_events, actor)
        if self.histories and case_id in self.histories:
            self.histories[case_id].extend((event, device_id) for event in applied.new_events)
        if applied.conflicts:
            self.conflicts += [self._conflict(conflict, entry, device_id) for conflict in applied.conflicts]
            self._set_result(pending, EntryResult(pending.id, EntryStatus.CONFLICT, FIELDS_CONFLICT))
        else:
            self._set_result(pending, EntryResult(pending.id, EntryStatus.APPLIED))

    def _form_as_author_saw(self, entry: AnyEntry, case_id: CaseId, device_id: DeviceId) -> Form | None:
        if not isinstance(entry, FillCase) or case_id not in self.histories:
            return None
        return form_as_seen_by(self.histories[case_id], base_version=entry.base_version, device_id=device_id)

    def _set_result(self, pending: PendingEntry, result: EntryResult) -> None:
        """Stores the complete entry, because it was not applied unchanged."""
        if result.status is not EntryStatus.APPLIED:
            result = result._replace(raw=self._encrypted(pending))
            self._log(pending, result)
        self.results[result.entry_id] = result

    def _log(self, pending: PendingEntry, result: EntryResult) -> None:
        entry, refusal = pending.entry, result.refusal
        self.uow.log_outcome(
            "entry.processed",
            entry_id=entry.entry_id,
            case_id=entry.case_id,
            type=entry.type,
            status=result.status,
            code=refusal.code if refusal else "",
        )

    def _log_applied(self) -> None:
        """One line for all of them: a line per entry takes a tenth of the time of a sync."""
        applied = [str(result.entry_id) for result in self.results.values() if result.status is EntryStatus.APPLIED]
        if applied:
            self.uow.log_outcome("entries.applied", entry_ids=applied)

    def _encrypted(self, pending: PendingEntry) -> Sealed:
        kept = {"entry": pending.entry.model_dump_json(exclude_unset=True), "officer": pending.officer}
        return self.cipher.seal(pending.entry.case_id, json.dumps(kept).encode())

    def _conflict(self, conflict: FieldConflict, entry: AnyEntry, device_id: DeviceId) -> StoredConflict:
        values = {"base": conflict.base, "current": conflict.current, "incoming": conflict.incoming}
        return StoredConflict(
            conflict_id=self.uow.new_id(),
            case_id=CaseId(entry.case_id),
            stand_id=StandId(entry.stand_id),
            entry_id=EntryId(entry.entry_id),
            device_id=device_id,
            name=conflict.name,
            field_values=self.cipher.seal(entry.case_id, json.dumps(values, default=str).encode()),
            noted_at=self.uow.now,
        )

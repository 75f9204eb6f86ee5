"""Synchronisation with a device: each entry is taken once, in its turn, and gets one answer."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from wanderamt.backbone.observability.metrics import Measurement, ServiceGauges
from wanderamt.backbone.persistence.audit import ALLOWED, AuditRecord, insert_records
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.caller_ids import repeated
from wanderamt.kernel.ids import CaseId, DeviceId, EntryId, StandId
from wanderamt.kernel.refusal import Refusal, RefusalKind
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.keys import FieldCipher
from wanderamt.security.policy import Action
from wanderamt.security.tokens import Principal

from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.catalogue.due_dates import MAX_OFFLINE_AGE
from intake.domain.entry import AnyEntry, UnreadableEntry
from intake.domain.refusals import ENTRY_ID_REUSED, NOT_HELD, OTHER_STAND
from intake.handlers.entry_scheduler import EntryScheduler, PendingEntry
from intake.handlers.sessions import refuse_cut_off
from intake.store import device_statements, entry_statements, held_entries
from intake.store.entry_statements import EntryStatus, StoredEntry

MAX_KEPT_RAW_BYTES = 64 * 1024  # of a larger unreadable entry only the hash is kept; the device keeps the original
HELD_CASES_BATCH_SIZE = 50
MAX_AUDIT_RECORDS = 50  # per request; more are counted together, without their case
MAX_CLOCK_OFF_S = 10 * 365 * 24 * 3600  # ten years; the database subtracts two of these


class EntryAnswer(NamedTuple):
    """The answer to one entry. `duplicate`: it was taken before, and `status` is the earlier result."""

    entry_id: UUID | None
    status: EntryStatus
    duplicate: bool = False
    refusal: Refusal | None = None
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """`clock`: the device's time when it sent this, if it sent its time."""

    caller: Principal
    device_id: DeviceId
    entries: tuple[AnyEntry | UnreadableEntry, ...]
    clock: datetime | None = None


async def process_sync(
    request: SyncRequest, uow: UnitOfWork, *, cipher: FieldCipher, catalogue: Catalogue
) -> list[EntryAnswer] | Refusal:
    """One transaction for the whole request; one answer per entry, in the order of the request."""
    readable = [entry for entry in request.entries if not isinstance(entry, UnreadableEntry)]
    elsewhere = _elsewhere(readable, request)
    allowed = await _allowed(readable, elsewhere, request, uow) if elsewhere else readable
    new, cases_new = await entry_statements.insert_entries(uow, allowed, request.device_id, request.caller)
    all_inserted = bool(new) and len(new) == len(request.entries)  # then the device is enrolled
    if not all_inserted:
        officer, session_id = request.caller.subject, request.caller.session_id
        refusal = await refuse_cut_off(request.device_id, uow, officer=officer, session_id=session_id)
        if refusal:
            return refusal
    if request.clock:
        off_s = round((request.clock - uow.now).total_seconds())
        off_s = max(-MAX_CLOCK_OFF_S, min(off_s, MAX_CLOCK_OFF_S))
        uow.write_later(device_statements.record_clock(request.device_id, off_s, now=uow.now))
    unreadable = [entry for entry in request.entries if isinstance(entry, UnreadableEntry)]
    if unreadable:
        kept = [(entry, _encrypted_raw(entry, request.device_id, cipher)) for entry in unreadable]
        await entry_statements.save_unreadable(uow, kept, request.device_id)
    fresh, answers = await _sort_out(readable, allowed, new, request, uow)
    if fresh:
        known_cases = set() if cases_new else {CaseId(entry.case_id) for entry in fresh.values()}
        scheduler = await EntryScheduler.load(
            uow, cipher, catalogue, case_ids=known_cases, new=fresh, device_id=request.device_id
        )
        for entry in fresh.values():
            scheduler.enqueue(PendingEntry(entry, request.caller.subject), request.device_id)
        results = await scheduler.apply_ready()
        for entry_id, entry in fresh.items():
            result = results[entry_id]
            answers[id(entry)] = EntryAnswer(result.entry_id, result.status, refusal=result.refusal)
    _record_access(readable, answers, request, uow, elsewhere=bool(elsewhere))
    return [
        EntryAnswer(entry.entry_id, EntryStatus.REFUSED, refusal=entry.refusal, errors=entry.errors)
        if isinstance(entry, UnreadableEntry)
        else answers[id(entry)]
        for entry in request.entries
    ]


async def _measure_held(uow: UnitOfWork) -> list[Measurement]:
    held, oldest_s = await held_entries.count_held_entries(uow)
    return [Measurement("wanderamt.entries.held", held, {}), Measurement("wanderamt.entries.held.age", oldest_s, {})]


HELD_GAUGES = ServiceGauges(
    {
        "wanderamt.entries.held": ("{entry}", "Entries that wait for earlier entries of their case."),
        "wanderamt.entries.held.age": ("s", "Age of the oldest held entry; 0 if there is none."),
    },
    _measure_held,
)


async def apply_held_entries(uow: UnitOfWork, *, cipher: FieldCipher, catalogue: Catalogue) -> int:
    """Applies held entries whose turn has come without a request: two concurrent requests did not see each other.

    Returns the number of cases; call again until 0.
    """
    ready = await entry_statements.ready_cases(uow, limit=HELD_CASES_BATCH_SIZE)
    if ready:
        scheduler = await EntryScheduler.load(uow, cipher, catalogue, case_ids=ready)
        await scheduler.apply_ready()
    return len(ready)


async def abandon_held_entry(
    entry_id: EntryId, uow: UnitOfWork, *, cipher: FieldCipher, catalogue: Catalogue
) -> Refusal | None:
    """Refuses a held entry whose turn never comes, so that later entries can follow. The entry stays stored."""
    stored = (await entry_statements.find_entries(uow, [entry_id])).get(entry_id)
    if not stored or stored.status is not EntryStatus.HELD:
        return NOT_HELD
    scheduler = await EntryScheduler.load(uow, cipher, catalogue, case_ids=[stored.case_id], device_id=stored.device_id)
    if not await scheduler.abandon(stored):
        return NOT_HELD
    await scheduler.apply_ready()
    return None


async def _allowed(
    readable: list[AnyEntry], elsewhere: set[tuple[CaseId, StandId]], request: SyncRequest, uow: UnitOfWork
) -> list[AnyEntry]:
    """The entries for the caller's stand, and those left over from another day at another stand."""
    since = uow.now - MAX_OFFLINE_AGE
    left_over = await device_statements.left_over(uow, request.device_id, elsewhere, since=since)
    refused = elsewhere - left_over
    return [entry for entry in readable if _place_of(entry) not in refused]


def _elsewhere(entries: Iterable[AnyEntry], request: SyncRequest) -> set[tuple[CaseId, StandId]]:
    own_stand = request.caller.stand_id.int if request.caller.stand_id else None  # numbers: thrice as fast as UUIDs
    return {_place_of(entry) for entry in entries if entry.stand_id.int != own_stand}


def _place_of(entry: AnyEntry) -> tuple[CaseId, StandId]:
    return CaseId(entry.case_id), StandId(entry.stand_id)


def _record_access(
    readable: Sequence[AnyEntry],
    answers: Mapping[int, EntryAnswer],
    request: SyncRequest,
    uow: UnitOfWork,
    *,
    elsewhere: bool,
) -> None:
    """Writes down what the policy refused within the request, and what was sent to cases of another stand.

    `elsewhere`: whether anything was.
    """
    refused_any = any(answer.status is EntryStatus.REFUSED for answer in answers.values())
    if not elsewhere and not refused_any:
        return
    uses: Counter[AuditRecord] = Counter()
    for entry in readable:
        answer = answers[id(entry)]
        refusal = answer.refusal if answer.status is EntryStatus.REFUSED else None
        if answer.duplicate or (refusal and refusal.kind is not RefusalKind.FORBIDDEN):
            continue
        if refusal or entry.stand_id != request.caller.stand_id:
            use = AuditRecord(
                request.caller.subject,
                Action.SEND_ENTRIES,
                str(entry.case_id) if len(uses) < MAX_AUDIT_RECORDS else "",
                outcome=refusal.code if refusal else ALLOWED,
                device_id=request.device_id,
                stand_id=request.caller.stand_id,
            )
            uses[use] += 1
    if uses:
        uow.write_later(insert_records([replace(use, times=times) for use, times in uses.items()]))


async def _sort_out(
    readable: Sequence[AnyEntry],
    allowed: Sequence[AnyEntry],
    new: set[EntryId],
    request: SyncRequest,
    uow: UnitOfWork,
) -> tuple[dict[UUID, AnyEntry], dict[int, EntryAnswer]]:
    """The entries to apply by their id, and the answers for the others by `id()` of the entry object: the same entry
    id may occur twice in one request."""
    if len(new) == len(readable):
        return {entry.entry_id: entry for entry in readable}, {}
    has_known = len(new) < len(allowed)  # an id came in an earlier request, or twice in this one
    known = await entry_statements.find_entries(uow, {entry.entry_id for entry in allowed}) if has_known else {}
    taken = set(map(id, allowed))
    fresh: dict[UUID, AnyEntry] = {}
    answers: dict[int, EntryAnswer] = {}
    for entry in readable:
        if id(entry) not in taken:
            answers[id(entry)] = EntryAnswer(entry.entry_id, EntryStatus.REFUSED, refusal=OTHER_STAND)
        elif entry.entry_id in new and entry.entry_id not in fresh:
            fresh[entry.entry_id] = entry
        else:
            answers[id(entry)] = _answer_again(entry, known.get(entry.entry_id), request.device_id)
    return fresh, answers


def _answer_again(entry: AnyEntry, stored: StoredEntry | None, device_id: DeviceId) -> EntryAnswer:
    """`stored`: the entry with this id; None if another entry has its device sequence. The content of an entry of a
    deleted case is not known any more."""
    first = (stored.device_id, stored.payload_hash) if stored else ()
    now = (device_id, b"" if stored and not stored.payload_hash else entry.payload_hash)
    known = repeated(stored, first=first, now=now, taken=ENTRY_ID_REUSED)
    if isinstance(known, Refusal) or not known:
        return EntryAnswer(entry.entry_id, EntryStatus.REFUSED, refusal=ENTRY_ID_REUSED)
    return EntryAnswer(entry.entry_id, known.status, duplicate=True, refusal=known.refusal)


def _encrypted_raw(entry: UnreadableEntry, device_id: DeviceId, cipher: FieldCipher) -> Sealed | None:
    return cipher.seal(device_id, entry.raw) if len(entry.raw) <= MAX_KEPT_RAW_BYTES else None

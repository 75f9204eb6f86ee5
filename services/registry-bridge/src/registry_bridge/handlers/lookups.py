"""Interactive lookups: the plan before the call, the answer after it."""

import json
from dataclasses import dataclass
from uuid import UUID

from connector_kit.manifest.manifest import Manifest
from connector_kit.resilience.availability import availability_of
from connector_kit.resilience.cache import CachedAnswer, usable
from connector_kit.resilience.policy import FinalOutcome, decide_after
from connector_kit.resilience.register_state import mark_finished, record_outcome
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.decision import Paused
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import FieldCipher

from registry_bridge.domain.access_log import RegisterAccessLogEntry, Source, delivered_ids
from registry_bridge.domain.lookup import (
    COUNTED_OVER,
    NO_ANSWER,
    Freshness,
    Lookup,
    LookupLimits,
    LookupOutcome,
    LookupResult,
    QuestionHashes,
    SealedAnswer,
    check_lookup,
    known_words,
)
from registry_bridge.domain.refusals import NO_BRIDGE
from registry_bridge.domain.request import CallResult, RequestAnswer, answer_from
from registry_bridge.handlers.availability import Manifests, acquire_call_slot, save_and_publish
from registry_bridge.handlers.requests import ANSWERED_OUTCOMES, cache_statement
from registry_bridge.store import answer_cache, case_copies, lookups, registers, request_statements, requests


@dataclass(frozen=True, slots=True)
class LookupPlan:
    """`cached`: an answer fresh enough to deliver. Otherwise `wait_s`: seconds until the call; None if none is allowed.

    `stale`: an older answer, deliverable when the call fails. `fallback`: the result when there is no answer in time.
    """

    cached: CachedAnswer[SealedAnswer] | None
    wait_s: float | None
    fallback: LookupResult
    stale: CachedAnswer[SealedAnswer] | None = None


async def begin_lookup(
    lookup: Lookup,
    hashes: QuestionHashes,
    lookup_id: UUID,
    uow: UnitOfWork,
    *,
    manifests: Manifests,
    limits: LookupLimits,
) -> LookupPlan | Refusal:
    """Writes the lookup down, also if it is refused: the caller commits before it calls the register or refuses.

    Reserves an interactive call slot if a call is needed and allowed.
    """
    await lookups.lock_counts(uow, lookup.officer, lookup.case_id)
    counts = await lookups.count_lookups(uow, lookup.officer, lookup.case_id, since=uow.now - COUNTED_OVER)
    case, manifest = await case_copies.find_case_copy(uow, lookup.case_id), manifests.get(lookup.register)
    refusal = check_lookup(lookup, hashes, case, counts, manifest=manifest, limits=limits)
    await lookups.add_lookup(uow, lookup_id, lookup, words=known_words(lookup, manifest), refusal=refusal)
    if refusal or not manifest:
        return refusal or NO_BRIDGE
    return await _plan(lookup, hashes.question, lookup_id, uow, manifest=manifest)


async def _plan(
    lookup: Lookup, question_hash: bytes, call_id: UUID, uow: UnitOfWork, *, manifest: Manifest
) -> LookupPlan:
    rules = manifest.operations[lookup.operation].cache
    cached = await answer_cache.find_cached(uow, lookup.register, lookup.operation, question_hash)
    state, _ = await registers.find_register(uow, manifest.id)
    backlog = await requests.count_waiting_for(uow, manifest.id)
    unavailable = LookupResult(
        Freshness.UNAVAILABLE, wait_s=availability_of(manifest, state, backlog, now=uow.now).wait_s
    )
    stale = usable(cached, rules, down=True, now=uow.now)
    if fresh := usable(cached, rules, down=False, now=uow.now):
        return LookupPlan(fresh, None, unavailable)
    wait_s = await acquire_call_slot(uow, manifest, str(call_id), interactive=True)
    return LookupPlan(None, None if isinstance(wait_s, Paused) else wait_s, unavailable, stale)


async def record_no_answer(lookup_id: UUID, uow: UnitOfWork) -> None:
    sql, args = lookups.outcome_update(lookup_id, LookupOutcome.FAILED, code=NO_ANSWER)
    await uow.execute_with_outbox(sql, *args)


async def record_lookup(
    lookup: Lookup, call_id: UUID, result: CallResult, uow: UnitOfWork, *, manifest: Manifest, cipher: FieldCipher
) -> None:
    """Records every call, also one whose officer no longer waits: the next lookup finds the answer in the cache."""
    state, _ = await request_statements.lock_register(uow, manifest.id)
    state = mark_finished(state, str(call_id))
    await save_and_publish(
        uow, manifest, record_outcome(state, manifest, result.outcome, took_s=result.duration_s, now=uow.now)
    )
    answer = final_answer(result, manifest, lookup.operation)
    if answer and answer.outcome in ANSWERED_OUTCOMES and manifest.operations[lookup.operation].cache:
        sql, args = cache_statement(manifest.id, lookup.operation, result.question_hash, answer, uow, cipher)
        await uow.execute_with_outbox(sql, *args)


async def deliver_answer(
    lookup: Lookup,
    lookup_id: UUID,
    source_answer: CallResult | CachedAnswer[SealedAnswer],
    uow: UnitOfWork,
    *,
    manifest: Manifest,
    cipher: FieldCipher,
) -> LookupResult | None:
    """The result for the officer, written down. None when the call ended without an answer."""
    if isinstance(source_answer, CallResult):
        answer = final_answer(source_answer, manifest, lookup.operation)
        if not answer:
            return None
        lookup_result = LookupResult(Freshness.FRESH, answer.outcome, _parse(answer.details), uow.now, answer.code)
        source = Source.REGISTER
        details = answer.details
    else:
        details = cipher.open(source_answer.answer.details) if source_answer.answer.details else None
        lookup_result = LookupResult(
            Freshness.CACHED, source_answer.answer.outcome, _parse(details), source_answer.as_of
        )
        source = Source.CACHE
    assert lookup_result.outcome  # noqa: S101 -- both branches set it
    entry = RegisterAccessLogEntry(
        officer=lookup.officer,
        purpose=lookup.purpose,
        case_id=lookup.case_id,
        request_id=None,
        register=lookup.register,
        operation=lookup.operation,
        outcome=lookup_result.outcome,
        delivered=delivered_ids(manifest, lookup.operation, details),
        source=source,
        as_of=lookup_result.as_of or uow.now,
    )
    sql, args = request_statements.access_log_insert(uow, entry, id_=lookup_id)
    await uow.execute_with_outbox(sql, *args, also=[lookups.outcome_update(lookup_id, LookupOutcome.DELIVERED)])
    return lookup_result


def final_answer(result: CallResult, manifest: Manifest, operation: str) -> RequestAnswer | None:
    step = decide_after(manifest.operations[operation], result.outcome, result.attempt)
    return answer_from(step) if isinstance(step, FinalOutcome) else None


def _parse(details: bytes | None) -> dict[str, object] | None:
    return json.loads(details) if details else None

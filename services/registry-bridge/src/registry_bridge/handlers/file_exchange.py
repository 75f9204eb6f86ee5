"""File exchange with a register: each step is prepared in one transaction and recorded in another."""

from collections.abc import Iterable
from datetime import timedelta

from connector_kit.adapter import AnswerRow
from connector_kit.call_outcome import QUESTION_INVALID, AuthFailed, CallOutcome, NotFound, TemporarilyUnavailable
from connector_kit.files.file_exchange import (
    FileChunk,
    FileExchange,
    IncomingState,
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
    overdue_files,
)
from connector_kit.files.remote_files import FolderListing
from connector_kit.manifest.manifest import Manifest, file_transfer_of
from connector_kit.resilience.policy import FinalOutcome, decide_after, retry_delay_s
from connector_kit.resilience.register_state import acquire, record_outcome
from structlog import get_logger
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import RegisterOutcome
from wanderamt.kernel.decision import Attempt, DeadlineExceeded, KeepsFailing, Paused, RetryLater
from wanderamt.kernel.ids import RequestId
from wanderamt.security.keys import FieldCipher

from registry_bridge.domain.request import ExchangeFiles, FileResult, FileTask, RequestAnswer, answer_from
from registry_bridge.handlers.availability import save_and_publish
from registry_bridge.handlers.misconfigured import leave_to_check
from registry_bridge.handlers.requests import record_answer
from registry_bridge.store import registers, request_statements, requests

log = get_logger()


async def prepare_exchange(
    job: ExchangeFiles, attempt: Attempt, uow: UnitOfWork, *, manifest: Manifest, cipher: FieldCipher
) -> FileTask | RetryLater | None:
    """None when no request is pending; the next request starts the exchange again."""
    state, exchange = await request_statements.lock_register(uow, manifest.id)
    await _expire_overdue(uow, manifest, cipher)
    waiting, outstanding = await requests.count_for_files(uow, manifest.id)
    next_exchange, step = next_step(exchange, manifest, waiting=waiting, outstanding=outstanding, now=uow.now)
    if not step:
        return (
            RetryLater(file_transfer_of(manifest).poll_interval_s, "waits for the time of its next file")
            if waiting
            else None
        )
    state, slots = acquire(state, 1, manifest, now=uow.now)
    await save_and_publish(uow, manifest, state)
    if isinstance(slots, Paused):
        return RetryLater(slots.retry_after_s, slots.reason)
    if not isinstance(step, UploadFile):
        return FileTask(step)
    if next_exchange != exchange:
        await requests.assign_to_file(uow, manifest.id, step.name)
        await registers.save_exchange(uow, manifest.id, next_exchange)
    return FileTask(step, await requests.find_in_file(uow, manifest.id, step.name))


async def complete_exchange(
    job: ExchangeFiles,
    result: FileResult | DeadlineExceeded,
    uow: UnitOfWork,
    *,
    manifest: Manifest,
    cipher: FieldCipher,
) -> RetryLater:
    if isinstance(result, KeepsFailing):
        # the exchange itself has no end: each of its requests ends at its own deadline, and with it its case
        log.error("file_exchange.keeps_failing", register=manifest.id, reason=result.reason)
        return RetryLater(file_transfer_of(manifest).poll_interval_s, result.reason)
    if isinstance(result, DeadlineExceeded):
        return RetryLater(0.0, "continues")
    state, exchange = await request_statements.lock_register(uow, manifest.id)
    outcome: CallOutcome = (
        result.outcome if isinstance(result.outcome, TemporarilyUnavailable | AuthFailed) else NotFound()
    )
    state = record_outcome(state, manifest, outcome, took_s=result.duration_s, now=uow.now)
    await save_and_publish(uow, manifest, state)
    for request_id, code in result.not_allowed.items():
        await _record_answers(uow, manifest, {request_id: RequestAnswer(RegisterOutcome.REFUSED, code)}, cipher)
    if isinstance(outcome, TemporarilyUnavailable | AuthFailed):
        return RetryLater(retry_delay_s(Attempt(1, previous_outcome_unknown=False)), outcome.code)
    exchange = await _apply_step(exchange, result, uow, manifest=manifest, cipher=cipher)
    await registers.save_exchange(uow, manifest.id, exchange)
    busy = any(file.state in {IncomingState.READING, IncomingState.REJECTING} for file in exchange.incoming)
    if overdue := overdue_files(exchange, manifest, now=uow.now):
        log.warning("file_exchange.file_late", register=manifest.id, file=overdue[0], files=len(overdue))
    return RetryLater(0.0 if busy else file_transfer_of(manifest).poll_interval_s, "polls again")


async def _apply_step(
    exchange: FileExchange, result: FileResult, uow: UnitOfWork, *, manifest: Manifest, cipher: FieldCipher
) -> FileExchange:
    match result.step, result.outcome:
        case UploadFile(name), Uploaded(_, refused):
            answers = {
                RequestId(call_id): RequestAnswer(RegisterOutcome.REFUSED, code)
                for call_id, code in refused.items()
                if code != QUESTION_INVALID.code
            }
            await _record_answers(uow, manifest, answers, cipher)
            misconfigured = refused.keys() - answers.keys()
            for request in (await request_statements.lock_requests(uow, misconfigured)).values():
                leave_to_check(request, QUESTION_INVALID.code, uow, manifest=manifest)
            return after_upload(exchange, name)
        case ListFolder(), FolderListing() as listing:
            return after_listing(exchange, listing, manifest)
        case ReadChunk(file), FileChunk() as chunk:
            exchange, rows = after_chunk(exchange, file, chunk)
            await _record_answers(uow, manifest, _answers(rows, manifest), cipher)
            return exchange
        case ReturnRejects(name, rejects), Uploaded():
            log.warning("file_exchange.rows_rejected", register=manifest.id, file=name, rows=len(rejects))
            return after_rejects(exchange, name)
    return exchange


def _answers(rows: Iterable[AnswerRow], manifest: Manifest) -> dict[RequestId, RequestAnswer]:
    """A row without a final outcome leaves its request waiting until its deadline."""
    operation = next(iter(manifest.operations.values()))
    answers = {}
    for row in rows:
        step = decide_after(operation, row.outcome, Attempt(1, previous_outcome_unknown=False))
        if isinstance(step, FinalOutcome):
            answers[RequestId(row.call_id)] = answer_from(step)
    return answers


async def _record_answers(
    uow: UnitOfWork, manifest: Manifest, answers: dict[RequestId, RequestAnswer], cipher: FieldCipher
) -> None:
    known = await request_statements.lock_requests(uow, answers) if answers else {}
    for request_id, answer in answers.items():
        if request := known.get(request_id):
            await record_answer(request, answer, uow, cipher=cipher, manifest=manifest)
        else:
            log.warning("file_exchange.unknown_row", register=manifest.id, request_id=str(request_id))


async def _expire_overdue(uow: UnitOfWork, manifest: Manifest, cipher: FieldCipher) -> None:
    for name, operation in manifest.operations.items():
        asked_before = uow.now - timedelta(seconds=operation.deadline_s)
        for request in await requests.find_waiting_asked_before(uow, manifest.id, name, asked_before):
            await record_answer(
                request, RequestAnswer(RegisterOutcome.UNAVAILABLE, "deadline"), uow, cipher=cipher, manifest=manifest
            )

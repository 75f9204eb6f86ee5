"""Files to and fro with a register: each step claimed before it is taken and recorded after."""

from collections.abc import Iterable
from datetime import timedelta

from connector_kit.adapter import Row
from connector_kit.exchange import (
    Exchange,
    Known,
    Laid,
    Lay,
    LookThere,
    Portion,
    ReadOn,
    SendBack,
    laid,
    late,
    looked,
    next_step,
    sent_back,
    took,
)
from connector_kit.files import Look
from connector_kit.manifest import Manifest, files_of
from connector_kit.policy import Ended, after, later
from connector_kit.register import learned, reserve
from connector_kit.verdict import AuthFailed, NotFound, RetryLater
from connector_kit.verdict import Verdict as Told
from structlog import get_logger
from wanderamt.backbone.work import Work
from wanderamt.contracts import Verdict
from wanderamt.kernel.decision import Attempt, Expired, Pause, Retry
from wanderamt.kernel.ids import RequestId
from wanderamt.security.keys import Sealer

from registry_bridge.domain.request import Answer, ExchangeFiles, FilesDone, FilesTask, answer_of
from registry_bridge.handlers.requests import answer
from registry_bridge.handlers.weather import remember
from registry_bridge.store import registers, requests

log = get_logger()


async def claim_exchange(
    job: ExchangeFiles, attempt: Attempt, work: Work, *, manifest: Manifest
) -> FilesTask | Retry | None:
    """None when nobody waits for an answer any more; the next request begins it again."""
    state, exchange = await registers.lock_register(work, manifest.id)
    await _expire(work, manifest)
    waiting, outstanding = await requests.count_for_files(work, manifest.id)
    after_it, step = next_step(exchange, manifest, waiting=waiting, outstanding=outstanding, now=work.now)
    if not step:
        return Retry(files_of(manifest).look_every_s, "waits for the hour of its file") if waiting else None
    state, given = reserve(state, 1, manifest, now=work.now)
    await remember(work, manifest, state)
    if isinstance(given, Pause):
        return Retry(given.look_again_s, given.reason)
    if not isinstance(step, Lay):
        return FilesTask(step)
    if after_it != exchange:
        await requests.put_in_file(work, manifest.id, step.name)
        await registers.save_exchange(work, manifest.id, after_it)
    return FilesTask(step, await requests.find_in_file(work, manifest.id, step.name))


async def record_exchange(
    job: ExchangeFiles, outcome: FilesDone | Expired, work: Work, *, manifest: Manifest, sealer: Sealer
) -> Retry:
    if isinstance(outcome, Expired):
        return Retry(0.0, "goes on")
    state, exchange = await registers.lock_register(work, manifest.id)
    told: Told = outcome.outcome if isinstance(outcome.outcome, RetryLater | AuthFailed) else NotFound()
    state = learned(state, manifest, told, took_s=outcome.took_s, now=work.now)
    await remember(work, manifest, state)
    for request_id, code in outcome.not_allowed.items():
        await _end(work, manifest, {request_id: Answer(Verdict.REFUSED, code)}, sealer)
    if isinstance(told, RetryLater | AuthFailed):
        return Retry(later(Attempt(1, interrupted=False)), told.code)
    exchange = await _taken(exchange, outcome, work, manifest=manifest, sealer=sealer)
    await registers.save_exchange(work, manifest.id, exchange)
    busy = any(one.known in {Known.READING, Known.REJECTING} for one in exchange.incoming)
    if overdue := late(exchange, manifest, now=work.now):
        log.warning("exchange.file_late", register=manifest.id, file=overdue[0], files=len(overdue))
    return Retry(0.0 if busy else files_of(manifest).look_every_s, "looks again")


async def _taken(exchange: Exchange, outcome: FilesDone, work: Work, *, manifest: Manifest, sealer: Sealer) -> Exchange:
    match outcome.step, outcome.outcome:
        case Lay(name), Laid(_, refused):
            answers = {RequestId(one): Answer(Verdict.REFUSED, code) for one, code in refused.items()}
            await _end(work, manifest, answers, sealer)
            return laid(exchange, name)
        case LookThere(), Look() as look:
            return looked(exchange, look, manifest)
        case ReadOn(file), Portion() as portion:
            exchange, rows = took(exchange, file, portion)
            await _end(work, manifest, _answers(rows, manifest), sealer)
            return exchange
        case SendBack(name, rejects), Laid():
            log.warning("exchange.rows_rejected", register=manifest.id, file=name, rows=len(rejects))
            return sent_back(exchange, name)
    return exchange


def _answers(rows: Iterable[Row], manifest: Manifest) -> dict[RequestId, Answer]:
    """Rows whose verdict is none of an order's end leave the order waiting: its deadline ends it."""
    operation = next(iter(manifest.operations.values()))
    answers = {}
    for row in rows:
        step = after(operation, row.verdict, Attempt(1, interrupted=False))
        if isinstance(step, Ended):
            answers[RequestId(row.call_id)] = answer_of(step)
    return answers


async def _end(work: Work, manifest: Manifest, answers: dict[RequestId, Answer], sealer: Sealer) -> None:
    found = await requests.lock_requests(work, answers) if answers else {}
    for request_id, given in answers.items():
        if request := found.get(request_id):
            await answer(request, given, work, sealer=sealer, manifest=manifest)
        else:
            log.warning("exchange.row_of_nobody", register=manifest.id, request_id=str(request_id))


async def _expire(work: Work, manifest: Manifest) -> None:
    for name, operation in manifest.operations.items():
        moment = work.now - timedelta(seconds=operation.deadline_s)
        for request in await requests.find_asked_before(work, manifest.id, name, moment):
            await answer(request, Answer(Verdict.UNAVAILABLE, "deadline"), work, sealer=None, manifest=manifest)

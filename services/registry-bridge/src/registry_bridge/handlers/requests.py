"""Requests from cases: acceptance, their calls, and what operators do about them."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from connector_kit.call_outcome import CallOutcome, RawResponse, UnreadableResponse
from connector_kit.manifest.manifest import Manifest
from connector_kit.manifest.operation import OnFailure
from connector_kit.resilience.availability import status_now
from connector_kit.resilience.cache import CachedAnswer
from connector_kit.resilience.policy import FinalOutcome, OperatorNeeded, decide_after, next_call
from connector_kit.resilience.register_state import acquire, free_slots, mark_finished, record_outcome, release
from pydantic import BaseModel, ValidationError
from wanderamt.backbone.jobs.failed import discard_failed, find_failed, retry_failed
from wanderamt.backbone.messaging.replay import record_operator_action
from wanderamt.backbone.observability.tracing import message_context
from wanderamt.backbone.persistence.outbox import Statement
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import RegisterOutcome, RegisterQueryRequested
from wanderamt.kernel.decision import (
    Attempt,
    DeadlineExceeded,
    Decision,
    NeedsOperator,
    OutcomeUnknown,
    Paused,
    RetryLater,
)
from wanderamt.kernel.ids import RequestId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import FieldCipher

from registry_bridge.domain.access_log import RegisterAccessLogEntry, Source, delivered_ids, is_logged
from registry_bridge.domain.lookup import SealedAnswer, cache_encryption_id
from registry_bridge.domain.refusals import (
    ANSWER_INVALID,
    ANSWER_MISSING,
    NEVER_SENT,
    NO_REQUEST,
    NO_UNREADABLE_RESPONSE,
    NOT_WAITING_FOR_OPERATOR,
)
from registry_bridge.domain.request import (
    CallRegister,
    CallResult,
    CallTask,
    CheckConfiguration,
    Misconfigured,
    NotAllowed,
    RegisterRequest,
    RegisterRequestState,
    RequestAnswer,
    accept_request,
    answer_from,
    answer_request,
    apply_result,
    exchange_job_type,
    expire_request,
    is_misconfigured,
    leave_to_operator,
    requeue,
    unreadable_response_of,
)
from registry_bridge.handlers.availability import Manifests, acquire_call_slot, save_and_publish
from registry_bridge.handlers.misconfigured import leave_to_check, report_misconfigured
from registry_bridge.store import request_statements, requests

ANSWERED_OUTCOMES = frozenset({RegisterOutcome.CONFIRMED, RegisterOutcome.NOT_FOUND})
TraceHeaders = Mapping[str, str]
AnswerModels = Mapping[str, Mapping[str, type[BaseModel]]]  # by register and name


class _ReceivedQuery(NamedTuple):
    decision: Decision[RegisterRequest]
    trace: TraceHeaders

    @property
    def request(self) -> RegisterRequest:
        return self.decision.state

    @property
    def is_exchanged_in_files(self) -> bool:
        """The next file carries it: it needs no call of its own."""
        return not self.decision.jobs


async def record_queries(
    queries: Sequence[tuple[RegisterQueryRequested, TraceHeaders]],
    uow: UnitOfWork,
    *,
    manifests: Manifests,
) -> None:
    """Each with the trace of its event. A request that is stored already changes nothing."""
    received: dict[RequestId, _ReceivedQuery] = {}
    for event, trace in queries:
        decision = accept_request(event, manifests.get(event.register_name), now=uow.now)
        received.setdefault(decision.state.id, _ReceivedQuery(decision, trace))
    by_file = sorted({query.request.register for query in received.values() if query.is_exchanged_in_files})
    for register in by_file:  # an exchange job that ends now ends before or after this
        await request_statements.lock_register(uow, register)
    requests_ = [query.request for query in received.values()]
    new = await request_statements.add_requests(uow, requests_, lock=_register_of_claim(received.values(), uow))
    exchanging: set[str] = set()
    for query in received.values():
        if query.request.id not in new:
            continue
        with message_context(query.trace):
            register = query.request.register
            uow.enqueue(*query.decision.jobs)
            if is_misconfigured(query.request):
                report_misconfigured(query.request)
            if query.is_exchanged_in_files and register not in exchanging:
                exchanging.add(register)
                await start_exchange(register, uow)


async def start_exchange(register: str, uow: UnitOfWork) -> None:
    """Of a locked register: there is one job that exchanges its files."""
    if not await request_statements.has_exchange_job(uow, register):
        uow.enqueue(exchange_job_type(register)(register_name=register))


def _register_of_claim(queries: Iterable["_ReceivedQuery"], uow: UnitOfWork) -> str:
    """The one register whose calls this transaction claims at its end; empty if there are several or none."""
    registers = {
        query.request.register
        for query in queries
        for job in query.decision.jobs
        if isinstance(job, CallRegister) and uow.will_claim(type(job))
    }
    return registers.pop() if len(registers) == 1 else ""


async def admit_calls(free: int, uow: UnitOfWork, *, manifest: Manifest) -> int | Paused:
    """How many calls the register allows now, over all processes. Reserves none: `prepare_call` does, under the same
    lock."""
    state, _ = await request_statements.lock_register(uow, manifest.id)
    free = min(free, free_slots(state, manifest, interactive=False, now=uow.now))
    if free <= 0:
        return 0
    _, slots = acquire(state, free, manifest, now=uow.now)
    if not isinstance(slots, Paused):
        return len(slots)
    if status_now(manifest, state, now=uow.now).status != state.published_status:
        await save_and_publish(uow, manifest, state)
    return slots


async def prepare_call(
    job: CallRegister, attempt: Attempt, uow: UnitOfWork, *, manifest: Manifest
) -> CallTask | OperatorNeeded | RetryLater | None:
    request = await request_statements.find_request(uow, RequestId(job.request_id))
    if not request or request.state is RegisterRequestState.ANSWERED:
        return None
    call_kind = next_call(manifest.operations[request.operation], attempt)
    if isinstance(call_kind, OperatorNeeded):
        return call_kind
    if attempt.previous_outcome_unknown and not request.effect_possible:
        await request_statements.mark_effect_possible(uow, request.id)
    wait_s = await acquire_call_slot(uow, manifest, str(request.id))
    if isinstance(wait_s, Paused):
        return RetryLater(wait_s.retry_after_s, wait_s.reason)
    return CallTask(request=request, call_kind=call_kind, attempt=attempt, wait_s=wait_s)


async def complete_call(
    job: CallRegister,
    result: CallResult | NotAllowed | OperatorNeeded | DeadlineExceeded,
    uow: UnitOfWork,
    *,
    manifest: Manifest,
    cipher: FieldCipher,
) -> RetryLater | OutcomeUnknown | NeedsOperator | None:
    request = await request_statements.lock_call(uow, RequestId(job.request_id), manifest.id)
    if not request or request.state is RegisterRequestState.ANSWERED:
        return None
    step: RequestAnswer | Misconfigured | OperatorNeeded | RetryLater | OutcomeUnknown
    match result:
        case CallResult():
            state, _ = await request_statements.lock_register(uow, manifest.id)
            state = mark_finished(state, str(request.id))
            state = record_outcome(state, manifest, result.outcome, took_s=result.duration_s, now=uow.now)
            await save_and_publish(uow, manifest, state)
            request, step = apply_result(request, result, manifest)
            if isinstance(result.outcome, UnreadableResponse) and result.outcome.raw:
                raw, purpose = result.outcome.raw.to_bytes(), unreadable_response_of(request.id)
                sealed = cipher.seal_bytes(request.case_id, raw, purpose=purpose)
                await requests.save_unreadable_response(uow, request.id, sealed)
        case NotAllowed(code):
            state, _ = await request_statements.lock_register(uow, manifest.id)
            await save_and_publish(uow, manifest, release(state, str(request.id)))
            step = RequestAnswer(RegisterOutcome.REFUSED, code)
        case DeadlineExceeded(reason):
            step = expire_request(request, manifest, reason)
        case operator_needed:
            step = operator_needed
    match step:
        case RequestAnswer():
            question_hash = result.question_hash if isinstance(result, CallResult) else b""
            for statement in _answer(request, step, uow, cipher=cipher, manifest=manifest, question_hash=question_hash):
                uow.write_later(statement)
            return None
        case Misconfigured(code):
            leave_to_check(request, code, uow, manifest=manifest)
            return None
        case OperatorNeeded(code):
            uow.write_later(request_statements.request_update(leave_to_operator(request, step)))
            return NeedsOperator(
                code, blocks_key=manifest.operations[request.operation].on_failure is OnFailure.BLOCK_KEY
            )
    uow.write_later(request_statements.request_update(request))
    return step


async def find_unreadable_response(
    request_id: RequestId, uow: UnitOfWork, *, cipher: FieldCipher
) -> tuple[RegisterRequest, RawResponse] | Refusal:
    """The stored response that the adapter could not read. For `reparse`, once the adapter is fixed."""
    request = await request_statements.find_request(uow, request_id)
    sealed = await requests.find_unreadable_response(uow, request_id) if request else None
    if not request or not sealed:
        return NO_UNREADABLE_RESPONSE if request else NO_REQUEST
    raw = cipher.open_bytes(request.case_id, sealed, purpose=unreadable_response_of(request_id))
    return request, RawResponse.from_bytes(raw)


async def record_reparsed(
    request_id: RequestId,
    outcome: CallOutcome,
    uow: UnitOfWork,
    *,
    manifests: Manifests,
    cipher: FieldCipher,
    operator: str,
    consumer: str,
) -> str | Refusal:
    """Answers the request with the outcome of the fixed adapter, if that is a final one."""
    request = await request_statements.find_request(uow, request_id, lock=True)
    manifest = manifests.get(request.register) if request else None
    if not request or not manifest:
        return NO_REQUEST
    if request.state is RegisterRequestState.ANSWERED:
        return NOT_WAITING_FOR_OPERATOR
    step = decide_after(manifest.operations[request.operation], outcome, Attempt(1, previous_outcome_unknown=False))
    if not isinstance(step, FinalOutcome):
        return f"{request_id}: the adapter still cannot read the stored response"
    await record_operator_action(uow, operator, "reparse", consumer, {"request_id": str(request_id)})
    await record_answer(request, answer_from(step), uow, cipher=cipher, manifest=manifest)
    await _discard_failed_job(request, uow)
    return f"{request_id}: answered from the stored response"


async def _discard_failed_job(request: RegisterRequest, uow: UnitOfWork) -> None:
    job_id = await find_failed(uow, f"call-{request.register}", "request_id", str(request.id))
    if job_id:
        await discard_failed(uow, job_id)


async def get_request(request_id: RequestId, uow: UnitOfWork) -> RegisterRequest | Refusal:
    return await request_statements.find_request(uow, request_id) or NO_REQUEST


async def resolve_request(
    request_id: RequestId,
    uow: UnitOfWork,
    *,
    happened: bool,
    manifests: Manifests,
    cipher: FieldCipher,
    operator: str,
    consumer: str,
    answer: bytes | None = None,
    models: AnswerModels = MappingProxyType({}),
) -> str | Refusal:
    """An operator has asked the owner of the register: the command had its effect (`happened`), or is sent again.

    `answer`: what the register wrote down, as JSON; needed where the register answers with something, for without the
    number of a permit, the case could neither print nor undo it. `models`: of the bridges that can be called.
    """
    request = await request_statements.find_request(uow, request_id, lock=True)
    if not request:
        return NO_REQUEST
    if is_misconfigured(request):
        return await _check_again(request, uow, happened=happened, operator=operator, consumer=consumer)
    manifest = manifests.get(request.register)
    if request.state is not RegisterRequestState.NEEDS_OPERATOR or not manifest:
        return NOT_WAITING_FOR_OPERATOR
    details = _checked_answer(request, answer, manifest, models) if happened else None
    if isinstance(details, Refusal):
        return details
    await record_operator_action(
        uow, operator, "resolve", consumer, {"request_id": str(request_id), "happened": happened}
    )
    if happened:
        confirmed = RequestAnswer(RegisterOutcome.CONFIRMED, "resolved", details)
        await record_answer(request, confirmed, uow, cipher=cipher, manifest=manifest)
        await _discard_failed_job(request, uow)
        return f"{request_id}: recorded as done, the case continues"
    uow.write_later(request_statements.request_update(requeue(request)))
    job_id = await find_failed(uow, f"call-{request.register}", "request_id", str(request_id))
    if job_id:
        await retry_failed(uow, job_id, outcome_unknown=False)
    return f"{request_id}: the command is sent again"


def _checked_answer(
    request: RegisterRequest, answer: bytes | None, manifest: Manifest, models: AnswerModels
) -> bytes | Refusal | None:
    """None where the register answers with nothing."""
    name = manifest.operations[request.operation].answer
    model = models.get(request.register, {}).get(name) if name else None
    if not model:
        return None
    if answer is None:
        return ANSWER_MISSING
    try:
        return model.model_validate_json(answer).model_dump_json().encode()
    except ValidationError:
        return ANSWER_INVALID


async def _check_again(
    request: RegisterRequest, uow: UnitOfWork, *, happened: bool, operator: str, consumer: str
) -> str | Refusal:
    job_id = await find_failed(uow, CheckConfiguration.QUEUE, "request_id", str(request.id))
    if happened:
        return NEVER_SENT
    if not job_id:
        return f"{request.id}: is checked right now"
    await record_operator_action(uow, operator, "check_again", consumer, {"request_id": str(request.id)})
    await retry_failed(uow, job_id, outcome_unknown=False)
    return f"{request.id}: is checked again, and sent if a bridge can carry it out"


async def record_answer(
    request: RegisterRequest,
    answer: RequestAnswer,
    uow: UnitOfWork,
    *,
    cipher: FieldCipher,
    manifest: Manifest | None,
) -> None:
    """Publishes the answer, with its proof, and writes the access log."""
    statements = _answer(request, answer, uow, cipher=cipher, manifest=manifest)
    if statements:
        (sql, args), *also = statements
        await uow.execute_with_outbox(sql, *args, also=also)


def _answer(
    request: RegisterRequest,
    answer: RequestAnswer,
    uow: UnitOfWork,
    *,
    cipher: FieldCipher,
    manifest: Manifest | None,
    question_hash: bytes = b"",
) -> list[Statement]:
    """Emits the answer; returns what to write: the request, the access log, and the answer in the cache if there is a
    `question_hash`. Nothing for a request that was answered before."""
    details = cipher.seal(request.case_id, answer.details) if answer.details else None
    assert cipher.assertion_signer  # noqa: S101 -- app.py builds this service's cipher with it
    decision = answer_request(request, answer, details=details, prove=cipher.assertion_signer.prove, now=uow.now)
    if not decision:
        return []
    uow.emit(*decision.events, version=1)
    statements = [request_statements.request_update(decision.state)]
    if manifest and is_logged(manifest, request.operation) and answer.outcome in ANSWERED_OUTCOMES:
        statements.append(request_statements.access_log_insert(uow, access_log_entry(request, answer, manifest, uow)))
        if question_hash and manifest.operations[request.operation].cache:
            statements.append(cache_statement(manifest.id, request.operation, question_hash, answer, uow, cipher))
    return statements


def access_log_entry(
    request: RegisterRequest, answer: RequestAnswer, manifest: Manifest, uow: UnitOfWork
) -> RegisterAccessLogEntry:
    return RegisterAccessLogEntry(
        officer=request.officer,
        purpose=request.purpose,
        case_id=request.case_id,
        request_id=request.id,
        register=request.register,
        operation=request.operation,
        outcome=answer.outcome,
        delivered=delivered_ids(manifest, request.operation, answer.details),
        source=Source.REGISTER,
        as_of=uow.now,
    )


def cache_statement(
    register: str, operation: str, question_hash: bytes, answer: RequestAnswer, uow: UnitOfWork, cipher: FieldCipher
) -> Statement:
    details = cipher.seal(cache_encryption_id(question_hash), answer.details) if answer.details else None
    cached = CachedAnswer(SealedAnswer(answer.outcome, details), uow.now)
    return request_statements.cache_upsert(register, operation, question_hash, cached)

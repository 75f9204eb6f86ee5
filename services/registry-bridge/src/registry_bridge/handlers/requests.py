"""Requests from cases, and how their calls ended."""

from connector_kit.cache import Kept
from connector_kit.manifest import Kind, Manifest, OnDead
from connector_kit.policy import Ended, ForHuman, after, next_beat
from connector_kit.register import ended, learned, not_called, reserve, room
from connector_kit.verdict import Malformed, Raw
from connector_kit.verdict import Verdict as Told
from connector_kit.weather import outlook
from wanderamt.backbone.dead import find_dead, revive, throw_away, unpark
from wanderamt.backbone.outbox import Statement
from wanderamt.backbone.replay import write_down
from wanderamt.backbone.work import Work
from wanderamt.contracts import RegisterRequested, Verdict
from wanderamt.kernel.decision import Attempt, Expired, Park, Pause, Retry, Unknown
from wanderamt.kernel.ids import RequestId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import Sealer

from registry_bridge.domain.lookup import KeptAnswer, kept_under
from registry_bridge.domain.reading import Reading, Source, delivered, is_read
from registry_bridge.domain.refusals import NO_RAW, NO_REQUEST, NOT_FOR_HUMAN
from registry_bridge.domain.request import (
    Answer,
    AskRegister,
    Called,
    NotAllowed,
    Request,
    RequestState,
    Task,
    answer_of,
    answer_request,
    ask_again,
    expire,
    files_job_of,
    learn,
    leave_to_human,
    request_of,
    take_request,
)
from registry_bridge.handlers.weather import Manifests, remember, take_moment
from registry_bridge.store import readings, registers, requests

DELIVERS = frozenset({Verdict.CONFIRMED, Verdict.NOT_FOUND})


async def on_register_requested(event: RegisterRequested, work: Work, *, manifests: Manifests) -> None:
    manifest = manifests.get(event.register_name)
    decision = take_request(event, manifest, now=work.now)
    request = request_of(event, now=work.now)
    if isinstance(decision, Answer):
        if await requests.add_request(work, request):
            await answer(request, decision, work, sealer=None, manifest=manifest)
        return
    batch = manifest and manifest.operations[event.operation].kind is Kind.BATCH
    if batch:
        await registers.lock_register(work, event.register_name)  # the exchange that ends now ends before or after
    if not await requests.add_request(work, request):
        return
    work.enqueue(*decision.jobs)
    if batch and not await requests.exchange_runs(work, event.register_name):
        work.enqueue(files_job_of(event.register_name)(register_name=event.register_name))


async def may_go(free: int, work: Work, *, manifest: Manifest) -> int | Pause:
    """How many calls this register bears now, whichever process makes them. Takes none: `claim_question` does, under
    the same lock."""
    state, _ = await registers.lock_register(work, manifest.id)
    free = min(free, room(state, manifest, counter=False, now=work.now))
    if free <= 0:
        return 0
    seen, given = reserve(state, free, manifest, now=work.now)
    if not isinstance(given, Pause):
        return len(given)
    if seen != state or outlook(manifest, seen, now=work.now).sky != state.told:
        await remember(work, manifest, seen)
    return given


async def claim_question(
    job: AskRegister, attempt: Attempt, work: Work, *, manifest: Manifest
) -> Task | ForHuman | Retry | None:
    request = await requests.find_request(work, RequestId(job.request_id))
    if not request or request.state is RequestState.ANSWERED:
        return None
    beat = next_beat(manifest.operations[request.operation], attempt)
    if isinstance(beat, ForHuman):
        return beat
    if attempt.interrupted and not request.maybe:
        await requests.note_maybe(work, request.id)
    wait_s = await take_moment(work, manifest, str(request.id))
    if isinstance(wait_s, Pause):
        return Retry(wait_s.look_again_s, wait_s.reason)
    return Task(request=request, beat=beat, attempt=attempt, wait_s=wait_s)


async def record_outcome(
    job: AskRegister,
    outcome: Called | NotAllowed | ForHuman | Expired,
    work: Work,
    *,
    manifest: Manifest,
    sealer: Sealer,
) -> Retry | Unknown | Park | None:
    request = await requests.find_request(work, RequestId(job.request_id), lock=True)
    if not request or request.state is RequestState.ANSWERED:
        return None
    step: Answer | ForHuman | Retry | Unknown
    match outcome:
        case Called():
            state, _ = await registers.lock_register(work, manifest.id)
            state = ended(state, str(request.id))
            state = learned(state, manifest, outcome.verdict, took_s=outcome.took_s, now=work.now)
            await remember(work, manifest, state)
            request, step = learn(request, outcome, manifest)
            if isinstance(outcome.verdict, Malformed) and outcome.verdict.raw:
                raw = sealer.seal_bytes(request.case_id, outcome.verdict.raw.frozen())
                await requests.keep_raw(work, request.id, raw)
        case NotAllowed(code):
            state, _ = await registers.lock_register(work, manifest.id)
            await remember(work, manifest, not_called(state, str(request.id)))
            step = Answer(Verdict.REFUSED, code)
        case Expired(reason):
            step = expire(request, manifest, reason)
        case human:
            step = human
    match step:
        case Answer():
            fingerprint = outcome.fingerprint if isinstance(outcome, Called) else b""
            await answer(request, step, work, sealer=sealer, manifest=manifest, fingerprint=fingerprint)
            return None
        case ForHuman(code):
            await requests.save_request(work, leave_to_human(request, step))
            return Park(code, holds_key=manifest.operations[request.operation].on_dead is OnDead.PARK)
    await requests.save_request(work, request)
    return step


async def find_raw(request_id: RequestId, work: Work, *, sealer: Sealer) -> tuple[Request, Raw] | Refusal:
    """The answer nobody could read, for an adapter that was mended since."""
    request = await requests.find_request(work, request_id)
    raw = await requests.find_raw(work, request_id) if request else None
    if not request or not raw:
        return NO_RAW if request else NO_REQUEST
    return request, Raw.thawed(sealer.open_bytes(request.case_id, raw))


async def take_reading(
    request_id: RequestId,
    verdict: Told,
    work: Work,
    *,
    manifests: Manifests,
    sealer: Sealer,
    who: str,
    consumer: str,
) -> str | Refusal:
    """What a mended adapter makes of the kept answer is the answer, if it is one."""
    request = await requests.find_request(work, request_id, lock=True)
    manifest = manifests.get(request.register) if request else None
    if not request or not manifest:
        return NO_REQUEST
    if request.state is RequestState.ANSWERED:
        return NOT_FOR_HUMAN
    step = after(manifest.operations[request.operation], verdict, Attempt(1, interrupted=False))
    if not isinstance(step, Ended):
        return f"{request_id}: still nobody can read it"
    await write_down(work, who, "read again", consumer, {"request_id": str(request_id)})
    await answer(request, answer_of(step), work, sealer=sealer, manifest=manifest)
    await _end_dead_job(request, work, consumer=consumer)
    return f"{request_id}: answered from what was kept"


async def _end_dead_job(request: Request, work: Work, *, consumer: str) -> None:
    job_id = await find_dead(work, f"ask-{request.register}", "request_id", str(request.id))
    if job_id:
        await throw_away(work, job_id)
        await unpark(work, consumer, job_id)


async def show_request(request_id: RequestId, work: Work) -> Request | Refusal:
    return await requests.find_request(work, request_id) or NO_REQUEST


async def settle_request(
    request_id: RequestId,
    work: Work,
    *,
    happened: bool,
    manifests: Manifests,
    who: str,
    consumer: str,
) -> str | Refusal:
    """A human has asked at the register: the order has its effect there, or it has none and is given again."""
    request = await requests.find_request(work, request_id, lock=True)
    if not request:
        return NO_REQUEST
    manifest = manifests.get(request.register)
    if request.state is not RequestState.FOR_HUMAN or not manifest:
        return NOT_FOR_HUMAN
    await write_down(work, who, "settle", consumer, {"request_id": str(request_id), "happened": happened})
    if happened:
        await answer(request, Answer(Verdict.CONFIRMED, "settled"), work, sealer=None, manifest=manifest)
        await _end_dead_job(request, work, consumer=consumer)
        return f"{request_id}: it is done, the case goes on"
    await requests.save_request(work, ask_again(request))
    job_id = await find_dead(work, f"ask-{request.register}", "request_id", str(request_id))
    if job_id:
        await revive(work, job_id, unsure=False)
        await unpark(work, consumer, job_id)
    return f"{request_id}: it is given again"


async def answer(
    request: Request,
    given: Answer,
    work: Work,
    *,
    sealer: Sealer | None,
    manifest: Manifest | None,
    fingerprint: bytes = b"",
) -> None:
    """Tells it, writes down who was given what, and keeps it for the next who asks."""
    details = sealer.seal(request.case_id, given.details) if sealer and given.details else None
    decision = answer_request(request, given, details=details, now=work.now)
    if not decision:
        return
    work.emit(*decision.events, version=1)
    beside: list[Statement] = []
    if manifest and is_read(manifest, request.operation) and given.verdict in DELIVERS:
        beside.append(readings.reading_added(work, reading_of(request, given, manifest, work)))
        if sealer and fingerprint and manifest.operations[request.operation].cache:
            beside.append(keeping(manifest.id, request.operation, fingerprint, given, work, sealer))
    await requests.save_request(work, decision.state, beside=beside)


def reading_of(request: Request, given: Answer, manifest: Manifest, work: Work) -> Reading:
    return Reading(
        officer=request.officer,
        purpose=request.purpose,
        case_id=request.case_id,
        request_id=request.id,
        register=request.register,
        operation=request.operation,
        verdict=given.verdict,
        delivered=delivered(manifest, request.operation, given.details),
        source=Source.REGISTER,
        as_of=work.now,
    )


def keeping(register: str, operation: str, fingerprint: bytes, given: Answer, work: Work, sealer: Sealer) -> Statement:
    details = sealer.seal(kept_under(fingerprint), given.details) if given.details else None
    kept = Kept(KeptAnswer(given.verdict, details), work.now)
    return readings.answer_kept(register, operation, fingerprint, kept)

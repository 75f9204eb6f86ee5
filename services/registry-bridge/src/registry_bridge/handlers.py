"""Every message into the registry bridge: requests from cases, outcomes of calls."""

from collections.abc import Awaitable, Callable

from wanderamt.backbone.work import Work
from wanderamt.contracts import Event, RegisterRequested, Verdict
from wanderamt.kernel.decision import Attempt, Expired, Retry
from wanderamt.kernel.ids import RequestId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import Sealer

from registry_bridge import store
from registry_bridge.domain.refusals import NO_REQUEST
from registry_bridge.domain.request import (
    Answer,
    AskRegister,
    Question,
    Request,
    RequestState,
    answer_request,
    take_request,
)


async def on_register_requested(event: RegisterRequested, work: Work) -> None:
    decision = take_request(event, now=work.now)
    if await store.add_request(work, decision.state):
        work.enqueue(*decision.jobs)


async def claim_question(job: AskRegister, _: Attempt, work: Work) -> Question | None:
    """A read has no effect in the register, so an interrupted try is simply made again."""
    request = await store.find_request(work, RequestId(job.request_id))
    if not request or request.state is RequestState.ANSWERED:
        return None
    return Question(
        request_id=request.id,
        register=request.register,
        operation=request.operation,
        person=request.question,
        purpose=request.purpose,
        officer=request.officer,
    )


async def record_answer(job: AskRegister, outcome: Answer | Expired, work: Work, *, sealer: Sealer) -> Retry | None:
    request = await store.find_request(work, RequestId(job.request_id), lock=True)
    if not request:
        return None
    answer = Answer(Verdict.UNAVAILABLE) if isinstance(outcome, Expired) else outcome
    details = sealer.seal(request.case_id, answer.details) if answer.details else None
    decision = answer_request(request, answer.verdict, details=details, now=work.now)
    if decision:
        work.emit(*decision.events, version=1)
        await store.save_request(work, decision.state)
    return None


async def show_request(request_id: RequestId, work: Work) -> Request | Refusal:
    return await store.find_request(work, request_id) or NO_REQUEST


ON: dict[type[Event], Callable[..., Awaitable[None]]] = {RegisterRequested: on_register_requested}

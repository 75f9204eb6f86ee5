"""Interactive lookups over HTTP."""

from dataclasses import asdict
from datetime import datetime
from time import perf_counter
from typing import Any
from uuid import UUID

from connector_kit.resilience.cache import CachedAnswer
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from wanderamt.contracts import RegisterOutcome
from wanderamt.kernel.ids import CaseId
from wanderamt.shell.problems import RefusalError, or_refuse

from registry_bridge.api.dependencies import Clerk, Context
from registry_bridge.domain.lookup import ANSWER_WITHIN_S, OVERHEAD_S, Freshness, Lookup, SealedAnswer
from registry_bridge.domain.refusals import WRONG_QUESTION
from registry_bridge.domain.request import CallResult
from registry_bridge.handlers.lookups import begin_lookup, deliver_answer

router = APIRouter(tags=["registers"])


class LookupIn(BaseModel):
    """A question while the citizen waits. `question`: the fields that the documentation of the bridge lists."""

    model_config = ConfigDict(extra="forbid")

    register_name: str = Field(examples=["residents"])
    operation: str = Field(examples=["confirm_residence"])
    case_id: UUID
    purpose: str = Field(examples=["MeldeG-19"])
    question: dict[str, Any]


class LookupOut(BaseModel):
    """`freshness`: fresh, cached (then `as_of` is the time of the answer) or unavailable (then `wait_s` estimates how
    long)."""

    freshness: Freshness
    outcome: RegisterOutcome | None
    answer: dict[str, Any] | None
    as_of: datetime | None
    code: str
    wait_s: float


@router.post("/lookups")
async def look_up(body: LookupIn, caller: Clerk, context: Context) -> LookupOut:
    """An answer within two seconds: a fresh one, a cached one with its time, or how long the register is unavailable.

    Two transactions, because no connection may be held during the call between them.
    """
    started = perf_counter()
    lookup = Lookup(
        register=body.register_name,
        operation=body.operation,
        case_id=CaseId(body.case_id),
        purpose=body.purpose,
        officer=caller.subject,
        question=body.question,
    )
    question_hash = context.lookups.question_hash(lookup)
    async with context.database.unit_of_work() as uow:
        call_id = uow.new_id()
        planned = await begin_lookup(
            lookup,
            question_hash,
            call_id,
            uow,
            manifests=context.manifests,
            lookups_per_hour=context.lookups_per_hour,
        )
    plan = or_refuse(planned)
    if not question_hash:
        raise RefusalError(WRONG_QUESTION)
    answer: CallResult | CachedAnswer[SealedAnswer] | None = plan.cached
    if plan.wait_s is not None:
        left_s = ANSWER_WITHIN_S - OVERHEAD_S - (perf_counter() - started)
        answer = await context.lookups.call(
            lookup, question_hash, call_id, wait_s=plan.wait_s, within_s=max(0.0, left_s)
        )
    manifest, result = context.manifests[lookup.register], None
    async with context.database.unit_of_work() as uow:
        for candidate in (answer, plan.stale):
            if candidate and not result:
                result = await deliver_answer(lookup, candidate, uow, manifest=manifest, cipher=context.cipher)
    return LookupOut(**asdict(result or plan.fallback))

"""Interactive lookups over HTTP."""

from dataclasses import asdict
from datetime import datetime
from time import perf_counter
from typing import Annotated, Any
from uuid import UUID

from connector_kit.resilience.cache import CachedAnswer
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt
from wanderamt.contracts import RegisterOutcome
from wanderamt.kernel.bounded import MAX_JSON_INT
from wanderamt.kernel.ids import CaseId, DeviceId, StandId
from wanderamt.kernel.line_text import ONE_LINE
from wanderamt.shell.problems import or_refuse

from registry_bridge.api.dependencies import Context, LookUpCaller
from registry_bridge.domain.lookup import ANSWER_WITHIN_S, OVERHEAD_S, Freshness, Lookup, SealedAnswer
from registry_bridge.domain.request import CallResult
from registry_bridge.handlers.lookups import begin_lookup, deliver_answer, record_no_answer

FieldName = Annotated[str, Field(max_length=100), ONE_LINE]
WholeNumber = Annotated[StrictInt, Field(ge=-MAX_JSON_INT, le=MAX_JSON_INT)]
FieldValue = StrictBool | WholeNumber | Annotated[str, Field(max_length=500), ONE_LINE] | None

router = APIRouter(tags=["registers"])


class LookupIn(BaseModel):
    """A question while the citizen waits. `question`: the fields that the documentation of the bridge lists."""

    model_config = ConfigDict(extra="forbid")

    register_name: str = Field(max_length=100, examples=["residents"])
    operation: str = Field(max_length=100, examples=["confirm_residence"])
    case_id: UUID
    purpose: str = Field(max_length=100, examples=["MeldeG-19"])
    question: dict[FieldName, FieldValue] = Field(max_length=50)


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
async def look_up(body: LookupIn, caller: LookUpCaller, context: Context) -> LookupOut:
    """An answer within two seconds: a fresh one, a cached one with its time, or how long the register is unavailable.

    For an open case at the caller's stand, about its applicant, with a question and a purpose of its service. Each
    lookup is written down, also one that is refused or fails, and counts towards the officer's limit per hour.

    Two transactions, because no connection may be held during the call between them. The first one is committed before
    a refusal is raised: it holds the record of it.
    """
    started = perf_counter()
    assert caller.device_id and caller.stand_id  # noqa: S101, PT018 -- the policy refuses tokens without them
    lookup = Lookup(
        register=body.register_name,
        operation=body.operation,
        case_id=CaseId(body.case_id),
        purpose=body.purpose,
        officer=caller.subject,
        device_id=DeviceId(caller.device_id),
        stand_id=StandId(caller.stand_id),
        question=body.question,
    )
    hashes = context.lookups.hashes_of(lookup)
    async with context.database.unit_of_work() as uow:
        lookup_id = uow.new_id()
        planned = await begin_lookup(lookup, hashes, lookup_id, uow, manifests=context.manifests, limits=context.limits)
    plan = or_refuse(planned)
    answer: CallResult | CachedAnswer[SealedAnswer] | None = plan.cached
    if plan.wait_s is not None:
        left_s = ANSWER_WITHIN_S - OVERHEAD_S - (perf_counter() - started)
        answer = await context.lookups.call(
            lookup, hashes.question, lookup_id, wait_s=plan.wait_s, within_s=max(0.0, left_s)
        )
    manifest, result = context.manifests[lookup.register], None
    async with context.database.unit_of_work() as uow:
        for candidate in (answer, plan.stale):
            if candidate and not result:
                result = await deliver_answer(
                    lookup, lookup_id, candidate, uow, manifest=manifest, cipher=context.cipher
                )
        if not result:
            await record_no_answer(lookup_id, uow)
    return LookupOut(**asdict(result or plan.fallback))

"""HTTP in: lookups at the counter, the weather of registers, requests."""

from dataclasses import asdict
from datetime import datetime
from time import perf_counter
from typing import Any
from uuid import UUID

from connector_kit.cache import Kept
from connector_kit.weather import Sky
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel, ConfigDict, Field
from wanderamt.backbone.database import Database
from wanderamt.contracts import Verdict
from wanderamt.kernel.ids import CaseId, RequestId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import Sealer
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller
from wanderamt.shell.http import only
from wanderamt.shell.problems import Refused

from registry_bridge.domain.lookup import FOR_US_S, WITHIN_S, Freshness, KeptAnswer, Lookup
from registry_bridge.domain.refusals import WRONG_QUESTION
from registry_bridge.domain.request import Called
from registry_bridge.handlers.counter import begin_lookup, deliver
from registry_bridge.handlers.requests import show_request
from registry_bridge.handlers.weather import show_weather
from registry_bridge.jobs.counter import Counter


class WeatherOut(BaseModel):
    """How a register is. `wait_s`: seconds until what is asked now would be answered, as far as anybody can say."""

    register_name: str
    sky: Sky
    waiting: int
    oldest: datetime | None
    wait_s: float
    reason: str


class RequestOut(BaseModel):
    """A request without personal data."""

    request_id: UUID
    case_id: UUID
    register_name: str
    operation: str
    purpose: str
    state: str
    verdict: str | None
    asked_at: datetime
    answered_at: datetime | None
    code: str


class LookupIn(BaseModel):
    """A question while the citizen stands there. `question`: as the docs of the register's bridge say."""

    model_config = ConfigDict(extra="forbid")

    register_name: str = Field(examples=["residents"])
    operation: str = Field(examples=["confirm_residence"])
    case_id: UUID
    purpose: str = Field(examples=["MeldeG-19"])
    question: dict[str, Any]


class FoundOut(BaseModel):
    """`freshness`: fresh, kept (then `as_of` says of when) or down (then `wait_s` says how long it may last)."""

    freshness: Freshness
    verdict: Verdict | None
    answer: dict[str, Any] | None
    as_of: datetime | None
    code: str
    wait_s: float


def add_routes(
    app: FastAPI,
    database: Database,
    counter: Counter,
    sealer: Sealer,
    *,
    an_hour: int,
) -> None:
    router, manifests = APIRouter(tags=["registers"]), counter.manifests

    @router.post("/lookups")
    async def look(asked: LookupIn, caller: Caller = only(Role.CLERK)) -> FoundOut:
        """An answer within two seconds: fresh, kept with its moment, or that the register is down and for how long."""
        begun = perf_counter()
        lookup = Lookup(
            register=asked.register_name,
            operation=asked.operation,
            case_id=CaseId(asked.case_id),
            purpose=asked.purpose,
            officer=caller.subject,
            question=asked.question,
        )
        fingerprint = counter.fingerprint(lookup)
        async with database.work() as work:
            call_id = work.new_id()
            ready = await begin_lookup(lookup, fingerprint, call_id, work, manifests=manifests, an_hour=an_hour)
        if isinstance(ready, Refusal):
            raise Refused(ready)
        if not fingerprint:
            raise Refused(WRONG_QUESTION)
        manifest = manifests[lookup.register]
        found: Called | Kept[KeptAnswer] | None = ready.kept
        if ready.wait_s is not None:
            left_s = WITHIN_S - FOR_US_S - (perf_counter() - begun)
            found = await counter.ask(lookup, fingerprint, call_id, wait_s=ready.wait_s, within_s=max(0.0, left_s))
        shown = None
        async with database.work() as work:
            for one in (found, ready.stale):
                if one and not shown:
                    shown = await deliver(lookup, one, work, manifest=manifest, sealer=sealer)
        return FoundOut(**asdict(shown or ready.otherwise))

    @router.get("/weather")
    async def weather(_: Caller = only(Role.CLERK, Role.OPERATOR)) -> list[WeatherOut]:
        """Register weather: what a crew looks at before it promises something."""
        async with database.work() as work:
            found = await show_weather(work, manifests=manifests)
        return [WeatherOut(register_name=name, **asdict(one)) for name, one in found.items()]

    @router.get("/requests/{request_id}")
    async def request(request_id: UUID, _: Caller = only(Role.OPERATOR)) -> RequestOut:
        async with database.work() as work:
            found = await show_request(RequestId(request_id), work)
        if isinstance(found, Refusal):
            raise Refused(found)
        return RequestOut(
            request_id=found.id,
            case_id=found.case_id,
            register_name=found.register,
            operation=found.operation,
            purpose=found.purpose,
            state=found.state,
            verdict=found.verdict,
            asked_at=found.asked_at,
            answered_at=found.answered_at,
            code=found.code,
        )

    app.include_router(router)

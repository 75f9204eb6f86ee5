"""HTTP in: stands."""

from uuid import UUID

from fastapi import APIRouter, FastAPI
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from wanderamt.backbone.database import Database
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller
from wanderamt.shell.http import only
from wanderamt.shell.problems import Refused

from scheduling import handlers, store
from scheduling.domain.stand import Plan, Stand

MAX_STANDS = 500


class StandIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    stand_id: UUID = Field(description="made by the caller (UUIDv7), so that sending twice makes one stand")
    place: str = Field(min_length=1, max_length=200, examples=["Südbahnhofmarkt"])
    district: str = Field(min_length=1, max_length=100, examples=["Innere Stadt"])
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    crew: str = Field(min_length=1, max_length=100, examples=["Team A"])
    vehicle: str = Field(min_length=1, max_length=100, examples=["Bus 1"])
    kit: str = Field(min_length=1, max_length=100, examples=["Koffer 2"])
    services: tuple[str, ...] = Field(min_length=1, max_length=100)
    occasion: str | None = Field(None, min_length=1, max_length=100, examples=["Wochenmarkt"])
    target_group: str | None = Field(None, min_length=1, max_length=100, examples=["Studierende"])


class StandOut(StandIn):
    state: str
    version: int


class DemandOut(BaseModel):
    """Cases of one service at a stand, by how they ended."""

    service: str
    open: int = 0
    finished: int = 0
    needs_visit: int = 0


class Cancellation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=500, examples=["Sturmwarnung"])


def add_routes(app: FastAPI, database: Database) -> None:
    router = APIRouter(tags=["stands"])

    @router.post("/stands", status_code=201)
    async def schedule(stand: StandIn, _: Caller = only(Role.PLANNER)) -> StandOut:
        """Schedules a stand; refused when its pitch, crew, vehicle or kit is elsewhere at that time."""
        plan = Plan(**stand.model_dump(exclude={"stand_id"}))
        async with database.work() as work:
            return _out(await handlers.schedule_stand(StandId(stand.stand_id), plan, work))

    @router.get("/stands")
    async def stands(_: Caller = only(Role.CLERK, Role.PLANNER, Role.OPERATOR)) -> list[StandOut]:
        """The latest 500 stands. Empty: none is scheduled; POST one."""
        async with database.work() as work:
            return [_out(one) for one in await store.stands(work, limit=MAX_STANDS)]

    @router.get("/stands/{stand_id}")
    async def stand(stand_id: UUID, _: Caller = only(Role.CLERK, Role.PLANNER, Role.OPERATOR)) -> StandOut:
        async with database.work() as work:
            return _out(await handlers.show_stand(StandId(stand_id), work))

    @router.get("/stands/{stand_id}/demand")
    async def demand(stand_id: UUID, _: Caller = only(Role.PLANNER, Role.OPERATOR)) -> list[DemandOut]:
        """What was wanted at a stand and how it ended, the most wanted first. Empty: nobody came yet."""
        async with database.work() as work:
            found = await store.demand(work, StandId(stand_id))
        by_service: dict[str, dict[str, int]] = {}
        for service, outcome, cases in found:
            by_service.setdefault(service, {})[outcome] = cases
        return [DemandOut(service=service, **counts) for service, counts in by_service.items()]

    @router.post("/stands/{stand_id}/cancel")
    async def cancel(stand_id: UUID, why: Cancellation, _: Caller = only(Role.PLANNER)) -> StandOut:
        """Cancels a stand; its pitch, crew, vehicle and kit are free again."""
        async with database.work() as work:
            return _out(await handlers.cancel_stand(StandId(stand_id), work, reason=why.reason))

    app.include_router(router)


def _out(stand: Stand | Refusal) -> StandOut:
    """Raises Refused, which also rolls the transaction back."""
    if isinstance(stand, Refusal):
        raise Refused(stand)
    plan = stand.plan
    return StandOut(
        stand_id=stand.id,
        state=stand.state,
        version=stand.version,
        place=plan.place,
        district=plan.district,
        starts_at=plan.starts_at,
        ends_at=plan.ends_at,
        crew=plan.crew,
        vehicle=plan.vehicle,
        kit=plan.kit,
        services=plan.services,
        occasion=plan.occasion,
        target_group=plan.target_group,
    )

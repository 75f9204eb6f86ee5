"""Stands and what they are made of: for planners and crews."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from wanderamt.backbone.database import Database
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller
from wanderamt.shell.http import only
from wanderamt.shell.problems import Problem, Refused, problem_of

from scheduling.api.outcome import told
from scheduling.api.shapes import PlanIn, StandIn, StandOut, stand_out
from scheduling.domain.resources import SHAPES, Crew, Kind, Kit, Pitch, Vehicle
from scheduling.domain.stand import StandState
from scheduling.handlers import stands as handlers
from scheduling.handlers.ground import Ground
from scheduling.store import demand as demand_store
from scheduling.store import stands as stand_store

MAX_STANDS = 500
ALL = (Role.CLERK, Role.PLANNER, Role.OPERATOR)


class DemandOut(BaseModel):
    """Cases of one service at a stand, by how they ended."""

    service: str
    open: int = 0
    finished: int = 0
    needs_visit: int = 0
    withdrawn: int = 0


class Cancellation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=500, examples=["Sturmwarnung"])


class MoveIn(PlanIn):
    reason: str = Field(min_length=1, max_length=500, examples=["Baustelle am Platz"])


class SeriesIn(PlanIn):
    """The first stand, a rule of RFC 5545 that ends, ids for the stands it may make. Holidays: Upper Austria's."""

    rule: str = Field(max_length=300, examples=["FREQ=WEEKLY;BYDAY=TU,FR;COUNT=8"])
    stand_ids: tuple[UUID, ...] = Field(min_length=1, max_length=200)
    state: Annotated[str, Field(pattern="^(draft|planned|confirmed)$")] = "planned"
    on_holidays: bool = False


class SeriesOut(BaseModel):
    """One date: the stand, or why there is none. `holiday`: its name."""

    starts_at: datetime
    stand: StandOut | None = None
    problem: Problem | None = None
    holiday: str = ""


class ResourceOut(BaseModel):
    kind: Kind
    name: str
    facts: Pitch | Crew | Vehicle | Kit


def stand_routes(database: Database, ground: Ground) -> APIRouter:
    router = APIRouter(tags=["stands"])
    _add_steps(router, database, ground)
    _add_resources(router, database)

    @router.post("/stands", status_code=201)
    async def schedule(stand: StandIn, _: Caller = only(Role.PLANNER)) -> StandOut:
        """Schedules a stand; refused when pitch, crew, vehicle or kit is elsewhere at that time or cannot do it."""
        async with database.work() as work:
            state = StandState(stand.state)
            made = await handlers.schedule_stand(
                StandId(stand.stand_id), stand.plan(), work, ground=ground, state=state
            )
            return stand_out(told(made))

    @router.post("/stands/series", status_code=201)
    async def series(order: SeriesIn, _: Caller = only(Role.PLANNER)) -> list[SeriesOut]:
        """Repeating stands: one answer a date. Dates that are refused leave the others be."""
        async with database.work() as work:
            made = await handlers.schedule_series(
                order.plan(),
                order.rule,
                order.stand_ids,
                work,
                ground=ground,
                state=StandState(order.state),
                on_holidays=order.on_holidays,
            )
            return [_repeated(one) for one in told(made)]

    @router.get("/stands")
    async def stands(_: Caller = only(*ALL)) -> list[StandOut]:
        """The latest 500 stands. Empty: none is scheduled; POST one."""
        async with database.work() as work:
            return [stand_out(one) for one in await stand_store.stands(work, limit=MAX_STANDS)]

    @router.get("/stands/{stand_id}")
    async def stand(stand_id: UUID, _: Caller = only(*ALL)) -> StandOut:
        async with database.work() as work:
            return stand_out(told(await handlers.show_stand(StandId(stand_id), work)))

    @router.get("/stands/{stand_id}/demand")
    async def demand(stand_id: UUID, _: Caller = only(Role.PLANNER, Role.OPERATOR)) -> list[DemandOut]:
        """What was wanted at a stand and how it ended, the most wanted first. Empty: nobody came yet."""
        async with database.work() as work:
            found = await demand_store.demand(work, StandId(stand_id))
        by_service: dict[str, dict[str, int]] = {}
        for service, outcome, cases in found:
            by_service.setdefault(service, {})[outcome] = cases
        return [DemandOut(service=service, **counts) for service, counts in by_service.items()]

    @router.post("/stands/{stand_id}/move")
    async def move(stand_id: UUID, order: MoveIn, _: Caller = only(Role.PLANNER)) -> StandOut:
        """Another place, time, crew, vehicle or kit. Appointments move along where they fit, and are told."""
        async with database.work() as work:
            moved = await handlers.move_stand(StandId(stand_id), order.plan(), work, reason=order.reason, ground=ground)
            return stand_out(told(moved))

    @router.post("/stands/{stand_id}/cancel")
    async def cancel(stand_id: UUID, why: Cancellation, _: Caller = only(Role.PLANNER)) -> StandOut:
        """Cancels a stand; its pitch, crew, vehicle and kit are free again, its appointments look for another stand."""
        async with database.work() as work:
            return stand_out(told(await handlers.cancel_stand(StandId(stand_id), work, reason=why.reason)))

    return router


def _add_steps(router: APIRouter, database: Database, ground: Ground) -> None:
    @router.post("/stands/{stand_id}/plan")
    async def plan(stand_id: UUID, _: Caller = only(Role.PLANNER)) -> StandOut:
        """A draft takes its pitch, crew, vehicle and kit."""
        return await step(stand_id, StandState.PLANNED)

    @router.post("/stands/{stand_id}/confirm")
    async def confirm(stand_id: UUID, _: Caller = only(Role.PLANNER)) -> StandOut:
        """A planned stand becomes public: it can be booked from now on."""
        return await step(stand_id, StandState.CONFIRMED)

    @router.post("/stands/{stand_id}/open")
    async def open_(stand_id: UUID, _: Caller = only(Role.CLERK, Role.PLANNER)) -> StandOut:
        """The crew is there and takes people."""
        return await step(stand_id, StandState.RUNNING)

    @router.post("/stands/{stand_id}/close")
    async def close(stand_id: UUID, _: Caller = only(Role.CLERK, Role.PLANNER)) -> StandOut:
        """The crew leaves. Who has not come is missed."""
        return await step(stand_id, StandState.CLOSED)

    async def step(stand_id: UUID, to: StandState) -> StandOut:
        async with database.work() as work:
            return stand_out(told(await handlers.advance_stand(StandId(stand_id), to, work, ground=ground)))


def _add_resources(router: APIRouter, database: Database) -> None:
    @router.get("/resources")
    async def resources(_: Caller = only(*ALL)) -> list[ResourceOut]:
        """Places, crews, vehicles and kits, with what is known of them."""
        async with database.work() as work:
            found = await stand_store.resources(work)
        return [ResourceOut(kind=kind, name=name, facts=facts) for kind, name, facts in found]

    @router.put("/resources/{kind}/{name}")
    async def put(
        kind: Kind,
        name: Annotated[str, Path(min_length=1, max_length=200)],
        facts: Pitch | Crew | Vehicle | Kit,
        _: Caller = only(Role.PLANNER),
    ) -> ResourceOut:
        """Describes a place, a crew, a vehicle or a kit: what it can do and when."""
        try:
            shaped = SHAPES[kind].model_validate(facts.model_dump(exclude_unset=True))
        except ValidationError as error:
            fields = ", ".join(".".join(map(str, one["loc"])) for one in error.errors())
            hint = f"These are no facts of a {kind}: {fields}. Leave them out or correct them."
            raise Refused(Refusal("resource.facts", hint)) from error
        async with database.work() as work:
            await stand_store.put_resource(work, kind, name, shaped)
        return ResourceOut(kind=kind, name=name, facts=shaped)


def _repeated(one: handlers.Repeated) -> SeriesOut:
    if isinstance(one.outcome, Refusal):
        return SeriesOut(starts_at=one.starts_at, problem=problem_of(one.outcome), holiday=one.holiday)
    return SeriesOut(starts_at=one.starts_at, stand=stand_out(one.outcome), holiday=one.holiday)

"""Stands and their resources: for planners and crews."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.line_text import LineText
from wanderamt.kernel.refusal import Refusal
from wanderamt.shell.http import Transaction
from wanderamt.shell.problems import Problem, RefusalError, or_refuse, problem_for

from scheduling.api.dependencies import (
    Context,
    DemandReader,
    ResourceKeeper,
    ResourceReader,
    StandCrew,
    StandPlanner,
    StandReader,
)
from scheduling.api.schemas import ScheduledStandOut, ScheduleStandIn, StandDetailsIn, stand_out
from scheduling.domain.resources import FACTS_BY_KIND, Crew, Kit, Pitch, ResourceFacts, ResourceKind, Vehicle
from scheduling.domain.stand import StandState
from scheduling.handlers import stands as handlers
from scheduling.handlers.context import SchedulingContext
from scheduling.store import demand as demand_store
from scheduling.store import stands as stand_store

MAX_STANDS = 500

router = APIRouter(tags=["stands"])


class StandDemandOut(BaseModel):
    """Cases of one service at a stand, by their outcome."""

    service: str
    open: int = 0
    completed: int = 0
    needs_visit: int = 0
    withdrawn: int = 0


class CancelStandIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: LineText = Field(min_length=1, max_length=500, examples=["Sturmwarnung"])


class MoveStandIn(StandDetailsIn):
    reason: LineText = Field(min_length=1, max_length=500, examples=["Baustelle am Platz"])


class StandSeriesIn(StandDetailsIn):
    """The first stand, a rule of RFC 5545 with an end, and ids for the stands. Public holidays: of the authority."""

    rule: LineText = Field(max_length=300, examples=["FREQ=WEEKLY;BYDAY=TU,FR;COUNT=8"])
    stand_ids: tuple[UUID, ...] = Field(min_length=1, max_length=200)
    state: Literal["draft", "planned", "confirmed"] = "planned"
    on_holidays: bool = False


class SeriesStandOut(BaseModel):
    """One date: the stand, or the problem. `holiday`: name of the public holiday."""

    starts_at: datetime
    stand: ScheduledStandOut | None = None
    problem: Problem | None = None
    holiday: str = ""


class ResourceOut(BaseModel):
    kind: ResourceKind
    name: str
    facts: Pitch | Crew | Vehicle | Kit


@router.post("/stands/{stand_id}/plan")
async def plan_stand(stand_id: UUID, _: StandPlanner, context: Context, uow: Transaction) -> ScheduledStandOut:
    """A draft reserves its pitch, crew, vehicle and kit."""
    return await _advance(stand_id, StandState.PLANNED, uow, context)


@router.post("/stands/{stand_id}/confirm")
async def confirm_stand(stand_id: UUID, _: StandPlanner, context: Context, uow: Transaction) -> ScheduledStandOut:
    """A planned stand becomes public: citizens can book from now on."""
    return await _advance(stand_id, StandState.CONFIRMED, uow, context)


@router.post("/stands/{stand_id}/open")
async def open_stand(stand_id: UUID, _: StandCrew, context: Context, uow: Transaction) -> ScheduledStandOut:
    """The crew has arrived and serves citizens."""
    return await _advance(stand_id, StandState.RUNNING, uow, context)


@router.post("/stands/{stand_id}/close")
async def close_stand(stand_id: UUID, _: StandCrew, context: Context, uow: Transaction) -> ScheduledStandOut:
    """The crew leaves. Booked appointments of citizens who have not come become no-shows."""
    return await _advance(stand_id, StandState.CLOSED, uow, context)


@router.get("/resources")
async def list_resources(_: ResourceReader, uow: Transaction) -> list[ResourceOut]:
    """Places, crews, vehicles and kits with their facts."""
    rows = await stand_store.resources(uow)
    return [ResourceOut(kind=kind, name=name, facts=facts) for kind, name, facts in rows]


async def _facts_of_kind(kind: ResourceKind, facts: Pitch | Crew | Vehicle | Kit) -> ResourceFacts:
    """The body as facts of the kind in the path; refused before a transaction begins."""
    try:
        return FACTS_BY_KIND[kind].model_validate(facts.model_dump(exclude_unset=True))
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, detail["loc"])) for detail in error.errors())
        hint = f"A {kind} has no such facts: {fields}. Leave them out or correct them."
        raise RefusalError(Refusal("resource.facts", hint)) from error


@router.put("/resources/{kind}/{name}")
async def put_resource(
    kind: ResourceKind,
    name: Annotated[LineText, Path(min_length=1, max_length=200)],
    _: ResourceKeeper,
    facts: Annotated[ResourceFacts, Depends(_facts_of_kind)],
    uow: Transaction,
) -> ResourceOut:
    """Describes a place, a crew, a vehicle or a kit: abilities and times."""
    await stand_store.put_resource(uow, kind, name, facts)
    return ResourceOut(kind=kind, name=name, facts=facts)


@router.post("/stands", status_code=201)
async def schedule_stand(
    body: ScheduleStandIn, _: StandPlanner, context: Context, uow: Transaction
) -> ScheduledStandOut:
    """Schedules a stand. Refused if pitch, crew, vehicle or kit is at another stand then, or does not fit."""
    state = StandState(body.state)
    outcome = await handlers.schedule_stand(StandId(body.stand_id), body.details(), uow, context=context, state=state)
    return stand_out(or_refuse(outcome))


@router.post("/stands/series", status_code=201)
async def schedule_series(
    body: StandSeriesIn, _: StandPlanner, context: Context, uow: Transaction
) -> list[SeriesStandOut]:
    """Repeating stands: one answer per date. A refused date does not affect the others."""
    outcome = await handlers.schedule_series(
        body.details(),
        body.rule,
        body.stand_ids,
        uow,
        context=context,
        state=StandState(body.state),
        on_holidays=body.on_holidays,
    )
    return [_series_stand(series_stand) for series_stand in or_refuse(outcome)]


@router.get("/stands")
async def list_stands(_: StandReader, uow: Transaction) -> list[ScheduledStandOut]:
    """The latest 500 stands. Empty: no stand is scheduled."""
    return [stand_out(stand) for stand in await stand_store.stands(uow, limit=MAX_STANDS)]


@router.get("/stands/{stand_id}")
async def get_stand(stand_id: UUID, _: StandReader, uow: Transaction) -> ScheduledStandOut:
    return stand_out(or_refuse(await handlers.get_stand(StandId(stand_id), uow)))


@router.get("/stands/{stand_id}/demand")
async def get_stand_demand(stand_id: UUID, _: DemandReader, uow: Transaction) -> list[StandDemandOut]:
    """The cases at a stand by service and outcome, the service with most cases first. Empty: no cases yet."""
    by_service: dict[str, dict[str, int]] = {}
    for service, outcome, cases in await demand_store.demand(uow, StandId(stand_id)):
        by_service.setdefault(service, {})[outcome] = cases
    return [StandDemandOut(service=service, **counts) for service, counts in by_service.items()]


@router.post("/stands/{stand_id}/move")
async def move_stand(
    stand_id: UUID, body: MoveStandIn, _: StandPlanner, context: Context, uow: Transaction
) -> ScheduledStandOut:
    """To another place, time, crew, vehicle or kit. Appointments move along if they fit; citizens are notified."""
    outcome = await handlers.move_stand(StandId(stand_id), body.details(), uow, reason=body.reason, context=context)
    return stand_out(or_refuse(outcome))


@router.post("/stands/{stand_id}/cancel")
async def cancel_stand(stand_id: UUID, body: CancelStandIn, _: StandPlanner, uow: Transaction) -> ScheduledStandOut:
    """Releases pitch, crew, vehicle and kit; the citizens can rebook their appointments at other stands."""
    return stand_out(or_refuse(await handlers.cancel_stand(StandId(stand_id), uow, reason=body.reason)))


async def _advance(stand_id: UUID, to: StandState, uow: UnitOfWork, context: SchedulingContext) -> ScheduledStandOut:
    return stand_out(or_refuse(await handlers.advance_stand(StandId(stand_id), to, uow, context=context)))


def _series_stand(series_stand: handlers.SeriesStand) -> SeriesStandOut:
    starts_at, outcome, holiday = series_stand.starts_at, series_stand.outcome, series_stand.holiday
    if isinstance(outcome, Refusal):
        return SeriesStandOut(starts_at=starts_at, problem=problem_for(outcome), holiday=holiday)
    return SeriesStandOut(starts_at=starts_at, stand=stand_out(outcome), holiday=holiday)

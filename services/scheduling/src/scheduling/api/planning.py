"""Forecasts and plans: for planners."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import Language
from wanderamt.kernel.bounded import BoundedDay
from wanderamt.kernel.line_text import AS_STORED, LineText
from wanderamt.kernel.refusal import Refusal
from wanderamt.shell.http import Transaction
from wanderamt.shell.problems import Problem, or_refuse, problem_for
from wanderamt.shell.web_forms import NOT_INDEXED, STRICT_CSP

from scheduling.api.dependencies import Context, DemandReader, PlanMaker, PlanReader, WishRecorder
from scheduling.api.schemas import ScheduledStandOut, StandDetailsIn, details_fields, stand_out
from scheduling.domain.comparison import compare
from scheduling.domain.demand.forecast import ForecastError
from scheduling.domain.plan_job import PlanRequest
from scheduling.domain.plan_proposal import Explanation, UnservedDemand
from scheduling.domain.stand import StandDetails
from scheduling.handlers import planning
from scheduling.handlers.context import SchedulingContext
from scheduling.pages.map import MapPlace, draw_map
from scheduling.pages.render import render_page
from scheduling.store import demand as demand_store
from scheduling.store import plans as plan_store
from scheduling.store.plans import StoredPlan

MAX_PLANS = 100
HTML_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "A page", "content": {"text/html": {"schema": {"type": "string"}}}}
}

router = APIRouter(tags=["planning"])


class ForecastFactorOut(BaseModel):
    """`evidence`: visits the multiplier was fitted to; 0: it is a prior."""

    name: str
    multiplier: float
    evidence: float


class ForecastRowOut(BaseModel):
    place: str
    day: date
    block: str
    service: str
    visits: float
    factors: list[ForecastFactorOut]


class ForecastErrorOut(BaseModel):
    """`wape`: sum of absolute errors over the sum of visits, on held-out stands; `naive_wape`: of the average."""

    wape: float | None
    naive_wape: float | None
    stands: int


class ForecastOut(BaseModel):
    rows: list[ForecastRowOut]
    error: ForecastErrorOut
    trained_on_stands: int


class WishIn(BaseModel):
    """Unmet demand. `due`: obligations that fall due on `day`, such as expiring permits."""

    model_config = ConfigDict(extra="forbid")

    day: BoundedDay
    district: LineText = Field(min_length=1, max_length=100, examples=["Ebelsberg"])
    service: LineText = Field(min_length=1, max_length=100, examples=["resident_parking"])
    source: Literal["asked", "due"] = "asked"
    times: float = Field(1, gt=0, le=100_000)


class PlanRequestIn(PlanRequest):
    plan_id: UUID = Field(description="made by the caller (UUIDv7), so that a repeated request makes one plan")


class ExplanationOut(BaseModel):
    """`served`: weighted demand that no other stand serves; `shared`: demand near another stand too, counted once;
    `runner_up`: the next best place at that time, and the demand it would serve."""

    served: dict[str, float]
    shared: float
    runner_up: str | None
    runner_up_served: float


class ProposedStandOut(StandDetailsIn):
    explanation: ExplanationOut


class UnassignedVisitOut(BaseModel):
    """A visit without crew, vehicle or kit, and the reason."""

    place: str
    day: date
    reason: str


class UnservedDemandOut(BaseModel):
    """The weighted demand of a district, and the share of it that no stand serves."""

    district: str
    demand: float
    share: float


class PlanSummaryOut(BaseModel):
    """`bound`: proven; no plan of these days has a higher objective. `gap`: how far below it this one is, at most."""

    plan_id: UUID
    state: str
    progress: float
    objective: float
    bound: float | None
    gap: float | None
    reason: str | None
    requested_at: datetime
    ended_at: datetime | None


class PlanOut(PlanSummaryOut):
    request: PlanRequest
    greedy_objective: float | None = None
    stands: list[ProposedStandOut] = []
    unassigned: list[UnassignedVisitOut] = []
    unserved: list[UnservedDemandOut] = []


class AcceptPlanIn(BaseModel):
    """Ids for the stands to be made, in the order of the proposal."""

    model_config = ConfigDict(extra="forbid")

    stand_ids: tuple[UUID, ...] = Field(min_length=1, max_length=500)


class AcceptedStandOut(BaseModel):
    stand: ScheduledStandOut | None = None
    problem: Problem | None = None


class DistrictComparisonOut(BaseModel):
    district: str
    first: float
    second: float


class PlanComparisonOut(BaseModel):
    """`only_first`, `only_second`, `in_both`: stands by place and day. `districts`: weighted demand served by each."""

    first: PlanSummaryOut
    second: PlanSummaryOut
    only_first: list[str]
    only_second: list[str]
    in_both: list[str]
    districts: list[DistrictComparisonOut]


@router.get("/demand/forecast")
async def forecast_demand(
    place: Annotated[LineText, Query(min_length=1, max_length=200)],
    first_day: BoundedDay,
    _: DemandReader,
    context: Context,
    uow: Transaction,
    days: Annotated[int, Query(ge=1, le=31)] = 7,
) -> ForecastOut:
    """Expected visits at a place per day, block and service, with their factors and the forecast error."""
    outcome = await planning.forecast(place, first_day, days, uow, context=context)
    rows, trained, error = or_refuse(outcome)
    return ForecastOut(
        rows=[_forecast_row(row) for row in rows],
        error=_forecast_error(error),
        trained_on_stands=trained.stands,
    )


@router.post("/demand/wishes", status_code=204)
async def add_wish(body: WishIn, _: WishRecorder, uow: Transaction) -> None:
    """Unmet demand: citizens asked for it at a stand, or obligations fall due."""
    await demand_store.add_wish(uow, **body.model_dump())


@router.get("/plans/{first_id}/compare/{second_id}.html", response_class=Response, responses=HTML_RESPONSES)
async def compare_plans_page(
    first_id: UUID,
    second_id: UUID,
    _: PlanReader,
    context: Context,
    uow: Transaction,
    lang: Language = Language.DE,
) -> Response:
    """The comparison of two plans as a page with a map and tables."""
    first, first_stands, second, second_stands = await _two_plans(first_id, second_id, uow, context)
    comparison = compare(first_stands, _explanations(first), second_stands, _explanations(second))
    places = [
        MapPlace(details.latitude, details.longitude, label, f"{details.place}, {details.starts_at:%d.%m.}", "")
        for label, stands in (("1", comparison.only_first), ("2", comparison.only_second), ("=", comparison.in_both))
        for details in stands
        if details.latitude is not None and details.longitude is not None
    ]
    other = Language.EN if lang is Language.DE else Language.DE
    html = render_page(
        "compare",
        lang,
        context.authority,
        switch=f"/plans/{first_id}/compare/{second_id}.html?lang={other}",
        first=_summary(first),
        second=_summary(second),
        comparison=comparison,
        map=draw_map(places),
    )
    headers = NOT_INDEXED | {"Content-Security-Policy": STRICT_CSP}
    return Response(html, media_type="text/html; charset=utf-8", headers=headers)


@router.get("/plans/{first_id}/compare/{second_id}")
async def compare_plans(
    first_id: UUID, second_id: UUID, _: PlanReader, context: Context, uow: Transaction
) -> PlanComparisonOut:
    """Compares two plans."""
    first, first_stands, second, second_stands = await _two_plans(first_id, second_id, uow, context)
    comparison = compare(first_stands, _explanations(first), second_stands, _explanations(second))
    return PlanComparisonOut(
        first=_summary(first),
        second=_summary(second),
        only_first=[_label(details) for details in comparison.only_first],
        only_second=[_label(details) for details in comparison.only_second],
        in_both=[_label(details) for details in comparison.in_both],
        districts=[
            DistrictComparisonOut(district=row.district, first=row.first, second=row.second)
            for row in comparison.districts
        ],
    )


@router.post("/plans", status_code=202)
async def request_plan(body: PlanRequestIn, _: PlanMaker, context: Context, uow: Transaction) -> PlanSummaryOut:
    """Requests a plan. A separate process makes one plan at a time; GET the plan for its progress."""
    request = PlanRequest(**body.model_dump(exclude={"plan_id"}))
    return _summary(or_refuse(await planning.request_plan(body.plan_id, request, uow, context=context)))


@router.get("/plans")
async def list_plans(_: PlanReader, uow: Transaction) -> list[PlanSummaryOut]:
    """The latest 100 plans. Empty: no plan was requested."""
    rows = await plan_store.plan_summaries(uow, limit=MAX_PLANS)
    return [PlanSummaryOut(**row, gap=_gap(row["objective"], row["bound"])) for row in rows]


@router.get("/plans/{plan_id}")
async def get_plan(plan_id: UUID, _: PlanReader, context: Context, uow: Transaction) -> PlanOut:
    """The proposal with its explanations, or the progress."""
    plan = or_refuse(await planning.get_plan(plan_id, uow))
    return _plan_out(plan, await planning.proposal(plan, uow, context=context))


@router.post("/plans/{plan_id}/cancel")
async def cancel_plan(plan_id: UUID, _: PlanMaker, uow: Transaction) -> PlanSummaryOut:
    """Ends the search; its process is killed within a second."""
    return _summary(or_refuse(await planning.cancel_plan(plan_id, uow)))


@router.post("/plans/{plan_id}/accept")
async def accept_plan(
    plan_id: UUID, body: AcceptPlanIn, _: PlanMaker, context: Context, uow: Transaction
) -> list[AcceptedStandOut]:
    """Makes planned stands of the proposal. Each stand that is no longer possible is refused on its own."""
    outcomes = or_refuse(await planning.accept_plan(plan_id, body.stand_ids, uow, context=context))
    return [
        AcceptedStandOut(problem=problem_for(outcome))
        if isinstance(outcome, Refusal)
        else AcceptedStandOut(stand=stand_out(outcome))
        for _, outcome in outcomes
    ]


async def _two_plans(
    first_id: UUID, second_id: UUID, uow: UnitOfWork, context: SchedulingContext
) -> tuple[StoredPlan, list[StandDetails], StoredPlan, list[StandDetails]]:
    first = or_refuse(await planning.get_plan(first_id, uow))
    second = or_refuse(await planning.get_plan(second_id, uow))
    first_stands = await planning.proposal(first, uow, context=context)
    return first, first_stands, second, await planning.proposal(second, uow, context=context)


def _forecast_row(row: planning.ForecastRow) -> ForecastRowOut:
    return ForecastRowOut(
        place=row.place,
        day=row.day,
        block=row.block.name.lower(),
        service=row.service,
        visits=round(row.expected.visits, 2),
        factors=[
            ForecastFactorOut(name=factor.name, multiplier=round(factor.multiplier, 3), evidence=factor.evidence)
            for factor in row.expected.factors
        ],
    )


def _forecast_error(error: ForecastError) -> ForecastErrorOut:
    return ForecastErrorOut(wape=error.wape, naive_wape=error.naive_wape, stands=error.stands)


def _label(details: StandDetails) -> str:
    return f"{details.place}, {details.starts_at:%Y-%m-%d %H:%M}"


def _explanations(plan: StoredPlan) -> list[Explanation]:
    return list(plan.result.explanations) if plan.result else []


def _gap(objective: float, bound: float | None) -> float | None:
    return round(1 - objective / bound, 5) if bound else None


def _summary(plan: StoredPlan) -> PlanSummaryOut:
    return PlanSummaryOut(
        plan_id=plan.id,
        state=plan.state,
        progress=plan.progress,
        objective=plan.objective,
        bound=plan.bound,
        gap=_gap(plan.objective, plan.bound),
        reason=plan.reason,
        requested_at=plan.requested_at,
        ended_at=plan.ended_at,
    )


def _plan_out(plan: StoredPlan, stands: list[StandDetails]) -> PlanOut:
    result, solver_input = plan.result, plan.solver_input
    return PlanOut(
        **_summary(plan).model_dump(),
        request=plan.request,
        greedy_objective=result.greedy_objective if result else None,
        stands=[
            ProposedStandOut.model_validate(
                details_fields(details) | {"explanation": _explanation_out(explanation)}, context=AS_STORED
            )
            for details, explanation in zip(stands, _explanations(plan), strict=False)
        ],
        unassigned=[
            UnassignedVisitOut(
                place=solver_input.problem.sites[visit.site].id,
                day=solver_input.roster.day(visit.day),
                reason=unassigned.reason,
            )
            for unassigned in (result.unassigned if result else ())
            for visit in unassigned.crew_day.visits
        ],
        unserved=[_unserved_out(unserved) for unserved in (result.unserved if result else ())],
    )


def _explanation_out(explanation: Explanation) -> ExplanationOut:
    return ExplanationOut(
        served={name: round(value, 2) for name, value in explanation.served.items()},
        shared=round(explanation.shared, 2),
        runner_up=explanation.runner_up,
        runner_up_served=round(explanation.runner_up_served, 2),
    )


def _unserved_out(unserved: UnservedDemand) -> UnservedDemandOut:
    return UnservedDemandOut(
        district=unserved.district, demand=round(unserved.demand, 1), share=round(unserved.share, 4)
    )

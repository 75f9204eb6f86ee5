"""Forecasts and plans: for planners."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from wanderamt.backbone.database import Database
from wanderamt.contracts import Language
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller
from wanderamt.shell.forms import NO_STORE, NOTHING_FETCHED
from wanderamt.shell.http import only
from wanderamt.shell.problems import Problem, problem_of

from scheduling.api.outcome import told
from scheduling.api.shapes import PlanIn, StandOut, plan_fields, stand_out
from scheduling.domain.comparison import compare
from scheduling.domain.demand.forecast import Error
from scheduling.domain.planmaking import Wanted
from scheduling.domain.proposal import LeftOut, Why
from scheduling.domain.stand import Plan
from scheduling.handlers import planning
from scheduling.handlers.ground import Ground
from scheduling.pages.chart import Place, chart
from scheduling.pages.render import page
from scheduling.store import demand as demand_store
from scheduling.store import plans as plan_store
from scheduling.store.plans import KeptPlan

SHOWN = 100
SEE = (Role.PLANNER, Role.OPERATOR)
HTML = {200: {"description": "A page", "content": {"text/html": {"schema": {"type": "string"}}}}}


class FactorOut(BaseModel):
    """`by`: what it multiplies with; `seen`: visits it was learnt from, 0: nothing yet, a prior."""

    name: str
    by: float
    seen: float


class ForecastRow(BaseModel):
    place: str
    day: date
    block: str
    service: str
    visits: float
    why: list[FactorOut]


class ErrorOut(BaseModel):
    """Off by this share of what came, on stands the model had not seen; `naive`: guessing the average instead."""

    share: float | None
    naive: float | None
    stands: int


class ForecastOut(BaseModel):
    rows: list[ForecastRow]
    error: ErrorOut
    learnt_from_stands: int


class WishIn(BaseModel):
    """Demand that nobody served. `due`: obligations that fall due, such as expiring permits, with their day."""

    model_config = ConfigDict(extra="forbid")

    day: date
    district: str = Field(min_length=1, max_length=100, examples=["Ebelsberg"])
    service: str = Field(min_length=1, max_length=100, examples=["resident_parking"])
    source: Annotated[str, Field(pattern="^(asked|due)$")] = "asked"
    times: float = Field(1, gt=0, le=100_000)


class PlanAsk(Wanted):
    plan_id: UUID = Field(description="made by the caller (UUIDv7), so that asking twice plans once")


class WhyOut(BaseModel):
    """`served`: weighted wishes that this stand serves and no other; `shared`: also near another stand, counted once;
    `instead`: the next best place at that time, with what it would serve."""

    served: dict[str, float]
    shared: float
    instead: str | None
    instead_served: float


class ProposedOut(PlanIn):
    why: WhyOut


class UnnamedOut(BaseModel):
    """A visit for which there is nobody, and why."""

    place: str
    day: date
    why: str


class LeftOutOut(BaseModel):
    """A district, what is wanted there (weighted), and the share that no stand serves."""

    district: str
    wanted: float
    share: float


class PlanHead(BaseModel):
    """`bound`: proven; no plan of these days is worth more. `gap`: how far below it this one is, at most."""

    plan_id: UUID
    state: str
    share: float
    worth: float
    bound: float | None
    gap: float | None
    reason: str | None
    asked_at: datetime
    ended_at: datetime | None


class PlanOut(PlanHead):
    wanted: Wanted
    greedy: float | None = None
    stands: list[ProposedOut] = []
    unnamed: list[UnnamedOut] = []
    left_out: list[LeftOutOut] = []


class AcceptIn(BaseModel):
    """Ids for the stands that are made, in the order of the proposal."""

    model_config = ConfigDict(extra="forbid")

    stand_ids: tuple[UUID, ...] = Field(min_length=1, max_length=500)


class AcceptedOut(BaseModel):
    stand: StandOut | None = None
    problem: Problem | None = None


class ServedOut(BaseModel):
    district: str
    one: float
    other: float


class DifferenceOut(BaseModel):
    """`only_one`, `only_other`, `both`: stands by place and day. Per district: weighted wishes served by each."""

    one: PlanHead
    other: PlanHead
    only_one: list[str]
    only_other: list[str]
    both: list[str]
    districts: list[ServedOut]


def planning_routes(database: Database, ground: Ground) -> APIRouter:
    router = APIRouter(tags=["planning"])
    _add_demand(router, database, ground)
    _add_comparison(router, database, ground)

    @router.post("/plans", status_code=202)
    async def ask(order: PlanAsk, _: Caller = only(Role.PLANNER)) -> PlanHead:
        """Orders a plan; it is made by a process of its own, one at a time. GET it to see how far it is."""
        wanted = Wanted(**order.model_dump(exclude={"plan_id"}))
        async with database.work() as work:
            return _head(told(await planning.ask_plan(order.plan_id, wanted, work, ground=ground)))

    @router.get("/plans")
    async def all_(_: Caller = only(*SEE)) -> list[PlanHead]:
        """The latest 100 plans. Empty: none was asked for; POST one."""
        async with database.work() as work:
            rows = await plan_store.plan_rows(work, limit=SHOWN)
        return [PlanHead(**dict(row), gap=_gap(row["worth"], row["bound"])) for row in rows]

    @router.get("/plans/{plan_id}")
    async def show(plan_id: UUID, _: Caller = only(*SEE)) -> PlanOut:
        """The proposal with its reasons, or how far it is."""
        async with database.work() as work:
            plan = told(await planning.show_plan(plan_id, work))
            return _out(plan, await planning.proposed(plan, work, ground=ground))

    @router.post("/plans/{plan_id}/cancel")
    async def cancel(plan_id: UUID, _: Caller = only(Role.PLANNER)) -> PlanHead:
        """Ends the search; its process is killed within a second."""
        async with database.work() as work:
            return _head(told(await planning.cancel_plan(plan_id, work)))

    @router.post("/plans/{plan_id}/accept")
    async def accept(plan_id: UUID, order: AcceptIn, _: Caller = only(Role.PLANNER)) -> list[AcceptedOut]:
        """Makes planned stands of the proposal. What is no longer possible is refused, one by one."""
        async with database.work() as work:
            made = told(await planning.accept_plan(plan_id, order.stand_ids, work, ground=ground))
        return [
            AcceptedOut(problem=problem_of(one)) if isinstance(one, Refusal) else AcceptedOut(stand=stand_out(one))
            for _, one in made
        ]

    return router


def _add_demand(router: APIRouter, database: Database, ground: Ground) -> None:
    @router.get("/demand/forecast")
    async def forecast(
        place: Annotated[str, Query(min_length=1, max_length=200)],
        first_day: date,
        days: Annotated[int, Query(ge=1, le=31)] = 7,
        _: Caller = only(*SEE),
    ) -> ForecastOut:
        """What is to be expected at a place per day, block and service, each with its factors, and how wrong it is."""
        async with database.work() as work:
            rows, learnt, wrong = told(await planning.forecast(place, first_day, days, work, ground=ground))
        return ForecastOut(
            rows=[
                ForecastRow(
                    place=one.place,
                    day=one.day,
                    block=one.block.name.lower(),
                    service=one.service,
                    visits=round(one.expected.visits, 2),
                    why=[FactorOut(name=f.name, by=round(f.by, 3), seen=f.seen) for f in one.expected.why],
                )
                for one in rows
            ],
            error=_error(wrong),
            learnt_from_stands=learnt.stands,
        )

    @router.post("/demand/wishes", status_code=204)
    async def wish(order: WishIn, _: Caller = only(Role.CLERK, Role.PLANNER)) -> None:
        """Demand that nobody served: asked for at a stand, or obligations that fall due."""
        async with database.work() as work:
            await demand_store.add_wish(work, **order.model_dump())


def _add_comparison(router: APIRouter, database: Database, ground: Ground) -> None:
    async def both(one_id: UUID, other_id: UUID) -> tuple[KeptPlan, list[Plan], KeptPlan, list[Plan]]:
        async with database.work() as work:
            one = told(await planning.show_plan(one_id, work))
            other = told(await planning.show_plan(other_id, work))
            mine = await planning.proposed(one, work, ground=ground)
            return one, mine, other, await planning.proposed(other, work, ground=ground)

    @router.get("/plans/{one_id}/compare/{other_id}.html", response_class=Response, responses=HTML)  # type: ignore[arg-type]
    async def picture(one_id: UUID, other_id: UUID, lang: Language = Language.DE, _: Caller = only(*SEE)) -> Response:
        """The same as a page: a map and tables."""
        one, mine, other, theirs = await both(one_id, other_id)
        found = compare(mine, _reasons(one), theirs, _reasons(other))
        dots = [
            Place(plan.latitude, plan.longitude, label, f"{plan.place}, {plan.starts_at:%d.%m.}", "")
            for label, those in (("1", found.only_one), ("2", found.only_other), ("=", found.both))
            for plan in those
            if plan.latitude is not None and plan.longitude is not None
        ]
        html = page(
            "compare",
            lang,
            ground.zone,
            switch=f"/plans/{one_id}/compare/{other_id}.html?lang={'en' if lang is Language.DE else 'de'}",
            one=_head(one),
            other=_head(other),
            found=found,
            chart=chart(dots),
        )
        headers = NO_STORE | {"Content-Security-Policy": NOTHING_FETCHED}
        return Response(html, media_type="text/html; charset=utf-8", headers=headers)

    @router.get("/plans/{one_id}/compare/{other_id}")
    async def difference(one_id: UUID, other_id: UUID, _: Caller = only(*SEE)) -> DifferenceOut:
        """What if: two plans side by side."""
        one, mine, other, theirs = await both(one_id, other_id)
        found = compare(mine, _reasons(one), theirs, _reasons(other))
        return DifferenceOut(
            one=_head(one),
            other=_head(other),
            only_one=[_name(plan) for plan in found.only_one],
            only_other=[_name(plan) for plan in found.only_other],
            both=[_name(plan) for plan in found.both],
            districts=[ServedOut(district=row.district, one=row.one, other=row.other) for row in found.districts],
        )


def _name(plan: Plan) -> str:
    return f"{plan.place}, {plan.starts_at:%Y-%m-%d %H:%M}"


def _reasons(plan: KeptPlan) -> list[Why]:
    return list(plan.made.why) if plan.made else []


def _error(error: Error) -> ErrorOut:
    return ErrorOut(share=error.share, naive=error.naive, stands=error.stands)


def _gap(worth: float, bound: float | None) -> float | None:
    return round(1 - worth / bound, 5) if bound else None


def _head(plan: KeptPlan) -> PlanHead:
    return PlanHead(
        plan_id=plan.id,
        state=plan.state,
        share=plan.share,
        worth=plan.worth,
        bound=plan.bound,
        gap=_gap(plan.worth, plan.bound),
        reason=plan.reason,
        asked_at=plan.asked_at,
        ended_at=plan.ended_at,
    )


def _out(plan: KeptPlan, stands: list[Plan]) -> PlanOut:
    made = plan.made
    return PlanOut(
        **_head(plan).model_dump(),
        wanted=plan.wanted,
        greedy=made.greedy if made else None,
        stands=[
            ProposedOut(**plan_fields(one), why=_why(why)) for one, why in zip(stands, _reasons(plan), strict=False)
        ],
        unnamed=[
            UnnamedOut(
                place=plan.order.problem.spots[visit.spot].id,
                day=plan.order.roster.day(visit.day),
                why=one.why,
            )
            for one in (made.unnamed if made else ())
            for visit in one.crew_day.visits
        ],
        left_out=[_left(one) for one in (made.left_out if made else ())],
    )


def _why(why: Why) -> WhyOut:
    served = {name: round(value, 2) for name, value in why.served.items()}
    return WhyOut(
        served=served,
        shared=round(why.shared, 2),
        instead=why.instead,
        instead_served=round(why.instead_served, 2),
    )


def _left(one: LeftOut) -> LeftOutOut:
    return LeftOutOut(district=one.district, wanted=round(one.wanted, 1), share=round(one.share, 4))

"""Parameters of the routes of scheduling: the context, and callers by action.

A route names its caller first and its transaction last: FastAPI resolves dependencies in this order, so a refused
caller never holds a database connection.
"""

from typing import Annotated

from fastapi import Depends, Request
from wanderamt.backbone.persistence.database import Database
from wanderamt.security.policy import Action
from wanderamt.security.tokens import Principal
from wanderamt.shell.access import require

from scheduling.handlers.context import SchedulingContext


async def _context(request: Request) -> SchedulingContext:
    context: SchedulingContext = request.app.state.context
    return context


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


Context = Annotated[SchedulingContext, Depends(_context)]
OwnTransaction = Annotated[Database, Depends(_database)]
"""For a route that opens its transaction itself, because the transaction must commit although the route refuses."""

StandReader = Annotated[Principal, require(Action.READ_STANDS)]
StandPlanner = Annotated[Principal, require(Action.PLAN_STAND)]
StandCrew = Annotated[Principal, require(Action.RUN_STAND)]
DemandReader = Annotated[Principal, require(Action.READ_DEMAND)]
WishRecorder = Annotated[Principal, require(Action.RECORD_WISH)]
PlanMaker = Annotated[Principal, require(Action.MAKE_PLAN)]
PlanReader = Annotated[Principal, require(Action.READ_PLANS)]
ResourceReader = Annotated[Principal, require(Action.READ_RESOURCES)]
ResourceKeeper = Annotated[Principal, require(Action.KEEP_RESOURCES)]
QueueReader = Annotated[Principal, require(Action.READ_QUEUE)]
QueueCrew = Annotated[Principal, require(Action.RUN_QUEUE)]

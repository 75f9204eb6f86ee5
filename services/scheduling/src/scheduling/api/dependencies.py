"""Parameters of the routes of scheduling: the context, and callers by role.

A route names its caller first and its transaction last: FastAPI resolves dependencies in this order, so a refused
caller never holds a database connection.
"""

from typing import Annotated

from fastapi import Depends, Request
from wanderamt.backbone.persistence.database import Database
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Principal
from wanderamt.shell.http import require_roles

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

AnyRole = Annotated[Principal, require_roles(Role.CLERK, Role.PLANNER, Role.OPERATOR)]
Clerk = Annotated[Principal, require_roles(Role.CLERK)]
ClerkOrPlanner = Annotated[Principal, require_roles(Role.CLERK, Role.PLANNER)]
Planner = Annotated[Principal, require_roles(Role.PLANNER)]
PlannerOrOperator = Annotated[Principal, require_roles(Role.PLANNER, Role.OPERATOR)]

"""Dependencies of the routes: the context of the service and the principals they are open to."""

from typing import Annotated

from fastapi import Depends, Request
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Principal
from wanderamt.shell.http import require_roles

from notifications.handlers.context import NotificationContext

Clerk = Annotated[Principal, require_roles(Role.CLERK)]
Operator = Annotated[Principal, require_roles(Role.OPERATOR)]
ClerkOrOperator = Annotated[Principal, require_roles(Role.CLERK, Role.OPERATOR)]


async def _context(request: Request) -> NotificationContext:
    context: NotificationContext = request.app.state.context
    return context


Context = Annotated[NotificationContext, Depends(_context)]

"""FastAPI dependencies that several routers of intake share: the context, callers by role, the caller's stand."""

from typing import Annotated, NamedTuple

from fastapi import Depends, Request
from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Principal
from wanderamt.shell.http import require_roles
from wanderamt.shell.problems import RefusalError

from intake.domain.refusals import NOT_ENROLLED
from intake.handlers.context import IntakeContext


async def _context(request: Request) -> IntakeContext:
    context: IntakeContext = request.app.state.context
    return context


Context = Annotated[IntakeContext, Depends(_context)]
Clerk = Annotated[Principal, require_roles(Role.CLERK)]
Operator = Annotated[Principal, require_roles(Role.OPERATOR)]
ClerkOrOperator = Annotated[Principal, require_roles(Role.CLERK, Role.OPERATOR)]
AnyStaff = Annotated[Principal, require_roles(Role.CLERK, Role.PLANNER, Role.OPERATOR)]


class ClerkAtStand(NamedTuple):
    """A clerk whose token names a device and a stand."""

    officer: str
    device_id: DeviceId
    stand_id: StandId


async def _clerk_at_stand(caller: Clerk) -> ClerkAtStand:
    """Raises RefusalError for a token without a device or a stand."""
    if not caller.device_id or not caller.stand_id:
        raise RefusalError(NOT_ENROLLED)
    return ClerkAtStand(caller.subject, DeviceId(caller.device_id), StandId(caller.stand_id))


AtStand = Annotated[ClerkAtStand, Depends(_clerk_at_stand)]

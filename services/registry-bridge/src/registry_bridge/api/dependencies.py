"""Dependencies of the routes: the context of the service and the principals they are open to."""

from typing import Annotated

from fastapi import Depends, Request
from wanderamt.security.policy import Action
from wanderamt.security.tokens import Principal
from wanderamt.shell.access import require

from registry_bridge.handlers.context import RegistryContext

RegisterReader = Annotated[Principal, require(Action.READ_REGISTERS)]
LookUpCaller = Annotated[Principal, require(Action.LOOK_UP_REGISTER)]
RequestReader = Annotated[Principal, require(Action.READ_REGISTER_REQUEST)]


async def _context(request: Request) -> RegistryContext:
    context: RegistryContext = request.app.state.context
    return context


Context = Annotated[RegistryContext, Depends(_context)]

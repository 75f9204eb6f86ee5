"""Dependencies of the routes: the context of the service and the principals they are open to."""

from typing import Annotated

from fastapi import Depends, Request
from wanderamt.security.policy import Action
from wanderamt.security.tokens import Principal
from wanderamt.shell.access import require

from notifications.handlers.context import NotificationContext

NoticeReader = Annotated[Principal, require(Action.READ_NOTICES)]
NoticeCounter = Annotated[Principal, require(Action.COUNT_NOTICES)]
ProviderReader = Annotated[Principal, require(Action.READ_PROVIDERS)]
TaskReader = Annotated[Principal, require(Action.READ_TASKS)]
TaskOwner = Annotated[Principal, require(Action.COMPLETE_TASK)]
AddressChecker = Annotated[Principal, require(Action.CHECK_ADDRESS)]
PartnerKeeper = Annotated[Principal, require(Action.KEEP_PARTNERS)]


async def _context(request: Request) -> NotificationContext:
    context: NotificationContext = request.app.state.context
    return context


Context = Annotated[NotificationContext, Depends(_context)]

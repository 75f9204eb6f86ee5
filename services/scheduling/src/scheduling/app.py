"""Builds scheduling: settings, handlers, api."""

from wanderamt.shell.service import Ground, Service

from scheduling import handlers
from scheduling.api import add_routes
from scheduling.settings import Settings

NAME = "scheduling"
DEMAND_LINGER_S = 0.1  # nobody waits for the figures of demand, and citizens share the machine with them


def build(settings: Settings | None = None) -> Service:
    settings = settings or Settings()
    ground = Ground.lay(NAME, "scheduling", settings)
    add_routes(ground.http, ground.database)
    inbox = ground.inbox(handlers.ON, linger_s=DEMAND_LINGER_S)
    return Service(ground, {"relay": ground.relay(), "inbox": inbox}, projections=("visit",))

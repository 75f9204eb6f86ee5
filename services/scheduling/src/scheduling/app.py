"""Builds scheduling: settings, handlers, api."""

from wanderamt.shell.service import Ground, Service

from scheduling import handlers
from scheduling.api import add_routes
from scheduling.settings import Settings

NAME = "scheduling"


def build(settings: Settings | None = None) -> Service:
    settings = settings or Settings()
    ground = Ground.lay(NAME, "scheduling", settings)
    add_routes(ground.http, ground.database)
    return Service(ground, {"relay": ground.relay(), "inbox": ground.inbox(handlers.ON)}, projections=("visit",))

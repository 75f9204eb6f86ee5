"""Every door of scheduling, in one place."""

from fastapi import FastAPI
from wanderamt.backbone.database import Database

from scheduling.api.queue import queue_routes
from scheduling.api.stands import stand_routes
from scheduling.handlers.ground import Ground


def add_routes(app: FastAPI, database: Database, ground: Ground, *, client_header: str) -> None:
    """`client_header`: where our proxy says who asks."""
    app.include_router(stand_routes(database, ground))
    app.include_router(queue_routes(database, ground))

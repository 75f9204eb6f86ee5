"""Every door of scheduling, in one place."""

from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from wanderamt.backbone.database import Database

from scheduling.api.booking import booking_routes
from scheduling.api.planning import planning_routes
from scheduling.api.queue import queue_routes
from scheduling.api.stands import stand_routes
from scheduling.api.visit import visit_routes
from scheduling.handlers.ground import Ground


@dataclass(frozen=True, slots=True)
class Public:
    """`client_header`: where our proxy says who asks; `wording`: of the consent on our page."""

    client_header: str
    public_url: str
    tiles_url: str
    wording: str


def add_routes(app: FastAPI, database: Database, ground: Ground, public: Public) -> None:
    # city websites may ask from the citizen's browser; a token is never taken from another site's page
    app.add_middleware(
        CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "POST"], allow_headers=["content-type"]
    )
    app.include_router(stand_routes(database, ground))
    app.include_router(queue_routes(database, ground))
    app.include_router(planning_routes(database, ground))
    header = public.client_header
    app.include_router(booking_routes(database, ground, client_header=header, public_url=public.public_url))
    app.include_router(
        visit_routes(database, ground, client_header=header, tiles_url=public.tiles_url, wording=public.wording)
    )

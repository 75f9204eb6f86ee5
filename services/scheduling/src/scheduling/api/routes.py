"""Adds all routes of scheduling."""

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from scheduling.api import booking, planning, queue, stands, visit
from scheduling.handlers.context import SchedulingContext


def add_routes(app: FastAPI, context: SchedulingContext) -> None:
    app.state.context = context
    # city websites may call from the citizen's browser; the browser never sends a token for another site's page
    app.add_middleware(
        CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "POST"], allow_headers=["content-type"]
    )
    app.include_router(stands.router)
    app.include_router(queue.router)
    app.include_router(planning.router)
    app.include_router(booking.router)
    app.include_router(visit.router)

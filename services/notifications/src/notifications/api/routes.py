"""Every door of notifications, in one place."""

from fastapi import FastAPI
from wanderamt.backbone.database import Database

from notifications.api.citizen import citizen_routes
from notifications.api.notices import notice_routes
from notifications.api.partners import partner_routes
from notifications.api.receipts import receipt_routes
from notifications.handlers.ground import Ground


def add_routes(
    app: FastAPI, database: Database, ground: Ground, *, wording: str, client_header: str, networks: list[str]
) -> None:
    """`wording`: the version of what a citizen agrees to on our page; `client_header`: where our proxy says who asks;
    `networks`: of our house that hooks may go to."""
    app.include_router(notice_routes(database, ground))
    app.include_router(receipt_routes(database, ground))
    app.include_router(citizen_routes(database, ground, wording=wording, client_header=client_header))
    app.include_router(partner_routes(database, ground, networks))

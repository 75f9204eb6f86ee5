"""Providers tell what became of messages.

Kept true: the answer is 200 only after the receipt is committed as it came; who tells is known by a signature, not by a
token, because a provider has none of ours.
"""

from fastapi import APIRouter, Request
from wanderamt.backbone.database import Database
from wanderamt.shell.http import read_body
from wanderamt.shell.problems import Refused

from notifications.domain.refusals import NO_PROVIDER, NOT_SIGNED
from notifications.handlers.ground import Ground
from notifications.handlers.receipts import keep_receipts


def receipt_routes(database: Database, ground: Ground) -> APIRouter:
    router = APIRouter(tags=["receipts"])

    @router.post("/receipts/{provider}")
    async def take(provider: str, request: Request) -> dict[str, str]:
        """Signed by the provider; read and matched after this is answered."""
        line = ground.lines.get(provider)
        if not line or not line.teller:
            raise Refused(NO_PROVIDER)
        body = await read_body(request)
        key = line.receipt_key
        headers = {name.lower(): value for name, value in request.headers.items()}
        if not key.get_secret_value() or not line.teller.may_tell(headers, body, key):
            raise Refused(NOT_SIGNED)
        async with database.work() as work:
            await keep_receipts(provider, [body], work, ground=ground)
        return {"status": "kept"}

    return router

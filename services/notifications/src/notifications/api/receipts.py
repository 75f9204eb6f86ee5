"""Delivery receipts that providers post.

Invariants: the response is 200 only after the receipt is committed as received; a provider is authenticated by a
signature instead of a token, because it has none of ours.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from wanderamt.shell.http_body import read_body
from wanderamt.shell.problems import RefusalError

from notifications.api.dependencies import Context
from notifications.domain.refusals import NOT_SIGNED, PROVIDER_NOT_FOUND
from notifications.handlers.receipts import store_receipts

ProviderName = Annotated[str, Path(max_length=100)]

router = APIRouter(tags=["receipts"])


async def _signed_body(provider: ProviderName, request: Request, context: Context) -> bytes:
    """Raises RefusalError for an unknown provider and for a wrong signature."""
    connected = context.providers.get(provider)
    if not connected or not connected.receipt_parser:
        raise RefusalError(PROVIDER_NOT_FOUND)
    body = await read_body(request)
    key = connected.receipt_key
    headers = {name.lower(): value for name, value in request.headers.items()}
    if not key.get_secret_value() or not connected.receipt_parser.verify_signature(headers, body, key):
        raise RefusalError(NOT_SIGNED)
    return body


SignedBody = Annotated[bytes, Depends(_signed_body)]


@router.post("/receipts/{provider}")
async def store_receipt(provider: ProviderName, body: SignedBody, context: Context) -> dict[str, str]:
    """Signed by the provider. Parsed and matched after the response."""
    await store_receipts(provider, [body], context=context)
    return {"status": "stored"}

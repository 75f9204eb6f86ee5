"""A simulated register that speaks JSON over HTTP and refuses with a problem document (RFC 9457)."""

import json
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from connector_kit.testing.simulator import HttpSimulator, N

CALL_ID_HEADERS = ("idempotency-key", "x-request-id")


class OrderRefusedError(Exception):
    """The register refuses. `code`: as its protocol reports it."""

    def __init__(self, code: str, status: int = 409) -> None:
        super().__init__(code)
        self.code, self.status = code, status


class JsonSimulator(HttpSimulator[N]):
    """`look_up` answers a question, `order` executes an order once per call id. Both take a function of the fields that
    were sent, in the query or in the body."""

    async def look_up(self, request: Request, answer: Callable[[dict[str, Any]], Any]) -> Response:
        return await self._serve(request, lambda _, fields: JSONResponse(answer(fields)))

    async def order(self, request: Request, execute: Callable[[dict[str, Any]], Any]) -> Response:
        def answer(call_id: str, fields: dict[str, Any]) -> Response:
            return JSONResponse(self.execute_once(call_id, lambda: execute(fields)), 201)

        return await self._serve(request, answer)

    async def _serve(self, request: Request, answer: Callable[[str, dict[str, Any]], Response]) -> Response:
        call_id = next(filter(None, map(request.headers.get, CALL_ID_HEADERS)), "")
        body = await request.body()

        async def act() -> Response:
            try:
                return answer(call_id, {**request.query_params, **(json.loads(body) if body else {})})
            except OrderRefusedError as refusal:
                return problem(refusal.status, refusal.code)
            except (ValidationError, ValueError):
                return problem(422, "not-understood")

        return await self.respond(call_id, act, make_error=lambda: problem(503, "try-later"))


def problem(status: int, code: str) -> Response:
    return JSONResponse({"type": code}, status, media_type="application/problem+json")

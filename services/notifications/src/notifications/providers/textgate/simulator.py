"""A gateway to test against: HTTP and JSON on a real socket, with receipts that are sent back.

Run it: wanderamt bridge sim textgate. Its knobs: POST /_simulator {"error_share": 1}; `callback`: where receipts go.
"""

import asyncio
import hashlib
import hmac
import time
from typing import Any

import httpx
from connector_kit.folder import BridgeFolder
from connector_kit.simulator import HttpRegister, Knobs
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from notifications.providers.textgate.adapter import JSON, SIGNATURE

CALLBACK_TIMEOUT_S = 5


class GatewayKnobs(Knobs):
    latency_s: float = Field(0.0, ge=0)
    callback: str = Field("", description="URL that gets the receipts; empty: none are sent.")
    receipt_key: str = Field("none", description="Signs receipts.")
    unreachable_share: float = Field(0.0, ge=0, le=1, description="Receipts that say failed.")
    refused_numbers: list[str] = Field([], description="Answered with 422.")


class _Message(BaseModel):
    reference: str
    from_: str = Field(alias="from")
    to: str
    text: str


class Gateway(HttpRegister[GatewayKnobs]):
    """`messages`: what reached a telephone, in order, with the time (Unix seconds)."""

    def __init__(self, *, knobs: GatewayKnobs | None = None, seed: int = 1) -> None:
        super().__init__([Route("/messages", self.take, methods=["POST"])], knobs=knobs or GatewayKnobs(), seed=seed)
        self.messages: list[dict[str, Any]] = []
        self._known: dict[str, str] = {}
        self._telling: set[asyncio.Task[None]] = set()

    def told(self) -> dict[str, Any]:
        return {**super().told(), "messages": self.messages[-20_000:]}

    async def take(self, request: Request) -> Response:
        key, body = request.headers.get("idempotency-key", ""), await request.body()

        async def act() -> Response:
            try:
                message = _Message.model_validate_json(body)
            except ValidationError:
                return JSONResponse({"code": "not_a_message"}, 422)
            if message.to in self.knobs.refused_numbers:
                return JSONResponse({"code": "invalid_number"}, 422)
            if key not in self._known:
                self._take(key, message)
            return JSONResponse({"id": self._known[key]}, 202)

        return await self.behave(key, act, broken=lambda: JSONResponse({"code": "busy"}, 503))

    def _take(self, key: str, message: _Message) -> None:
        self.seen.effects[key] += 1
        self._known[key] = f"T{len(self._known):09}"
        self.messages.append(
            {"reference": message.reference, "to": message.to, "text": message.text, "at": time.time()}
        )
        if self.knobs.callback:
            failed = self.chance(self.knobs.unreachable_share)
            receipt = {"id": self._known[key], "reference": message.reference}
            receipt |= {"status": "failed", "code": "absent"} if failed else {"status": "delivered"}
            task = asyncio.get_running_loop().create_task(self.tell({"receipts": [receipt]}))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def tell(self, told: dict[str, Any]) -> None:
        body = to_json(told)
        signature = hmac.new(self.knobs.receipt_key.encode(), body, hashlib.sha256).hexdigest()
        async with httpx.AsyncClient(timeout=CALLBACK_TIMEOUT_S) as client:
            headers = {"Content-Type": JSON, SIGNATURE: signature}
            await client.post(self.knobs.callback, content=body, headers=headers)


def open_simulator(_: BridgeFolder, *, knobs: dict[str, Any], seed: int = 1) -> Gateway:
    return Gateway(knobs=GatewayKnobs.model_validate(knobs), seed=seed)

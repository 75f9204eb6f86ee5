"""Simulates the SMS gateway: HTTP and JSON on a real socket, and receipts that it posts back.

Run it: wanderamt bridge simulate textgate. Its faults: POST /_simulator {"error_share": 1}; `callback`: receipt URL.
"""

import asyncio
import hashlib
import hmac
import ssl
import time
from typing import Any

import httpx
from connector_kit.folder import BridgeFolder
from connector_kit.testing.simulator import FaultConfig, HttpSimulator
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from notifications.providers.textgate.adapter import JSON, SIGNATURE

CALLBACK_TIMEOUT_S = 5


class GatewayFaults(FaultConfig):
    latency_s: float = Field(0.0, ge=0)
    callback: str = Field("", description="URL for the receipts; empty: no receipts.")
    receipt_key: str = Field("none", description="Signs the receipts.")
    unreachable_share: float = Field(0.0, ge=0, le=1, description="Share of receipts with the status failed.")
    refused_numbers: list[str] = Field([], description="Numbers that get a 422.")


class _Message(BaseModel):
    reference: str
    from_: str = Field(alias="from")
    to: str
    text: str


class Gateway(HttpSimulator[GatewayFaults]):
    """`messages`: the SMS that reached a telephone, in order, with their time in Unix seconds."""

    def __init__(self, *, faults: GatewayFaults | None = None, seed: int = 1) -> None:
        super().__init__([Route("/messages", self.take, methods=["POST"])], faults=faults or GatewayFaults(), seed=seed)
        self.messages: list[dict[str, Any]] = []
        self._known: dict[str, str] = {}
        self._callbacks: set[asyncio.Task[None]] = set()
        self._tls = ssl.create_default_context()  # loading the authorities takes 50 ms: not once per receipt

    def report(self) -> dict[str, Any]:
        return {**super().report(), "messages": self.messages[-20_000:]}

    async def take(self, request: Request) -> Response:
        key, body = request.headers.get("idempotency-key", ""), await request.body()

        async def act() -> Response:
            try:
                message = _Message.model_validate_json(body)
            except ValidationError:
                return JSONResponse({"code": "not_a_message"}, 422)
            if message.to in self.faults.refused_numbers:
                return JSONResponse({"code": "invalid_number"}, 422)
            if key not in self._known:
                self._take(key, message)
            return JSONResponse({"id": self._known[key]}, 202)

        return await self.respond(key, act, make_error=lambda: JSONResponse({"code": "busy"}, 503))

    def _take(self, key: str, message: _Message) -> None:
        self.call_log.effects[key] += 1
        self._known[key] = f"T{len(self._known):09}"
        self.messages.append(
            {"reference": message.reference, "to": message.to, "text": message.text, "at": time.time()}
        )
        if self.faults.callback:
            failed = self.chance(self.faults.unreachable_share)
            receipt = {"id": self._known[key], "reference": message.reference}
            receipt |= {"status": "failed", "code": "absent"} if failed else {"status": "delivered"}
            task = asyncio.get_running_loop().create_task(self.post_report({"receipts": [receipt]}))
            self._callbacks.add(task)
            task.add_done_callback(self._callbacks.discard)

    async def post_report(self, report: dict[str, Any]) -> None:
        body = to_json(report)
        signature = hmac.new(self.faults.receipt_key.encode(), body, hashlib.sha256).hexdigest()
        async with httpx.AsyncClient(timeout=CALLBACK_TIMEOUT_S, verify=self._tls) as client:
            headers = {"Content-Type": JSON, SIGNATURE: signature}
            await client.post(self.faults.callback, content=body, headers=headers)


def open_simulator(_: BridgeFolder, *, faults: dict[str, Any], seed: int = 1) -> Gateway:
    return Gateway(faults=GatewayFaults.model_validate(faults), seed=seed)

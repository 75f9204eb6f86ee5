"""Simulates the lost-property office: JSON-RPC on a real socket; the id of a request recognises a repeated one.

Run it: wanderamt bridge simulate lost_property. Look at its things: GET /_simulator/rows.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from connector_kit.folder import BridgeFolder
from connector_kit.testing.json_simulator import OrderRefusedError, problem
from connector_kit.testing.simulator import FaultConfig, HttpSimulator, Rows
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from wanderamt.backbone.environment import utc_now

from registry_bridge.bridges.lost_property import models
from registry_bridge.bridges.lost_property.property_store import PropertyStore
from registry_bridge.bridges.seeded_people import home


class RpcRequest(BaseModel):
    id: str
    method: str
    params: dict[str, Any]


def open_simulator(_: BridgeFolder, *, faults: dict[str, Any], seed: int = 1) -> "LostPropertySimulator":
    return LostPropertySimulator(FaultConfig.model_validate(faults), seed=seed)


class LostPropertySimulator(HttpSimulator[FaultConfig]):
    def __init__(self, faults: FaultConfig, *, seed: int = 1, clock: Callable[[], datetime] = utc_now) -> None:
        super().__init__([Route("/rpc", self.rpc, methods=["POST"])], faults=faults, seed=seed)
        self.store, self._clock = PropertyStore(), clock
        self._orders: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "report_found": lambda params: self.store.report_found(models.FoundReport.model_validate(params)),
            "report_lost": lambda params: self.store.report_lost(models.LossReport.model_validate(params)),
            "hand_out": self._hand_out,
            "cancel_hand_out": lambda params: self.store.cancel_hand_out(models.ReportNumber(**params).number),
            "withdraw_report": lambda params: self.store.withdraw(models.ReportNumber(**params).number),
        }

    def rows(self) -> Rows:
        return self.store.rows()

    def prepare_example(self, operation: str, question: dict[str, Any]) -> None:
        if operation in {"hand_out", "cancel_hand_out", "withdraw_report"}:
            self.store.add_example(question["number"], handed_out=operation == "cancel_hand_out")

    async def rpc(self, request: Request) -> Response:
        try:
            message = RpcRequest.model_validate_json(await request.body())
        except ValidationError:
            return _error("", "not-understood")

        async def act() -> Response:
            return self._answer(message)

        return await self.respond(message.id, act, make_error=lambda: problem(503, "try-later"))

    def _answer(self, message: RpcRequest) -> Response:
        try:
            if message.method == "find_matches":
                return _result(message.id, self.store.find_matches(models.MatchQuery.model_validate(message.params)))
            order = self._orders[message.method]
            return _result(message.id, self.execute_once(message.id, lambda: order(message.params)))
        except OrderRefusedError as refusal:
            return _error(message.id, refusal.code)
        except (KeyError, ValidationError):
            return _error(message.id, "not-understood")

    def _hand_out(self, params: dict[str, Any]) -> dict[str, Any]:
        today = home().calendar.day_of(self._clock())
        return self.store.hand_out(models.HandOutOrder.model_validate(params), today=today)


def _result(id_: str, result: dict[str, Any]) -> Response:
    return JSONResponse({"jsonrpc": "2.0", "id": id_, "result": result})


def _error(id_: str, code: str) -> Response:
    error = {"code": -32000, "message": "refused", "data": {"code": code}}
    return JSONResponse({"jsonrpc": "2.0", "id": id_, "error": error})

"""Simulates the gateway with the old interface. It sends a repeated message twice.

Run it: wanderamt bridge simulate courier. Its faults: POST /_simulator {"apply_then_timeout_share": 0.2}.
"""

from typing import Any
from urllib.parse import parse_qs

from connector_kit.folder import BridgeFolder
from connector_kit.testing.simulator import FaultConfig, HttpSimulator
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


class Courier(HttpSimulator[FaultConfig]):
    def __init__(self, *, faults: FaultConfig | None = None, seed: int = 1) -> None:
        routes = [Route("/sms", self.take, methods=["POST"]), Route("/sms", self.find, methods=["GET"])]
        super().__init__(routes, faults=faults or FaultConfig(latency_s=0.0), seed=seed)
        self.ids: dict[str, str] = {}

    async def take(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}

        async def act() -> Response:
            if not {"ref", "to", "text", "from"} <= form.keys():
                return PlainTextResponse("ERR not_a_message\n")
            self.call_log.effects[form["ref"]] += 1
            self.ids[form["ref"]] = f"C{self.call_log.effects.total():08}"
            return PlainTextResponse(f"OK {self.ids[form['ref']]}\n")

        return await self.respond(form.get("ref", ""), act, make_error=_busy)

    async def find(self, request: Request) -> Response:
        async def act() -> Response:
            message_id = self.ids.get(request.query_params.get("ref", ""))
            return PlainTextResponse(f"OK {message_id} SENT\n") if message_id else PlainTextResponse("NONE\n", 404)

        return await self.respond(request.headers.get("x-request", ""), act, make_error=_busy)


def open_simulator(_: BridgeFolder, *, faults: dict[str, Any], seed: int = 1) -> Courier:
    return Courier(faults=FaultConfig.model_validate({"latency_s": 0.0} | faults), seed=seed)


def _busy() -> Response:
    return PlainTextResponse("ERR busy\n", 503)

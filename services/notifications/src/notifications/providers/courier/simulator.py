"""A gateway of the old kind to test against: the same message twice is two messages.

Run it: wanderamt bridge sim courier. Its knobs: POST /_simulator {"apply_then_timeout_share": 0.2}.
"""

from typing import Any
from urllib.parse import parse_qs

from connector_kit.folder import BridgeFolder
from connector_kit.simulator import HttpRegister, Knobs
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


class Courier(HttpRegister[Knobs]):
    def __init__(self, *, knobs: Knobs | None = None, seed: int = 1) -> None:
        routes = [Route("/sms", self.take, methods=["POST"]), Route("/sms", self.find, methods=["GET"])]
        super().__init__(routes, knobs=knobs or Knobs(latency_s=0.0), seed=seed)
        self.ids: dict[str, str] = {}

    async def take(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}

        async def act() -> Response:
            if not {"ref", "to", "text", "from"} <= form.keys():
                return PlainTextResponse("ERR not_a_message\n")
            self.seen.effects[form["ref"]] += 1
            self.ids[form["ref"]] = f"C{self.seen.effects.total():08}"
            return PlainTextResponse(f"OK {self.ids[form['ref']]}\n")

        return await self.behave(form.get("ref", ""), act, broken=_busy)

    async def find(self, request: Request) -> Response:
        async def act() -> Response:
            found = self.ids.get(request.query_params.get("ref", ""))
            return PlainTextResponse(f"OK {found} SENT\n") if found else PlainTextResponse("NONE\n", 404)

        return await self.behave(request.headers.get("x-request", ""), act, broken=_busy)


def open_simulator(_: BridgeFolder, *, knobs: dict[str, Any], seed: int = 1) -> Courier:
    return Courier(knobs=Knobs.model_validate({"latency_s": 0.0} | knobs), seed=seed)


def _busy() -> Response:
    return PlainTextResponse("ERR busy\n", 503)

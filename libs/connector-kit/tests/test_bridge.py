"""One call through a whole bridge, against a simulated register on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
import uvicorn
from connector_kit.adapter import CallContext, HttpCall, HttpReply, OrderFound, OrderNotFound, StatusCheckResult
from connector_kit.bridge import Bridge, InvalidBridgeError
from connector_kit.call_outcome import (
    QUESTION_INVALID,
    AuthFailed,
    CallOutcome,
    NotExecuted,
    NotFound,
    PossiblyExecuted,
    Rejected,
    Succeeded,
    TemporarilyUnavailable,
    Throttled,
    UnreadableResponse,
)
from connector_kit.manifest.manifest import Manifest, read_manifest
from connector_kit.resilience.policy import CallKind
from connector_kit.resilience.register_state import RegisterState, record_outcome, record_outcomes
from connector_kit.testing.simulator import FaultConfig, HttpSimulator
from connector_kit.transports.http import RegisterTransport
from connector_kit.transports.http_status import outcome_of_status
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from wanderamt.backbone.environment import utc_now
from wanderamt_local.state import free_port

MAX_BYTES = 10_000
CONTEXT = CallContext(UUID("0197c1c0-5f3e-7a10-8000-000000000001"), "clerk.one@linz", "parking")


class Plate(BaseModel):
    plate: str


class PermitRequest(BaseModel):
    plate: str


class GrantedPermit(BaseModel):
    number: int


class PermitAdapter:
    """An adapter for a fictitious register of parking permits."""

    def encode(self, operation: str, question: BaseModel, context: CallContext) -> HttpCall:
        assert isinstance(question, Plate | PermitRequest)
        if operation == "find_permit":
            return HttpCall("GET", f"/permits/{question.plate}")
        return HttpCall("PUT", f"/orders/{context.call_id}", body=question.model_dump_json().encode())

    def classify(self, operation: str, reply: HttpReply) -> CallOutcome:
        if outcome := outcome_of_status(reply):
            return outcome
        if reply.status == 404:
            return NotFound()
        try:
            return Succeeded(GrantedPermit.model_validate_json(reply.body))
        except ValidationError:
            return UnreadableResponse("no_permit")

    def encode_status_check(self, operation: str, question: BaseModel, context: CallContext) -> HttpCall:
        return HttpCall("GET", f"/orders/{context.call_id}")

    def classify_status_check(self, operation: str, reply: HttpReply) -> StatusCheckResult:
        outcome = self.classify(operation, reply)
        match outcome:
            case Succeeded():
                return OrderFound(outcome)
            case NotFound():
                return OrderNotFound()
        return TemporarilyUnavailable("status_check")


class PermitRegister(HttpSimulator[FaultConfig]):
    def __init__(self) -> None:
        self.orders: dict[str, int] = {}
        super().__init__(
            [
                Route("/permits/{plate}", self.permit),
                Route("/orders/{id}", self.order, methods=["PUT"]),
                Route("/orders/{id}", self.ordered, methods=["GET"]),
                Route("/long", self.long),
            ],
            faults=FaultConfig(),
        )

    async def permit(self, request: Request) -> Response:
        async def execute() -> Response:
            return JSONResponse({"number": 7}) if request.path_params["plate"] == "L-1" else Response(status_code=404)

        return await self.respond("lookup", execute, make_error=lambda: Response(status_code=500))

    async def order(self, request: Request) -> Response:
        async def execute() -> Response:
            self.call_log.effects[request.path_params["id"]] += 1
            self.orders[request.path_params["id"]] = 8
            return JSONResponse({"number": 8})

        return await self.respond(request.path_params["id"], execute, make_error=lambda: Response(status_code=500))

    async def ordered(self, request: Request) -> Response:
        number = self.orders.get(request.path_params["id"])
        return JSONResponse({"number": number}) if number else Response(status_code=404)

    async def long(self, _: Request) -> Response:
        return Response(b"x" * (MAX_BYTES + 1))


@pytest_asyncio.fixture
async def register() -> AsyncIterator[tuple[PermitRegister, str]]:
    register, port = PermitRegister(), free_port()
    server = uvicorn.Server(uvicorn.Config(register.app, port=port, log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield register, f"http://127.0.0.1:{port}"
    server.should_exit = True
    server.force_exit = True
    await serving


@pytest.fixture
def manifest(manifest_text: str) -> Manifest:
    manifest = read_manifest(manifest_text.replace("timeout_s = 10", "timeout_s = 3"))
    assert isinstance(manifest, Manifest)
    return manifest


@pytest_asyncio.fixture
async def bridge(manifest: Manifest, register: tuple[PermitRegister, str]) -> AsyncIterator[Bridge]:
    transport = RegisterTransport(register[1], manifest, max_bytes=MAX_BYTES)
    yield Bridge(
        manifest, PermitAdapter(), transport, {"Plate": Plate, "Order": PermitRequest, "Permit": GrantedPermit}
    )
    await transport.close()


async def find(bridge: Bridge, plate: str = "L-1") -> CallOutcome:
    return await bridge.call("find_permit", Plate(plate=plate).model_dump_json().encode(), CONTEXT)


async def order(bridge: Bridge, kind: CallKind = CallKind.EXECUTE) -> CallOutcome:
    return await bridge.call("order_permit", b'{"plate": "L-1"}', CONTEXT, kind=kind)


async def test_a_question_gets_its_answer(bridge: Bridge) -> None:
    assert await find(bridge) == Succeeded(GrantedPermit(number=7))
    assert await find(bridge, "L-2") == NotFound()


async def test_a_status_check_finds_an_executed_order_without_answer(
    bridge: Bridge, register: tuple[PermitRegister, str]
) -> None:
    simulator, _ = register
    assert await order(bridge, CallKind.STATUS_CHECK) == NotExecuted()
    simulator.faults.apply_then_timeout_share = 1
    assert await order(bridge) == PossiblyExecuted("no_answer")
    assert await order(bridge, CallKind.STATUS_CHECK) == Succeeded(GrantedPermit(number=8))
    assert simulator.call_log.effects.total() == 1


@pytest.mark.parametrize(
    ("faults", "outcome"),
    [
        ({"error_share": 1}, PossiblyExecuted("http_500")),
        ({"html_share": 1}, UnreadableResponse("no_permit")),
        ({"cut_share": 1}, UnreadableResponse("no_permit")),
        ({"down": True}, TemporarilyUnavailable("http_503")),
        ({"per_s": 0.5}, Throttled(1.0)),
        ({"latency_s": 5}, PossiblyExecuted("no_answer")),
    ],
)
async def test_any_behaviour_of_the_register_ends_in_an_outcome(
    bridge: Bridge, register: tuple[PermitRegister, str], faults: dict[str, Any], outcome: CallOutcome
) -> None:
    simulator, _ = register
    simulator.faults = simulator.faults.model_copy(update=faults)
    assert await find(bridge) == outcome


async def test_an_unreachable_register_executed_nothing(manifest: Manifest) -> None:
    transport = RegisterTransport(f"http://127.0.0.1:{free_port()}", manifest)
    bridge = Bridge(
        manifest, PermitAdapter(), transport, {"Plate": Plate, "Order": PermitRequest, "Permit": GrantedPermit}
    )
    assert await find(bridge) == TemporarilyUnavailable("unreachable")
    await transport.close()


async def test_an_endless_answer_is_cut_off(bridge: Bridge) -> None:
    class Long(PermitAdapter):
        def encode(self, operation: str, question: BaseModel, context: CallContext) -> HttpCall:
            return HttpCall("GET", "/long")

    long = Bridge(bridge.manifest, Long(), bridge.transport, bridge.models)
    assert await find(long) == UnreadableResponse("too_long")


async def test_a_failing_adapter_is_reported_without_personal_data(
    bridge: Bridge, capsys: pytest.CaptureFixture[str]
) -> None:
    class Careless(PermitAdapter):
        def classify(self, operation: str, reply: HttpReply) -> CallOutcome:
            raise ValueError("Zoë Hadžić")

    careless = Bridge(bridge.manifest, Careless(), bridge.transport, bridge.models)
    assert await find(careless) == UnreadableResponse("classify_valueerror")
    output = capsys.readouterr()
    assert "Zoë" not in output.out + output.err


async def test_an_invalid_question_is_never_sent(bridge: Bridge, register: tuple[PermitRegister, str]) -> None:
    assert await bridge.call("find_permit", b'{"colour": 3}', CONTEXT) == Rejected("question_invalid")
    assert await bridge.call("fly", b"{}", CONTEXT) == Rejected("no_such_operation")
    assert not register[0].call_log.calls


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(ValueError, QUESTION_INVALID), (KeyError, TemporarilyUnavailable("encode_keyerror", asked=False))],
)
async def test_what_cannot_be_encoded_says_nothing_about_the_register(
    bridge: Bridge, error: type[Exception], outcome: CallOutcome
) -> None:
    class Careless(PermitAdapter):
        def encode(self, operation: str, question: BaseModel, context: CallContext) -> HttpCall:
            raise error("Zoë Hadžić")

    careless = Bridge(bridge.manifest, Careless(), bridge.transport, bridge.models)
    assert await find(careless) == outcome
    state = RegisterState()
    for _ in range(50):
        state = record_outcomes(state, bridge.manifest, [(outcome, 0.0)], now=utc_now())
        state = record_outcome(state, bridge.manifest, outcome, took_s=0.0, now=utc_now())
    assert state.breaker == RegisterState().breaker


def test_inconsistent_parts_are_reported_at_start(manifest: Manifest) -> None:
    class AdapterWithoutStatusCheck:
        def encode(self, operation: str, question: BaseModel, context: CallContext) -> HttpCall:
            raise NotImplementedError

        def classify(self, operation: str, reply: HttpReply) -> CallOutcome:
            raise NotImplementedError

    transport: Any = None
    with pytest.raises(InvalidBridgeError, match="has no encode_status_check"):
        Bridge(
            manifest,
            AdapterWithoutStatusCheck(),
            transport,
            {"Plate": Plate, "Order": PermitRequest, "Permit": GrantedPermit},
        )
    with pytest.raises(InvalidBridgeError, match=r"the model Permit, which models\.py lacks"):
        Bridge(manifest, PermitAdapter(), transport, {"Plate": Plate, "Order": PermitRequest})


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(401, AuthFailed("http_401")), (302, UnreadableResponse("http_302")), (400, Rejected("http_400")), (200, None)],
)
def test_a_status_alone_gives_an_outcome(status: int, outcome: CallOutcome | None) -> None:
    assert outcome_of_status(HttpReply(status, {}, b"")) == outcome


def test_every_status_is_handled() -> None:
    for status in range(100, 600):
        outcome_of_status(HttpReply(status, {"retry-after": "soon"}, b""))

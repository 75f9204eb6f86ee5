"""One call through a whole bridge, against a register on a real socket that misbehaves on command."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
import uvicorn
from connector_kit.adapter import Happened, HttpCall, HttpReply, NotHappened, Probed, Stamp
from connector_kit.bridge import Bridge, BrokenBridge, by_status
from connector_kit.manifest import Manifest, read_manifest
from connector_kit.policy import Beat
from connector_kit.simulator import HttpRegister, Knobs
from connector_kit.transport import HttpWire
from connector_kit.verdict import (
    AuthFailed,
    Done,
    Malformed,
    NotDone,
    NotFound,
    Rejected,
    RetryLater,
    Throttled,
    Unknown,
    Verdict,
)
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from wanderamt_local.state import free_port

MAX_BYTES = 10_000
STAMP = Stamp(UUID("0197c1c0-5f3e-7a10-8000-000000000001"), "clerk.one@linz", "parking")


class Plate(BaseModel):
    plate: str


class Order(BaseModel):
    plate: str


class Permit(BaseModel):
    number: int


class Parking:
    """A register of parking permits that was never ours."""

    def encode(self, operation: str, question: BaseModel, stamp: Stamp) -> HttpCall:
        assert isinstance(question, Plate | Order)
        if operation == "find_permit":
            return HttpCall("GET", f"/permits/{question.plate}")
        return HttpCall("PUT", f"/orders/{stamp.call_id}", body=question.model_dump_json().encode())

    def classify(self, operation: str, reply: HttpReply) -> Verdict:
        if verdict := by_status(reply):
            return verdict
        if reply.status == 404:
            return NotFound()
        try:
            return Done(Permit.model_validate_json(reply.body))
        except ValidationError:
            return Malformed("no_permit")

    def encode_probe(self, operation: str, question: BaseModel, stamp: Stamp) -> HttpCall:
        return HttpCall("GET", f"/orders/{stamp.call_id}")

    def classify_probe(self, operation: str, reply: HttpReply) -> Probed:
        verdict = self.classify(operation, reply)
        match verdict:
            case Done():
                return Happened(verdict)
            case NotFound():
                return NotHappened()
        return RetryLater("probe")


class Register(HttpRegister[Knobs]):
    def __init__(self) -> None:
        self.orders: dict[str, int] = {}
        super().__init__(
            [
                Route("/permits/{plate}", self.permit),
                Route("/orders/{id}", self.order, methods=["PUT"]),
                Route("/orders/{id}", self.ordered, methods=["GET"]),
                Route("/long", self.long),
            ],
            knobs=Knobs(),
        )

    async def permit(self, request: Request) -> Response:
        async def act() -> Response:
            return JSONResponse({"number": 7}) if request.path_params["plate"] == "L-1" else Response(status_code=404)

        return await self.behave("lookup", act, broken=lambda: Response(status_code=500))

    async def order(self, request: Request) -> Response:
        async def act() -> Response:
            self.seen.effects[request.path_params["id"]] += 1
            self.orders[request.path_params["id"]] = 8
            return JSONResponse({"number": 8})

        return await self.behave(request.path_params["id"], act, broken=lambda: Response(status_code=500))

    async def ordered(self, request: Request) -> Response:
        number = self.orders.get(request.path_params["id"])
        return JSONResponse({"number": number}) if number else Response(status_code=404)

    async def long(self, _: Request) -> Response:
        return Response(b"x" * (MAX_BYTES + 1))


@pytest_asyncio.fixture
async def register() -> AsyncIterator[tuple[Register, str]]:
    register, port = Register(), free_port()
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
async def bridge(manifest: Manifest, register: tuple[Register, str]) -> AsyncIterator[Bridge]:
    wire = HttpWire(register[1], manifest, max_bytes=MAX_BYTES)
    yield Bridge(manifest, Parking(), wire, {"Plate": Plate, "Order": Order, "Permit": Permit})
    await wire.close()


async def find(bridge: Bridge, plate: str = "L-1") -> Verdict:
    return await bridge.call("find_permit", Plate(plate=plate).model_dump_json().encode(), STAMP)


async def order(bridge: Bridge, beat: Beat = Beat.CALL) -> Verdict:
    return await bridge.call("order_permit", b'{"plate": "L-1"}', STAMP, beat=beat)


async def test_what_is_asked_is_answered(bridge: Bridge) -> None:
    assert await find(bridge) == Done(Permit(number=7))
    assert await find(bridge, "L-2") == NotFound()


async def test_an_order_that_was_done_and_not_answered_is_found_by_the_probe(
    bridge: Bridge, register: tuple[Register, str]
) -> None:
    simulator, _ = register
    assert await order(bridge, Beat.PROBE) == NotDone()
    simulator.knobs.apply_then_timeout_share = 1
    assert await order(bridge) == Unknown("no_answer")
    assert await order(bridge, Beat.PROBE) == Done(Permit(number=8))
    assert simulator.seen.effects.total() == 1


@pytest.mark.parametrize(
    ("knobs", "verdict"),
    [
        ({"error_share": 1}, Unknown("http_500")),
        ({"html_share": 1}, Malformed("no_permit")),
        ({"cut_share": 1}, Malformed("no_permit")),
        ({"down": True}, RetryLater("http_503")),
        ({"per_s": 0.5}, Throttled(1.0)),
        ({"latency_s": 5}, Unknown("no_answer")),
    ],
)
async def test_whatever_the_register_does_ends_in_a_verdict(
    bridge: Bridge, register: tuple[Register, str], knobs: dict[str, Any], verdict: Verdict
) -> None:
    simulator, _ = register
    simulator.knobs = simulator.knobs.model_copy(update=knobs)
    assert await find(bridge) == verdict


async def test_nobody_listens_and_nothing_happened(manifest: Manifest) -> None:
    wire = HttpWire(f"http://127.0.0.1:{free_port()}", manifest)
    bridge = Bridge(manifest, Parking(), wire, {"Plate": Plate, "Order": Order, "Permit": Permit})
    assert await find(bridge) == RetryLater("unreachable")
    await wire.close()


async def test_an_answer_without_an_end_is_not_read_to_its_end(bridge: Bridge) -> None:
    class Long(Parking):
        def encode(self, operation: str, question: BaseModel, stamp: Stamp) -> HttpCall:
            return HttpCall("GET", "/long")

    long = Bridge(bridge.manifest, Long(), bridge.wire, bridge.models)
    assert await find(long) == Malformed("too_long")


async def test_an_adapter_that_fails_fails_alone_and_without_a_word_of_what_it_read(
    bridge: Bridge, capsys: pytest.CaptureFixture[str]
) -> None:
    class Careless(Parking):
        def classify(self, operation: str, reply: HttpReply) -> Verdict:
            raise ValueError("Zoë Hadžić")

    careless = Bridge(bridge.manifest, Careless(), bridge.wire, bridge.models)
    assert await find(careless) == Malformed("classify_valueerror")
    said = capsys.readouterr()
    assert "Zoë" not in said.out + said.err


async def test_a_question_of_another_shape_is_never_asked(bridge: Bridge, register: tuple[Register, str]) -> None:
    assert await bridge.call("find_permit", b'{"colour": 3}', STAMP) == Rejected("question_invalid")
    assert await bridge.call("fly", b"{}", STAMP) == Rejected("no_such_operation")
    assert not register[0].seen.calls


def test_parts_that_do_not_fit_are_told_at_the_start(manifest: Manifest) -> None:
    class NoProbe:
        def encode(self, operation: str, question: BaseModel, stamp: Stamp) -> HttpCall:
            raise NotImplementedError

        def classify(self, operation: str, reply: HttpReply) -> Verdict:
            raise NotImplementedError

    wire: Any = None
    with pytest.raises(BrokenBridge, match="looked up by a probe"):
        Bridge(manifest, NoProbe(), wire, {"Plate": Plate, "Order": Order, "Permit": Permit})
    with pytest.raises(BrokenBridge, match=r"the model Permit, which models\.py lacks"):
        Bridge(manifest, Parking(), wire, {"Plate": Plate, "Order": Order})


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(401, AuthFailed("http_401")), (302, Malformed("http_302")), (400, Rejected("http_400")), (200, None)],
)
def test_a_status_says_what_it_can(status: int, verdict: Verdict | None) -> None:
    assert by_status(HttpReply(status, {}, b"")) == verdict


def test_every_status_there_is_has_a_meaning() -> None:
    for status in range(100, 600):
        by_status(HttpReply(status, {"retry-after": "soon"}, b""))

"""The parking bridge against a simulated traffic office: idempotency keys, throttling, and a command without look-up."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from connector_kit.adapter import CallContext
from connector_kit.bridge import Bridge
from connector_kit.call_outcome import (
    CallOutcome,
    NotFound,
    PossiblyExecuted,
    Rejected,
    Succeeded,
    TemporarilyUnavailable,
    Throttled,
    UnreadableResponse,
)
from connector_kit.testing.simulator import FaultConfig
from registry_bridge.bridges.parking.simulator import ParkingSimulator
from registry_bridge_fixtures import Connect
from uuid_utils.compat import uuid7
from wanderamt_testing.simulator_server import ServeSimulator

GRANT = b'{"plate": "L 123AB", "zone": "A", "valid_from": "2026-12-01", "months": 24}'
FEE = b'{"plate": "L 123AB", "cents": 6870}'
QUIET = FaultConfig(latency_s=0.01)


@pytest_asyncio.fixture
async def parking_bridge(serve: ServeSimulator, connect: Connect) -> AsyncIterator[tuple[ParkingSimulator, Bridge]]:
    simulator = ParkingSimulator(faults=QUIET)
    bridge = connect("parking", await serve(simulator))
    yield simulator, bridge
    await bridge.transport.close()


async def call(bridge: Bridge, operation: str, question: bytes, *, id_: UUID | None = None) -> CallOutcome:
    return await bridge.call(operation, question, CallContext(id_ or uuid7(), "clerk@linz", "StVO-45-4"))


async def test_a_permit_is_granted_found_and_not_granted_twice(parking_bridge: tuple[ParkingSimulator, Bridge]) -> None:
    _, bridge = parking_bridge
    assert await call(bridge, "find_permit", b'{"plate": "L 123AB"}') == NotFound()
    granted = await call(bridge, "grant_permit", GRANT)
    assert isinstance(granted, Succeeded)
    assert await call(bridge, "find_permit", b'{"plate": "L 123AB"}') == granted
    assert await call(bridge, "grant_permit", GRANT) == Rejected("has-permit")


async def test_an_order_without_an_answer_is_repeated_under_its_key_and_done_once(
    parking_bridge: tuple[ParkingSimulator, Bridge],
) -> None:
    simulator, bridge = parking_bridge
    order = uuid7()
    simulator.faults = QUIET.model_copy(update={"apply_then_timeout_share": 1.0})
    assert await call(bridge, "grant_permit", GRANT, id_=order) == PossiblyExecuted("no_answer")
    simulator.faults = QUIET
    assert isinstance(await call(bridge, "grant_permit", GRANT, id_=order), Succeeded)
    assert simulator.call_log.effects == {str(order): 1}


async def test_a_fee_is_booked_by_every_call(parking_bridge: tuple[ParkingSimulator, Bridge]) -> None:
    simulator, bridge = parking_bridge
    order = uuid7()
    for _ in range(2):
        assert isinstance(await call(bridge, "book_fee", FEE, id_=order), Succeeded)
    assert simulator.call_log.effects == {str(order): 2}  # which is why its manifest says idempotency = none


@pytest.mark.parametrize(
    ("faults", "outcome"),
    [
        ({"per_s": 0.5}, Throttled(1.0)),
        ({"fail_next": 1}, TemporarilyUnavailable("http_503")),
        ({"html_share": 1.0}, UnreadableResponse("no_json")),
        ({"cut_share": 1.0}, UnreadableResponse("invalid_answer")),
    ],
)
async def test_faults_give_the_right_outcome(
    parking_bridge: tuple[ParkingSimulator, Bridge], faults: dict[str, Any], outcome: CallOutcome
) -> None:
    simulator, bridge = parking_bridge
    simulator.faults = QUIET.model_copy(update=faults)
    assert await call(bridge, "grant_permit", GRANT) == outcome


async def test_an_invalid_question_is_not_sent(parking_bridge: tuple[ParkingSimulator, Bridge]) -> None:
    simulator, bridge = parking_bridge
    assert await call(bridge, "grant_permit", GRANT.replace(b"24", b"25")) == Rejected("question_invalid")
    assert not simulator.call_log.calls

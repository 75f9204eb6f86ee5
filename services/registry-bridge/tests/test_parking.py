"""The parking bridge against a traffic office on a real socket: keys, throttling, and an order nobody can look up."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from connector_kit.adapter import Stamp
from connector_kit.bridge import Bridge
from connector_kit.simulator import Knobs
from connector_kit.verdict import Done, Malformed, NotFound, Rejected, RetryLater, Throttled, Unknown, Verdict
from registry_bridge.bridges.parking.simulator import Simulator
from uuid_utils.compat import uuid7

GRANT = b'{"plate": "L 123AB", "zone": "A", "valid_from": "2026-12-01", "months": 24}'
FEE = b'{"plate": "L 123AB", "cents": 6870}'
QUIET = Knobs(latency_s=0.01)


@pytest_asyncio.fixture
async def office(serve: Any, connect: Callable[[str, str], Bridge]) -> AsyncIterator[tuple[Simulator, Bridge]]:
    simulator = Simulator(knobs=QUIET)
    bridge = connect("parking", await serve(simulator))
    yield simulator, bridge
    await bridge.wire.close()


async def call(bridge: Bridge, operation: str, question: bytes, *, id_: UUID | None = None) -> Verdict:
    return await bridge.call(operation, question, Stamp(id_ or uuid7(), "clerk@linz", "StVO-45-4"))


async def test_a_permit_is_granted_found_and_not_granted_twice(office: tuple[Simulator, Bridge]) -> None:
    _, bridge = office
    assert await call(bridge, "find_permit", b'{"plate": "L 123AB"}') == NotFound()
    granted = await call(bridge, "grant_permit", GRANT)
    assert isinstance(granted, Done)
    assert await call(bridge, "find_permit", b'{"plate": "L 123AB"}') == granted
    assert await call(bridge, "grant_permit", GRANT) == Rejected("has-permit")


async def test_an_order_that_got_no_answer_is_repeated_under_its_key_and_done_once(
    office: tuple[Simulator, Bridge],
) -> None:
    simulator, bridge = office
    order = uuid7()
    simulator.knobs = QUIET.model_copy(update={"apply_then_timeout_share": 1.0})
    assert await call(bridge, "grant_permit", GRANT, id_=order) == Unknown("no_answer")
    simulator.knobs = QUIET
    assert isinstance(await call(bridge, "grant_permit", GRANT, id_=order), Done)
    assert simulator.seen.effects == {str(order): 1}


async def test_a_fee_is_booked_by_every_call(office: tuple[Simulator, Bridge]) -> None:
    simulator, bridge = office
    order = uuid7()
    for _ in range(2):
        assert isinstance(await call(bridge, "book_fee", FEE, id_=order), Done)
    assert simulator.seen.effects == {str(order): 2}  # which is why it is unsafe


@pytest.mark.parametrize(
    ("knobs", "verdict"),
    [
        ({"per_s": 0.5}, Throttled(1.0)),
        ({"fail_next": 1}, RetryLater("http_503")),
        ({"html_share": 1.0}, Malformed("no_json")),
        ({"cut_share": 1.0}, Malformed("no_answer_of_ours")),
    ],
)
async def test_trouble_ends_in_the_right_verdict(
    office: tuple[Simulator, Bridge], knobs: dict[str, Any], verdict: Verdict
) -> None:
    simulator, bridge = office
    simulator.knobs = QUIET.model_copy(update=knobs)
    assert await call(bridge, "grant_permit", GRANT) == verdict


async def test_a_question_that_the_law_forbids_is_not_asked(office: tuple[Simulator, Bridge]) -> None:
    simulator, bridge = office
    assert await call(bridge, "grant_permit", GRANT.replace(b"24", b"25")) == Rejected("question_invalid")
    assert not simulator.seen.calls

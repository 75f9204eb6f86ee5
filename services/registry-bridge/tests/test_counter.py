"""Lookups while the citizen stands there: in two seconds, fresh, kept with its moment, or down and for how long."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from connector_kit.simulator import Knobs
from registry_bridge.bridges.parking.simulator import Simulator
from uuid_utils.compat import uuid7

QUIET = Knobs(latency_s=0.01)
PERMIT = {"plate": "L 123AB", "zone": "A", "valid_from": "2026-12-01", "months": 24}


def lookup(**other: Any) -> dict[str, Any]:
    asked = {
        "register_name": "parking",
        "operation": "find_permit",
        "case_id": str(uuid7()),
        "purpose": "StVO-45-4",
        "question": {"plate": "L 123AB"},
    }
    return asked | other


@pytest_asyncio.fixture
async def counter(serve: Any, open_house: Any) -> AsyncIterator[tuple[Simulator, Any]]:
    simulator = Simulator(knobs=QUIET)
    async with open_house({"parking": await serve(simulator)}, lookups_an_hour=8) as house:
        await house.until(await house.ask("parking", "grant_permit", PERMIT))
        yield simulator, house


async def look(house: Any, **other: Any) -> tuple[dict[str, Any], float]:
    """The answer, and how many seconds it took."""
    begun = time.perf_counter()
    async with house.officer() as client:
        reply = await client.post("/lookups", json=lookup(**other))
    assert reply.status_code == 200, reply.text
    return reply.json(), time.perf_counter() - begun


async def test_a_register_that_answers_is_asked_and_the_answer_kept(counter: tuple[Simulator, Any]) -> None:
    simulator, house = counter
    found, _ = await look(house)
    assert (found["freshness"], found["verdict"]) == ("fresh", "confirmed")
    assert found["answer"]["number"] == "P-000001"
    calls = simulator.seen.calls.total()
    again, _ = await look(house, question={"plate": "L 123AB", "unknown": 1})  # the same question, written otherwise
    assert (again["freshness"], again["answer"]) == ("kept", found["answer"])
    assert datetime.fromisoformat(again["as_of"]) <= datetime.fromisoformat(found["as_of"])
    assert simulator.seen.calls.total() == calls


async def test_while_it_is_down_an_older_answer_is_given_with_its_moment(counter: tuple[Simulator, Any]) -> None:
    simulator, house = counter
    found, _ = await look(house)
    simulator.knobs = QUIET.model_copy(update={"down": True})
    house.ahead += timedelta(minutes=10)
    again, _ = await look(house)
    assert (again["freshness"], again["answer"]) == ("kept", found["answer"])
    house.ahead += timedelta(days=2)
    gone, _ = await look(house)
    assert (gone["freshness"], gone["answer"], gone["verdict"]) == ("down", None, None)


async def test_a_slow_register_holds_nobody_up_and_its_answer_is_there_for_the_next(
    counter: tuple[Simulator, Any],
) -> None:
    simulator, house = counter
    simulator.knobs = QUIET.model_copy(update={"latency_s": 3.5})
    told, took_s = await look(house)
    assert told["freshness"] == "down"
    assert took_s < 2.5  # two seconds are ours to keep; the machine may be busy
    calls = simulator.seen.calls.total()
    await asyncio.sleep(3)
    again, _ = await look(house)
    assert (again["freshness"], again["verdict"]) == ("kept", "confirmed")
    assert simulator.seen.calls.total() == calls


async def test_people_at_the_counter_have_a_share_that_cases_do_not_take(counter: tuple[Simulator, Any]) -> None:
    simulator, house = counter
    simulator.knobs = QUIET.model_copy(update={"latency_s": 4.0})
    for number in range(10):
        await house.ask("parking", "find_permit", {"plate": f"L {number:05}B"})
    while simulator.seen.together < 3:
        await asyncio.sleep(0.05)
    simulator.knobs = QUIET
    found, _ = await look(house)
    assert found["freshness"] == "fresh"
    assert simulator.seen.most_together <= 4


async def test_each_read_is_written_down_kept_or_fresh(counter: tuple[Simulator, Any]) -> None:
    _, house = counter
    case_id = uuid7()
    for _ in range(2):
        await look(house, case_id=str(case_id))
    reads = await house.rows("SELECT * FROM register_read WHERE request_id IS NULL ORDER BY read_at")
    assert [(one["source"], one["case_id"]) for one in reads] == [("register", case_id), ("kept", case_id)]
    assert {one["delivered"]["number"] for one in reads} == {"P-000001"}


async def test_whoever_asks_very_often_is_stopped(counter: tuple[Simulator, Any]) -> None:
    _, house = counter
    async with house.officer("curious@linz") as client:
        replies = [(await client.post("/lookups", json=lookup())).status_code for _ in range(9)]
    assert replies == [200] * 8 + [503]
    async with house.officer("other@linz") as client:
        assert (await client.post("/lookups", json=lookup())).status_code == 200


@pytest.mark.parametrize(
    ("other", "status", "code"),
    [
        ({"register_name": "passports"}, 404, "register.unknown"),
        ({"operation": "grant_permit"}, 404, "operation.unknown"),
        ({"purpose": "curiosity"}, 403, "purpose.not_allowed"),
        ({"question": {"plate": "no plate at all"}}, 422, "question.invalid"),
    ],
)
async def test_a_wrong_lookup_is_refused_and_asks_nobody(
    counter: tuple[Simulator, Any], other: dict[str, Any], status: int, code: str
) -> None:
    simulator, house = counter
    calls = simulator.seen.calls.total()
    async with house.officer() as client:
        reply = await client.post("/lookups", json=lookup(**other))
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert simulator.seen.calls.total() == calls

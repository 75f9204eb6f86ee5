"""Voting cards at the simulated electoral roll: each once, until the deadline in local time."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from connector_kit.adapter import CallContext
from connector_kit.bridge import Bridge
from connector_kit.call_outcome import Ambiguous, CallOutcome, NotFound, Rejected, Succeeded
from pydantic import BaseModel
from registry_bridge.bridges.electoral_roll.simulator import ElectionFaults, ElectoralRollSimulator
from registry_bridge.bridges.seeded_people import RegisteredPerson
from registry_bridge_fixtures import Connect, ask_as_json
from uuid_utils.compat import uuid7
from wanderamt_testing.simulator_server import ServeSimulator

ANA = {"family_name": "Gruber", "given_name": "Ana", "birth": "1980-01-01"}
JAN = {"family_name": "Novák", "given_name": "Jan", "birth": "1990"}
PEOPLE = [
    RegisteredPerson.model_validate(ANA),
    RegisteredPerson.model_validate(JAN | {"birth": "1990-02-01"}),
    RegisteredPerson.model_validate(JAN | {"birth": "1990-03-01"}),
    RegisteredPerson.model_validate(ANA | {"family_name": "Öztürk", "nationality": "TR"}),
    RegisteredPerson.model_validate(ANA | {"given_name": "Eva", "birth": "2011-09-27"}),
    RegisteredPerson.model_validate(ANA | {"given_name": "Ida", "birth": "2011-09-26"}),
]
SETTINGS: dict[str, Any] = {"latency_s": 0.01, "election_day": "2027-09-26", "now": "2027-09-01T12:00:00+02:00"}
CARD = {"card_number": "WK-000001", "election": "Nationalratswahl", "election_day": "2027-09-26"}
Register = tuple[ElectoralRollSimulator, Bridge]


@pytest_asyncio.fixture
async def register(serve: ServeSimulator, connect: Connect) -> AsyncIterator[Register]:
    simulator = ElectoralRollSimulator(PEOPLE, ElectionFaults.model_validate(SETTINGS))
    bridge = connect("electoral_roll", await serve(simulator))
    yield simulator, bridge
    await bridge.transport.close()


async def ask(register: Register, operation: str, question: dict[str, Any]) -> CallOutcome:
    return await ask_as_json(register[1], operation, question, CallContext(uuid7(), "clerk@linz", "NRWO-39"))


async def answer(register: Register, operation: str, question: dict[str, Any]) -> dict[str, Any]:
    outcome = await ask(register, operation, question)
    assert isinstance(outcome, Succeeded), outcome
    result: BaseModel = outcome.result
    return result.model_dump(mode="json")


def set_time(register: Register, now: str, **other: Any) -> None:
    register[0].faults = ElectionFaults.model_validate(SETTINGS | {"now": now} | other)


async def test_a_voter_is_told_the_deadlines_of_the_coming_election(register: Register) -> None:
    expected = {
        "election": "Nationalratswahl",
        "election_day": "2027-09-26",
        "spoken_until": "2027-09-24T12:00:00+02:00",
        "written_until": "2027-09-22T23:59:59+02:00",
    }
    assert await answer(register, "find_voter", ANA) == expected | {"card_requested": False}
    await answer(register, "request_voting_card", ANA | {"channel": "spoken"})
    assert (await answer(register, "find_voter", ANA))["card_requested"] is True


async def test_whoever_cannot_vote_is_not_on_the_roll(register: Register) -> None:
    strangers = [ANA | {"family_name": "Öztürk"}, ANA | {"given_name": "Eva", "birth": "2011-09-27"}]
    for person in (*strangers, ANA | {"family_name": "Niemand"}):
        assert await ask(register, "find_voter", person) == NotFound()
        assert await ask(register, "request_voting_card", person | {"channel": "spoken"}) == NotFound()
    assert await ask(register, "find_voter", JAN) == Ambiguous()
    await answer(register, "find_voter", ANA | {"given_name": "Ida", "birth": "2011-09-26"})  # 16 on the day itself


async def test_a_voter_gets_one_card_until_it_is_withdrawn(register: Register) -> None:
    address = {"country": "SK", "municipality": "Bratislava"}
    order = ANA | {"channel": "written", "delivery_address": address}
    assert await answer(register, "request_voting_card", order) == CARD
    assert await ask(register, "request_voting_card", order) == Rejected("card-exists")
    [row] = register[0].rows()["cards"]
    assert (row["family_name"], row["channel"]) == ("Gruber", "written")
    assert row["delivery_address"]["municipality"] == "Bratislava"
    number = {"card_number": CARD["card_number"]}
    for _ in range(2):
        assert await answer(register, "withdraw_voting_card", number) == number
    assert (await answer(register, "request_voting_card", order))["card_number"] == "WK-000002"
    assert await ask(register, "withdraw_voting_card", {"card_number": "WK-999999"}) == NotFound()


@pytest.mark.parametrize(
    ("channel", "last_moment", "too_late"),
    [
        ("spoken", "2027-09-24T12:00:00+02:00", "2027-09-24T12:00:01+02:00"),
        ("written", "2027-09-22T21:59:59+00:00", "2027-09-22T22:00:00+00:00"),  # midnight in Vienna
    ],
)
async def test_a_card_is_requested_until_the_deadline_in_local_time(
    register: Register, channel: str, last_moment: str, too_late: str
) -> None:
    set_time(register, too_late)
    assert await ask(register, "request_voting_card", ANA | {"channel": channel}) == Rejected("too-late")
    assert register[0].rows()["cards"] == []
    set_time(register, last_moment)
    assert await answer(register, "request_voting_card", ANA | {"channel": channel}) == CARD


async def test_the_authority_can_set_other_deadlines(register: Register) -> None:
    set_time(register, "2027-09-01T12:00:00+02:00", spoken_until="2027-09-01T11:59:59+02:00")
    assert (await answer(register, "find_voter", ANA))["spoken_until"] == "2027-09-01T11:59:59+02:00"
    assert await ask(register, "request_voting_card", ANA | {"channel": "spoken"}) == Rejected("too-late")


async def test_by_default_an_election_lies_ahead_and_everybody_of_age_is_a_voter(
    serve: ServeSimulator, connect: Connect
) -> None:
    simulator = ElectoralRollSimulator(None, ElectionFaults(latency_s=0.01))
    register = (simulator, connect("electoral_roll", await serve(simulator)))
    assert simulator.election.day.weekday() == 6
    await answer(register, "request_voting_card", ANA | {"channel": "written"})
    assert await ask(register, "find_voter", ANA | {"birth": "2024"}) == NotFound()
    await register[1].transport.close()

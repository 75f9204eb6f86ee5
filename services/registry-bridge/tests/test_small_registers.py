"""Vehicles, social office and lost property, each at its simulator on a real socket: questions, rows, and refusals."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import pytest
import pytest_asyncio
from connector_kit.adapter import CallContext
from connector_kit.bridge import Bridge
from connector_kit.call_outcome import Ambiguous, CallOutcome, NotFound, Rejected, Succeeded
from connector_kit.testing.simulator import FaultConfig, HttpSimulator
from pydantic import BaseModel
from registry_bridge.bridges.lost_property.simulator import LostPropertySimulator
from registry_bridge.bridges.seeded_people import RegisteredPerson
from registry_bridge.bridges.social.simulator import SocialFaults, SocialSimulator
from registry_bridge.bridges.vehicles.simulator import VehiclesSimulator
from registry_bridge_fixtures import Connect, ask_as_json
from uuid_utils.compat import uuid7
from wanderamt_testing.simulator_server import ServeSimulator

ANA = {"family_name": "Gruber", "given_name": "Ana", "birth": "1980-01-01"}
JAN = {"family_name": "Novák", "given_name": "Jan", "birth": "1990"}
PEOPLE = [
    RegisteredPerson.model_validate(
        ANA | {"income_cents": 120_000, "vehicles": [{"plate": "L-123AB"}, {"plate": "B AB 17", "country": "DE"}]}
    ),
    RegisteredPerson.model_validate(
        {"family_name": "Huber", "birth": "1970", "income_cents": 142_400}
        | {"vehicles": [{"plate": "L-777XY", "company": "Autohaus Muster", "leased": True}, {"plate": "W-1AB"}]}
    ),
    RegisteredPerson.model_validate(JAN | {"birth": "1990-02-01", "vehicles": [{"plate": "W 1AB"}]}),
    RegisteredPerson.model_validate(JAN | {"birth": "1990-03-01"}),
]
NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
F = TypeVar("F", bound=FaultConfig)
Ask = Callable[..., Awaitable[CallOutcome]]
Open = Callable[[str, HttpSimulator[Any]], Awaitable[Ask]]


@pytest_asyncio.fixture
async def open_register(serve: ServeSimulator, connect: Connect) -> AsyncIterator[Open]:
    """`ask = await open_register("social", simulator)`, then `await ask(operation, question)`."""
    async with AsyncExitStack() as stack:

        async def opened(name: str, simulator: HttpSimulator[F]) -> Ask:
            bridge: Bridge = connect(name, await serve(simulator))
            stack.push_async_callback(bridge.transport.close)

            async def ask(operation: str, question: dict[str, Any], *, id_: UUID | None = None) -> CallOutcome:
                purpose = bridge.manifest.operations[operation].purposes[0]
                return await ask_as_json(bridge, operation, question, CallContext(id_ or uuid7(), "clerk", purpose))

            return ask

        yield opened


def answer_of(outcome: CallOutcome) -> dict[str, Any]:
    assert isinstance(outcome, Succeeded), outcome
    result: BaseModel = outcome.result
    return result.model_dump(mode="json")


QUIET = FaultConfig(latency_s=0.01)


async def test_a_plate_names_its_keeper_however_it_is_written(open_register: Open) -> None:
    ask = await open_register("vehicles", VehiclesSimulator(PEOPLE, QUIET))
    for plate in ("L-123AB", "L 123 AB", "L123AB"):
        keeper = answer_of(await ask("find_keeper", {"country": "AT", "plate": plate}))
        assert (keeper["plate"], keeper["keeper"], keeper["company"]) == ("L-123AB", ANA, "")
    assert answer_of(await ask("find_keeper", {"country": "DE", "plate": "B-AB 17"}))["keeper"] == ANA
    company = answer_of(await ask("find_keeper", {"country": "AT", "plate": "L-777XY"}))
    assert (company["company"], company["leased"], company["keeper"]["given_name"]) == ("Autohaus Muster", True, "")


async def test_an_unknown_plate_has_no_keeper_and_two_keepers_are_none(open_register: Open) -> None:
    ask = await open_register("vehicles", VehiclesSimulator(PEOPLE, QUIET))
    assert await ask("find_keeper", {"country": "DE", "plate": "L-123AB"}) == NotFound()
    assert await ask("find_keeper", {"country": "AT", "plate": "W-1AB"}) == Ambiguous(2)
    assert await ask("find_keeper", {"country": "AT", "plate": "?"}) == Rejected("question_invalid")


async def test_the_social_office_says_yes_or_no_and_keeps_no_question(open_register: Open) -> None:
    simulator = SocialSimulator(PEOPLE, SocialFaults(latency_s=0.01))
    ask = await open_register("social", simulator)
    huber = {"family_name": "Huber", "birth": "1970"}
    assert answer_of(await ask("below_threshold", ANA)) == {"below": True}
    assert answer_of(await ask("below_threshold", huber)) == {"below": False}
    assert await ask("below_threshold", ANA | {"family_name": "Niemand"}) == NotFound()
    assert await ask("below_threshold", JAN) == Ambiguous()
    assert simulator.rows() == {"passes": []}
    simulator.faults = SocialFaults(latency_s=0.01, threshold_cents=150_000)
    assert answer_of(await ask("below_threshold", huber)) == {"below": True}


async def test_a_person_below_the_threshold_gets_one_pass_until_it_is_withdrawn(open_register: Open) -> None:
    simulator = SocialSimulator(PEOPLE, SocialFaults(latency_s=0.01))
    ask = await open_register("social", simulator)
    order, id_ = ANA | {"valid_until": "2027-12-31"}, uuid7()
    issued = answer_of(await ask("issue_pass", order, id_=id_))
    assert issued == {"number": "AP-000001", "valid_until": "2027-12-31"}
    assert answer_of(await ask("issue_pass", order, id_=id_)) == issued  # repeated under its key
    assert await ask("issue_pass", order) == Rejected("has-pass")
    huber = {"family_name": "Huber", "birth": "1970", "valid_until": "2027-12-31"}
    assert await ask("issue_pass", huber) == Rejected("above-threshold")
    for _ in range(2):
        assert answer_of(await ask("withdraw_pass", {"number": "AP-000001"})) == {"number": "AP-000001"}
    assert await ask("withdraw_pass", {"number": "AP-999999"}) == NotFound()
    answer_of(await ask("issue_pass", order))
    assert [row["withdrawn"] for row in simulator.rows()["passes"]] == [True, False]
    assert not simulator.call_log.duplicated()


WALLET = {"category": "wallet", "description": "Geldbörse mit Reißverschluss", "colour": "schwarz"}
FOUND = {"items": [WALLET | {"value_cents": 5_000}], "place": "Straßenbahn 1", "on": "2026-11-20"}


@pytest.mark.parametrize(
    ("values", "keep_until"),
    [([9_999], "2027-05-20"), ([6_000, 4_000], "2027-11-20"), ([None], "2027-11-20"), ([0, None], "2027-11-20")],
)
async def test_small_things_are_kept_for_half_a_year(
    open_register: Open, values: list[int | None], keep_until: str
) -> None:
    simulator = LostPropertySimulator(QUIET)
    ask = await open_register("lost_property", simulator)
    items = [WALLET | ({} if value is None else {"value_cents": value}) for value in values]
    finder = {"family_name": "Huber", "given_name": "", "birth": None, "phone": "+436605550000"}
    report = FOUND | {"items": items, "finder": finder}
    assert answer_of(await ask("report_found", report)) == {"number": "F-000001", "keep_until": keep_until}
    [row] = simulator.rows()["found"]
    assert (row["place"], row["on"], row["finder"]) == ("Straßenbahn 1", "2026-11-20", finder)
    assert [item["value_cents"] for item in row["items"]] == values


async def test_a_loss_is_matched_with_what_was_handed_in_since_then(open_register: Open) -> None:
    simulator = LostPropertySimulator(QUIET)
    ask = await open_register("lost_property", simulator)
    for _ in range(2):
        answer_of(await ask("report_found", FOUND))
    loss = {"items": [WALLET], "place": "Hauptplatz", "on": "2026-11-19", "owner": ANA}
    receipt = answer_of(await ask("report_lost", loss))
    assert receipt["number"] == "V-000001"
    assert [match["number"] for match in receipt["matches"]] == ["F-000001", "F-000002"]
    assert simulator.rows()["lost"][0]["owner"] == ANA
    question = {"category": "wallet", "description": "rote Geldbörse", "on": "2026-11-20"}
    assert len(answer_of(await ask("find_matches", question))["matches"]) == 2
    for changes in ({"on": "2026-11-21"}, {"category": "umbrella"}, {"description": "Regenschirm"}):
        assert await ask("find_matches", question | changes) == NotFound()
    later = answer_of(await ask("report_lost", loss | {"on": "2026-11-21"}))
    assert later == {"number": "V-000002", "matches": []}  # nothing matches, but the loss is reported


async def test_a_thing_is_handed_out_once_and_can_come_back(open_register: Open) -> None:
    simulator = LostPropertySimulator(QUIET, clock=lambda: NOON)
    ask = await open_register("lost_property", simulator)
    number = answer_of(await ask("report_found", FOUND))["number"]
    assert await ask("cancel_hand_out", {"number": number}) == NotFound()
    receipt = answer_of(await ask("hand_out", ANA | {"number": number}))
    assert receipt == {"number": number, "handed_out_on": "2026-11-23"}
    assert await ask("hand_out", ANA | {"number": number}) == Rejected("handed-out")
    assert await ask("withdraw_report", {"number": number}) == Rejected("handed-out")
    assert await ask("find_matches", {"category": "wallet", "on": "2026-11-20"}) == NotFound()
    for _ in range(2):
        assert answer_of(await ask("cancel_hand_out", {"number": number})) == {"number": number}
    for _ in range(2):
        assert answer_of(await ask("withdraw_report", {"number": number})) == {"number": number}
    assert await ask("hand_out", ANA | {"number": number}) == NotFound()
    for operation in ("hand_out", "withdraw_report"):
        assert await ask(operation, ANA | {"number": "F-999999"}) == NotFound()

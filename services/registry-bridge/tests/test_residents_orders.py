"""Orders to the residents register, on a real socket: what they write, what undoes them, and what it refuses."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from connector_kit.adapter import CallContext
from connector_kit.bridge import Bridge
from connector_kit.call_outcome import Ambiguous, CallOutcome, NotFound, PossiblyExecuted, Rejected, Succeeded
from pydantic import BaseModel
from registry_bridge.bridges.residents.simulator import ResidentsFaults, ResidentsSimulator
from registry_bridge.bridges.seeded_people import RegisteredPerson, address_of
from registry_bridge_fixtures import Connect, ask_as_json
from uuid_utils.compat import uuid7
from wanderamt_testing.simulator_server import ServeSimulator

QUIET = ResidentsFaults(latency_s=0.01, jitter_s=0)
HOME = {
    "country": "AT",
    "postal_code": "4020",
    "municipality": "Linz",
    "street": "Landstraße",
    "number": "17",
    "door": "4",
}
NEW_HOME = {"country": "AT", "postal_code": "4020", "municipality": "Linz", "street": "Hauptplatz", "number": "1"}
ANA = {"family_name": "Gruber", "given_name": "Ana", "birth": "1980-01-01"}
SEMSA = {"family_name": "Öztürk", "given_name": "Šemsa", "birth": "1971-12"}
NEWBORN = {"family_name": "Öztürk", "given_name": "", "birth": "2026-11-01"}
PEOPLE = [
    RegisteredPerson.model_validate(SEMSA | {"address": HOME, "nationality": "TR"}),
    RegisteredPerson.model_validate(
        ANA | {"address": HOME, "locked": True, "former_municipalities": ["Wels"]},
    ),
    RegisteredPerson(family_name="Novák", given_name="Jan", birth_date="1990-02-01"),
    RegisteredPerson(family_name="Novák", given_name="Jan", birth_date="1990-03-01"),
    RegisteredPerson.model_validate(
        {"family_name": "Huber", "given_name": "Eva", "birth": "1960", "address": HOME, "kind": "secondary"}
        | {"former_municipalities": ["Steyr"]}
    ),
]
Register = tuple[ResidentsSimulator, Bridge]


@pytest_asyncio.fixture
async def register(serve: ServeSimulator, connect: Connect) -> AsyncIterator[Register]:
    simulator = ResidentsSimulator(PEOPLE, QUIET)
    bridge = connect("residents", await serve(simulator))
    yield simulator, bridge
    await bridge.transport.close()


def moved(*people: dict[str, str], **other: Any) -> dict[str, Any]:
    new_residents = [person | {"nationality": "TR"} for person in people]
    return {"people": new_residents, "address": NEW_HOME, "kind": "main", "moved_on": "2026-11-20", **other}


async def ask(register: Register, operation: str, question: dict[str, Any], *, id_: UUID | None = None) -> CallOutcome:
    bridge = register[1]
    purpose = bridge.manifest.operations[operation].purposes[0]
    return await ask_as_json(bridge, operation, question, CallContext(id_ or uuid7(), "clerk@linz", purpose))


async def answer(register: Register, operation: str, question: dict[str, Any]) -> dict[str, Any]:
    outcome = await ask(register, operation, question)
    assert isinstance(outcome, Succeeded), outcome
    result: BaseModel = outcome.result
    return result.model_dump(mode="json")


def homes(register: Register, person: dict[str, str]) -> list[tuple[str, str, str, str | None]]:
    """(street, kind, since, until) of each residence."""
    rows = register[0].rows()
    [record] = [row for row in rows["people"] if (row["family_name"], row["given_name"]) == name_of(person)]
    residences = [row for row in rows["residences"] if row["record_number"] == record["record_number"]]
    return [(row["address"]["street"], row["kind"], row["since"], row["until"]) for row in residences]


def name_of(person: dict[str, str]) -> tuple[str, str]:
    return person["family_name"], person["given_name"]


async def test_a_person_is_found_by_name_and_one_more_criterion(register: Register) -> None:
    entry = await answer(register, "find_person", SEMSA)
    assert (entry["municipality"], entry["address"]) == ("Linz", HOME | {"stair": ""})
    huber = {"family_name": "Huber", "given_name": "Eva", "former_municipality": "Steyr"}
    assert (await answer(register, "find_person", huber))["record_number"] != entry["record_number"]
    assert await ask(register, "find_person", huber | {"former_municipality": "Wels"}) == NotFound()
    assert await ask(register, "find_person", {"family_name": "Öztürk", "given_name": "Šemsa"}) == Rejected("f430")


async def test_a_locked_and_an_unknown_person_get_the_same_answer_and_two_hits_are_none(register: Register) -> None:
    locked, unknown = ANA, ANA | {"family_name": "Niemand"}
    replies = [await ask(register, "find_person", person) for person in (locked, unknown)]
    assert replies == [NotFound(), NotFound()]
    assert [await ask(register, "household", person) for person in (locked, unknown)] == [NotFound(), NotFound()]
    jan = {"family_name": "Novák", "given_name": "Jan", "birth": "1990"}
    assert await ask(register, "find_person", jan) == Ambiguous()
    assert await ask(register, "household", jan) == Ambiguous()


async def test_a_household_has_all_who_live_there_but_locked_people(register: Register) -> None:
    household = await answer(register, "household", SEMSA)
    assert household["address"] == HOME | {"stair": ""}
    assert [(member["given_name"], member["birth"], member["kind"]) for member in household["members"]] == [
        ("Šemsa", "1971-12", "main"),
        ("Eva", "1960", "secondary"),
    ]


async def test_a_family_moves_in_and_each_former_main_residence_ends(register: Register) -> None:
    receipt = await answer(register, "register_residence", moved(SEMSA, NEWBORN))
    assert receipt["registered_since"] == "2026-11-20"
    assert receipt["ended_main_residence"] is True
    assert homes(register, SEMSA) == [
        ("Landstraße", "main", "2012-05-02", "2026-11-20"),
        ("Hauptplatz", "main", "2026-11-20", None),
    ]
    assert homes(register, NEWBORN) == [("Hauptplatz", "main", "2026-11-20", None)]
    confirmed = await answer(
        register, "confirm_residence", {"family_name": "Öztürk", "given_name": "Šemsa", "birth_year": 1971}
    )
    assert (confirmed["kind"], confirmed["registered_since"]) == ("main", "2026-11-20")
    assert confirmed["address"]["street"] == "Hauptplatz"


async def test_a_secondary_residence_ends_nothing(register: Register) -> None:
    receipt = await answer(register, "register_residence", moved(SEMSA, kind="secondary"))
    assert receipt["ended_main_residence"] is False
    assert [until for *_, until in homes(register, SEMSA)] == [None, None]


async def test_a_cancelled_registration_leaves_exactly_what_was_before(register: Register) -> None:
    before = register[0].rows()
    number = await answer(register, "register_residence", moved(SEMSA, NEWBORN))
    cancel = {"registration_number": number["registration_number"]}
    for _ in range(2):  # undoing twice gives the same answer
        assert await answer(register, "cancel_registration", cancel) == cancel
    after = register[0].rows()
    assert (after["people"], after["residences"]) == (before["people"], before["residences"])
    assert [(order["kind"], order["cancelled"]) for order in after["orders"]] == [("registration", True)]


async def test_a_registration_on_which_a_later_one_builds_is_not_cancelled_before_it(register: Register) -> None:
    first = await answer(register, "register_residence", moved(SEMSA))
    second = await answer(register, "register_residence", moved(SEMSA, address=NEW_HOME | {"number": "2"}))
    numbers = [{"registration_number": receipt["registration_number"]} for receipt in (first, second)]
    assert await ask(register, "cancel_registration", numbers[0]) == Rejected("f442")
    for number in reversed(numbers):
        await answer(register, "cancel_registration", number)
    assert homes(register, SEMSA) == [("Landstraße", "main", "2012-05-02", None)]


@pytest.mark.parametrize(
    ("order", "outcome"),
    [
        (moved(SEMSA, address=HOME), Rejected("f440")),
        (moved(SEMSA, SEMSA), Rejected("f411")),
        (moved(SEMSA, address=NEW_HOME | {"postal_code": "4040"}), Rejected("f441")),
        (moved({"family_name": "Novák", "given_name": "Jan", "birth": "1990"}), Ambiguous()),
        (moved(), Rejected("question_invalid")),
        (moved(SEMSA, address={"country": "AT", "municipality": "Linz"}), Rejected("question_invalid")),
        (moved(SEMSA | {"birth": "1971-02-30"}), Rejected("question_invalid")),
    ],
)
async def test_a_refused_registration_writes_nothing(
    register: Register, order: dict[str, Any], outcome: CallOutcome
) -> None:
    before = register[0].rows()
    assert await ask(register, "register_residence", order) == outcome
    assert register[0].rows() == before
    assert not register[0].call_log.effects


async def test_a_residence_ends_by_deregistration_and_comes_back_when_that_is_cancelled(register: Register) -> None:
    leave = {"people": [SEMSA, ANA], "address": HOME, "moved_out_on": "2026-11-30"}
    receipt = await answer(register, "deregister_residence", leave)
    assert homes(register, SEMSA) == [("Landstraße", "main", "2012-05-02", "2026-11-30")]
    assert homes(register, ANA)[0][3] == "2026-11-30"  # a lock is against questions, not against moving out
    assert await ask(register, "deregister_residence", leave) == NotFound()
    number = {"deregistration_number": receipt["deregistration_number"]}
    for _ in range(2):
        assert await answer(register, "cancel_deregistration", number) == number
    assert homes(register, SEMSA) == [("Landstraße", "main", "2012-05-02", None)]


async def test_whoever_does_not_live_there_deregisters_nobody(register: Register) -> None:
    jan = {"family_name": "Novák", "given_name": "Jan", "birth": "1990-02-01"}
    leave = {"people": [SEMSA, jan], "address": HOME, "moved_out_on": "2026-11-30"}
    assert await ask(register, "deregister_residence", leave) == NotFound()
    assert homes(register, SEMSA) == [("Landstraße", "main", "2012-05-02", None)]


async def test_a_correction_changes_what_is_wrong_and_can_be_cancelled(register: Register) -> None:
    record = (await answer(register, "find_person", SEMSA))["record_number"]
    receipt = await answer(register, "correct_person", {"record_number": record, "birth": "1971-12-31"})
    assert receipt["record_number"] == record
    assert (await answer(register, "find_person", SEMSA | {"birth": "1971-12-31"}))["record_number"] == record
    cancelled = await answer(register, "cancel_correction", {"correction_number": receipt["correction_number"]})
    assert cancelled == receipt
    assert await ask(register, "find_person", SEMSA | {"birth": "1971-12-31"}) == NotFound()


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        ("cancel_registration", "registration_number"),
        ("cancel_deregistration", "deregistration_number"),
        ("cancel_correction", "correction_number"),
        ("correct_person", "record_number"),
    ],
)
async def test_what_never_was_is_not_undone(register: Register, operation: str, field: str) -> None:
    assert await ask(register, operation, {field: "MR-999999", "given_name": "Ana"}) == NotFound()


async def test_a_registration_without_an_answer_is_repeated_and_done_once(register: Register) -> None:
    simulator, order = register[0], uuid7()
    simulator.faults = QUIET.model_copy(update={"apply_then_timeout_share": 1.0, "hang_s": 3})
    rules = register[1].manifest.operations["register_residence"]
    short = rules.model_copy(update={"timeout_s": 0.5})
    register[1].manifest.operations["register_residence"] = short
    assert await ask(register, "register_residence", moved(SEMSA), id_=order) == PossiblyExecuted("no_answer")
    simulator.faults = QUIET
    assert isinstance(await ask(register, "register_residence", moved(SEMSA), id_=order), Succeeded)
    assert simulator.call_log.effects == {str(order): 1}
    assert len(homes(register, SEMSA)) == 2
    assert [row["request_id"] for row in simulator.rows()["orders"]] == [str(order)]


async def test_without_a_file_everybody_lives_at_an_address_in_linz(serve: ServeSimulator, connect: Connect) -> None:
    simulator = ResidentsSimulator(None, QUIET)
    url = await serve(simulator)
    register = (simulator, connect("residents", url))
    entry = await answer(register, "find_person", SEMSA)
    assert entry["address"] == address_of("Öztürk", "Šemsa").model_dump()
    assert await answer(register, "find_person", SEMSA) == entry
    receipt = await answer(register, "register_residence", moved(SEMSA))
    assert receipt["ended_main_residence"] is True
    async with httpx.AsyncClient() as client:
        rows = (await client.get(url.removesuffix("/soap") + "/_simulator/rows")).json()
    assert rows["people"][0]["record_number"] == entry["record_number"]
    assert [row["until"] for row in rows["residences"]] == ["2026-11-20", None]
    await register[1].transport.close()

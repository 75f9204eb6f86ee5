"""Zones and permits at the simulated traffic office: one permit per plate and per person, and their revocation."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from connector_kit.adapter import CallContext
from connector_kit.bridge import Bridge
from connector_kit.call_outcome import CallOutcome, NotFound, Rejected, Succeeded
from connector_kit.testing.simulator import FaultConfig
from pydantic import BaseModel
from registry_bridge.bridges.parking.simulator import ParkingSimulator
from registry_bridge_fixtures import Connect, ask_as_json
from uuid_utils.compat import uuid7
from wanderamt_testing.simulator_server import ServeSimulator

ANA = {"family_name": "Gruber", "given_name": "Ana", "birth": "1980-01-01"}
GRANT = {"plate": "L-123AB", "zone": "A", "valid_from": "2026-12-01", "months": 24, **ANA}
Register = tuple[ParkingSimulator, Bridge]


@pytest_asyncio.fixture
async def register(serve: ServeSimulator, connect: Connect) -> AsyncIterator[Register]:
    simulator = ParkingSimulator(faults=FaultConfig(latency_s=0.01))
    bridge = connect("parking", await serve(simulator))
    yield simulator, bridge
    await bridge.transport.close()


async def ask(register: Register, operation: str, question: dict[str, Any]) -> CallOutcome:
    return await ask_as_json(register[1], operation, question, CallContext(uuid7(), "clerk@linz", "StVO-45-4"))


async def answer(register: Register, operation: str, question: dict[str, Any]) -> dict[str, Any]:
    outcome = await ask(register, operation, question)
    assert isinstance(outcome, Succeeded), outcome
    result: BaseModel = outcome.result
    return result.model_dump(mode="json")


@pytest.mark.parametrize(
    ("street", "postal_code", "zone"),
    [("Landstraße", "4020", "A"), ("landstrasse", "4020", "A"), ("Eisenhandstraße", "4020", "F")],
)
async def test_the_zone_follows_from_the_street(register: Register, street: str, postal_code: str, zone: str) -> None:
    address = {"country": "AT", "street": street, "postal_code": postal_code, "number": "17"}
    assert await answer(register, "find_zone", address) == {"zone": zone, "name": f"Bewohnerzone {zone}"}


async def test_a_street_outside_of_the_city_has_no_zone(register: Register) -> None:
    for address in ({"street": "Nirgendweg", "postal_code": "4020"}, {"street": "Landstraße", "postal_code": "1010"}):
        assert await ask(register, "find_zone", address) == NotFound()


async def test_a_permit_is_found_by_its_plate_and_by_its_holder(register: Register) -> None:
    permit = await answer(register, "grant_permit", GRANT)
    expected = {"number": "P-000001", "zone": "A", "valid_from": "2026-12-01", "valid_until": "2028-11-30"}
    assert permit == expected | {"plate": "L-123AB", "holder": ANA}
    assert await answer(register, "find_permit", {"plate": "L 123AB"}) == permit
    assert await answer(register, "find_permit", ANA) == permit
    assert await ask(register, "find_permit", ANA | {"birth": "1980-01-02"}) == NotFound()
    [row] = register[0].rows()["permits"]
    assert (row["plate"], row["family_name"], row["revoked"]) == ("L-123AB", "Gruber", False)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"family_name": "Huber"}, Rejected("has-permit")),  # the plate of somebody who has one
        ({"plate": "L 123 AB", "family_name": "Huber"}, Rejected("has-permit")),
        ({"plate": "L-999ZZ"}, Rejected("has-permit")),  # the same person
        ({"plate": "L-999ZZ", "family_name": "Huber", "zone": "Z"}, Rejected("unknown-zone")),
        ({"plate": "L-999ZZ", "family_name": "Huber", "months": 25}, Rejected("question_invalid")),
    ],
)
async def test_a_refused_permit_is_not_written_down(
    register: Register, changes: dict[str, Any], outcome: CallOutcome
) -> None:
    await answer(register, "grant_permit", GRANT)
    assert await ask(register, "grant_permit", GRANT | changes) == outcome
    assert len(register[0].rows()["permits"]) == 1


async def test_a_permit_is_renewed_for_the_time_after_it(register: Register) -> None:
    await answer(register, "grant_permit", GRANT)
    assert await ask(register, "grant_permit", GRANT | {"valid_from": "2028-11-30"}) == Rejected("has-permit")
    renewed = await answer(register, "grant_permit", GRANT | {"valid_from": "2028-12-01"})
    assert (await answer(register, "find_permit", ANA))["number"] == renewed["number"]


async def test_a_revoked_permit_is_gone_and_makes_room_for_another(register: Register) -> None:
    number = {"number": (await answer(register, "grant_permit", GRANT))["number"]}
    for _ in range(2):  # undoing twice gives the same answer
        assert await answer(register, "revoke_permit", number) == number
    assert await ask(register, "find_permit", ANA) == NotFound()
    await answer(register, "grant_permit", GRANT)
    assert [row["revoked"] for row in register[0].rows()["permits"]] == [True, False]
    assert await ask(register, "revoke_permit", {"number": "P-999999"}) == NotFound()
    assert not register[0].call_log.duplicated()

"""The residents bridge: SOAP on a real socket, and whatever bytes a register may send back."""

from collections.abc import AsyncIterator, Callable
from datetime import date
from typing import Any

import pytest
import pytest_asyncio
from connector_kit.adapter import HttpReply, Stamp
from connector_kit.bridge import Bridge
from connector_kit.verdict import (
    Ambiguous,
    AuthFailed,
    Done,
    Malformed,
    NotFound,
    Rejected,
    RetryLater,
    Unknown,
    Verdict,
)
from registry_bridge.bridges.residents.models import Person
from registry_bridge.bridges.residents.simulator import Known, ResidentsKnobs, Simulator
from uuid_utils.compat import uuid7

KNOWN = Person(given_name="Šemsa", family_name="Öztürk", birth_date=date(1971, 12, 31))
YEAR_ALONE = Person(given_name="Šemsa", family_name="Öztürk", birth_year=1971)
LOCKED = Person(given_name="Ana", family_name="Gruber", birth_date=date(1980, 1, 1))
TWINS = Person(given_name="Jan", family_name="Novák", birth_year=1990)
PEOPLE = [
    Known("Öztürk", "Šemsa", "1971-12-31"),
    Known("Gruber", "Ana", "1980-01-01", locked=True),
    Known("Novák", "Jan", "1990-02-01"),
    Known("Novák", "Jan", "1990-03-01"),
]
UNKNOWN = KNOWN.model_copy(update={"family_name": "Niemand"})
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
FAULT = f'<s:Envelope xmlns:s="{SOAP}"><s:Body><s:Fault><faultcode>{{code}}</faultcode><faultstring>x</faultstring>{{detail}}</s:Fault></s:Body></s:Envelope>'
EMPTY = f'<s:Envelope xmlns:s="{SOAP}"><s:Body/></s:Envelope>'
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
PORTAL = '<detail><l7:policyResult xmlns:l7="http://www.layer7tech.com/ws/policy/fault" status="refused"/></detail>'
QUIET = ResidentsKnobs(latency_s=0.05, jitter_s=0)


@pytest.fixture
def bridge(connect: Callable[[str, str], Bridge]) -> Bridge:
    return connect("residents", "http://residents.invalid")


@pytest_asyncio.fixture
async def simulator(serve: Any, connect: Callable[[str, str], Bridge]) -> AsyncIterator[tuple[Simulator, Bridge]]:
    register = Simulator(PEOPLE, QUIET)
    bridge = connect("residents", await serve(register))
    yield register, bridge
    await bridge.wire.close()


async def ask(bridge: Bridge, person: Person) -> Verdict:
    stamp = Stamp(uuid7(), "clerk@linz", "MeldeG-19")
    return await bridge.call("confirm_residence", person.model_dump_json().encode(), stamp)


async def test_the_register_confirms_whom_it_knows_and_has_no_data_on_others(
    simulator: tuple[Simulator, Bridge],
) -> None:
    _, bridge = simulator
    confirmed = await ask(bridge, KNOWN)
    assert isinstance(confirmed, Done)
    assert confirmed.result.model_dump()["municipality"] == "Linz"
    assert confirmed.result.model_dump()["record_number"]
    assert await ask(bridge, UNKNOWN) == NotFound()
    assert await ask(bridge, LOCKED) == NotFound()
    assert await ask(bridge, TWINS) == Ambiguous()
    assert isinstance(await ask(bridge, YEAR_ALONE), Done)
    assert await ask(bridge, YEAR_ALONE.model_copy(update={"birth_year": 1970})) == NotFound()


@pytest.mark.parametrize(
    ("knobs", "verdict"),
    [
        ({"fail_next": 1}, RetryLater("f501")),
        ({"down": True}, RetryLater("http_503")),
        ({"html_share": 1.0}, Malformed("http_200_text_html")),
        ({"cut_share": 1.0}, Malformed("http_200_transporterror")),
        ({"knows_nobody": True}, NotFound()),
        ({"fail_next": 1, "fault_with_200_share": 1.0}, RetryLater("f501")),
        ({"portal_refuses": True}, AuthFailed("portal")),
    ],
)
async def test_a_register_in_trouble_ends_in_the_right_verdict(
    simulator: tuple[Simulator, Bridge], knobs: dict[str, object], verdict: Verdict
) -> None:
    register, bridge = simulator
    register.knobs = QUIET.model_copy(update=knobs)
    told = await ask(bridge, KNOWN)
    assert type(told) is type(verdict)
    if not isinstance(verdict, Malformed):
        assert told == verdict


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (500, FAULT.format(code="F501", detail=""), RetryLater("f501")),
        (500, FAULT.format(code="F401", detail=""), RetryLater("f401", 0.0)),
        (200, FAULT.format(code="F490", detail=""), AuthFailed("f490")),
        (500, FAULT.format(code="F233", detail=""), Ambiguous()),
        (500, FAULT.format(code="F430", detail=""), Rejected("f430")),
        (500, FAULT.format(code="soapenv:Server", detail=PORTAL), AuthFailed("portal")),
        (200, EMPTY, Malformed),
        (200, "<html>proxy</html>", Malformed),
        (200, "", Malformed),
        (200, BOMB, Malformed),
        (503, "maintenance", RetryLater("http_503")),
        (500, "oops", Unknown("http_500")),
        (401, "who are you", AuthFailed("http_401")),
        (200, "\x00\x01", Malformed),
    ],
)
def test_whatever_comes_back_ends_in_a_verdict(bridge: Bridge, status: int, content: str, expected: object) -> None:
    reply = HttpReply(status, {"content-type": "text/xml"}, content.encode())
    told = bridge.adapter.classify("confirm_residence", reply)
    assert told == expected or (expected is Malformed and isinstance(told, Malformed))


def test_the_question_carries_the_officer_and_the_role_for_the_portal(bridge: Bridge) -> None:
    call = bridge.adapter.encode("confirm_residence", KNOWN, Stamp(uuid7(), "clerk@linz", "MeldeG-19"))
    envelope = call.body.decode()
    for part in ("clerk@linz", "ZMR-Behoerdenanfrage", "Öztürk", "MeldeG-19"):
        assert part in envelope

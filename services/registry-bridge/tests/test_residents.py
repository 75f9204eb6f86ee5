"""The residents bridge: SOAP on a real socket, and arbitrary bytes as a reply."""

from collections.abc import AsyncIterator
from datetime import date

import pytest
import pytest_asyncio
from connector_kit.adapter import CallContext, HttpReply
from connector_kit.bridge import Bridge
from connector_kit.call_outcome import (
    Ambiguous,
    AuthFailed,
    CallOutcome,
    NotFound,
    PossiblyExecuted,
    Rejected,
    Succeeded,
    TemporarilyUnavailable,
    UnreadableResponse,
)
from registry_bridge.bridges.residents.models import ResidenceQuery
from registry_bridge.bridges.residents.simulator import ResidentsFaults, ResidentsSimulator
from registry_bridge.bridges.seeded_people import RegisteredPerson
from registry_bridge_fixtures import Connect
from uuid_utils.compat import uuid7
from wanderamt_testing.simulator_server import ServeSimulator

KNOWN = ResidenceQuery(given_name="Šemsa", family_name="Öztürk", birth_date=date(1971, 12, 31))
YEAR_ALONE = ResidenceQuery(given_name="Šemsa", family_name="Öztürk", birth_year=1971)
LOCKED = ResidenceQuery(given_name="Ana", family_name="Gruber", birth_date=date(1980, 1, 1))
TWINS = ResidenceQuery(given_name="Jan", family_name="Novák", birth_year=1990)
PEOPLE = [
    RegisteredPerson(family_name="Öztürk", given_name="Šemsa", birth_date="1971-12-31"),
    RegisteredPerson(family_name="Gruber", given_name="Ana", birth_date="1980-01-01", locked=True),
    RegisteredPerson(family_name="Novák", given_name="Jan", birth_date="1990-02-01"),
    RegisteredPerson(family_name="Novák", given_name="Jan", birth_date="1990-03-01"),
]
UNKNOWN = KNOWN.model_copy(update={"family_name": "Niemand"})
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
FAULT = f'<s:Envelope xmlns:s="{SOAP}"><s:Body><s:Fault><faultcode>{{code}}</faultcode><faultstring>x</faultstring>{{detail}}</s:Fault></s:Body></s:Envelope>'
EMPTY = f'<s:Envelope xmlns:s="{SOAP}"><s:Body/></s:Envelope>'
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
PORTAL = '<detail><l7:policyResult xmlns:l7="http://www.layer7tech.com/ws/policy/fault" status="refused"/></detail>'
QUIET = ResidentsFaults(latency_s=0.05, jitter_s=0)


@pytest.fixture
def bridge(connect: Connect) -> Bridge:
    return connect("residents", "http://residents.invalid")


@pytest_asyncio.fixture
async def simulator(serve: ServeSimulator, connect: Connect) -> AsyncIterator[tuple[ResidentsSimulator, Bridge]]:
    register = ResidentsSimulator(PEOPLE, QUIET)
    bridge = connect("residents", await serve(register))
    yield register, bridge
    await bridge.transport.close()


async def ask(bridge: Bridge, person: ResidenceQuery) -> CallOutcome:
    stamp = CallContext(uuid7(), "clerk@linz", "MeldeG-19")
    return await bridge.call("confirm_residence", person.model_dump_json().encode(), stamp)


async def test_the_register_confirms_known_persons_and_has_no_data_on_others(
    simulator: tuple[ResidentsSimulator, Bridge],
) -> None:
    _, bridge = simulator
    confirmed = await ask(bridge, KNOWN)
    assert isinstance(confirmed, Succeeded)
    assert confirmed.result.model_dump()["municipality"] == "Linz"
    assert confirmed.result.model_dump()["record_number"]
    assert await ask(bridge, UNKNOWN) == NotFound()
    assert await ask(bridge, LOCKED) == NotFound()
    assert await ask(bridge, TWINS) == Ambiguous()
    assert isinstance(await ask(bridge, YEAR_ALONE), Succeeded)
    assert await ask(bridge, YEAR_ALONE.model_copy(update={"birth_year": 1970})) == NotFound()


@pytest.mark.parametrize(
    ("faults", "outcome"),
    [
        ({"fail_next": 1}, TemporarilyUnavailable("f501")),
        ({"down": True}, TemporarilyUnavailable("http_503")),
        ({"html_share": 1.0}, UnreadableResponse("http_200_text_html")),
        ({"cut_share": 1.0}, UnreadableResponse("http_200_transporterror")),
        ({"knows_nobody": True}, NotFound()),
        ({"fail_next": 1, "fault_with_200_share": 1.0}, TemporarilyUnavailable("f501")),
        ({"portal_refuses": True}, AuthFailed("portal")),
    ],
)
async def test_faults_give_the_right_outcome(
    simulator: tuple[ResidentsSimulator, Bridge], faults: dict[str, object], outcome: CallOutcome
) -> None:
    register, bridge = simulator
    register.faults = QUIET.model_copy(update=faults)
    actual = await ask(bridge, KNOWN)
    assert type(actual) is type(outcome)
    if not isinstance(outcome, UnreadableResponse):
        assert actual == outcome


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (500, FAULT.format(code="F501", detail=""), TemporarilyUnavailable("f501")),
        (500, FAULT.format(code="F401", detail=""), TemporarilyUnavailable("f401", 0.0)),
        (200, FAULT.format(code="F490", detail=""), AuthFailed("f490")),
        (500, FAULT.format(code="F233", detail=""), Ambiguous()),
        (500, FAULT.format(code="F430", detail=""), Rejected("f430")),
        (500, FAULT.format(code="soapenv:Server", detail=PORTAL), AuthFailed("portal")),
        (200, EMPTY, UnreadableResponse),
        (200, "<html>proxy</html>", UnreadableResponse),
        (200, "", UnreadableResponse),
        (200, BOMB, UnreadableResponse),
        (503, "maintenance", TemporarilyUnavailable("http_503")),
        (500, "oops", PossiblyExecuted("http_500")),
        (401, "who are you", AuthFailed("http_401")),
        (200, "\x00\x01", UnreadableResponse),
    ],
)
def test_any_reply_gives_an_outcome(bridge: Bridge, status: int, content: str, expected: object) -> None:
    reply = HttpReply(status, {"content-type": "text/xml"}, content.encode())
    actual = bridge.adapter.classify("confirm_residence", reply)
    assert actual == expected or (expected is UnreadableResponse and isinstance(actual, UnreadableResponse))


def test_the_question_carries_the_officer_and_the_role_for_the_portal(bridge: Bridge) -> None:
    call = bridge.adapter.encode("confirm_residence", KNOWN, CallContext(uuid7(), "clerk@linz", "MeldeG-19"))
    envelope = call.body.decode()
    for part in ("clerk@linz", "ZMR-Behoerdenanfrage", "Öztürk", "MeldeG-19"):
        assert part in envelope

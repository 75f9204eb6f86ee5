"""The residents bridge: SOAP on a real socket, and whatever bytes a register may send back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date

import pytest
import pytest_asyncio
import uvicorn
from registry_bridge.bridges.residents.adapter import ResidentsAdapter
from registry_bridge.bridges.residents.bridge import ResidentsRegister
from registry_bridge.bridges.residents.models import Person
from registry_bridge.bridges.residents.simulator import Knobs, Simulator
from registry_bridge.domain.request import Answer, Question
from uuid_utils.compat import uuid7
from wanderamt.contracts import Verdict
from wanderamt.kernel.decision import Retry
from wanderamt.kernel.ids import RequestId
from wanderamt.kernel.sealed import Sealed
from wanderamt_local.state import free_port

KNOWN = Person(given_name="Šemsa", family_name="Öztürk", birth_date=date(1971, 12, 31))
YEAR_ALONE = Person(given_name="Šemsa", family_name="Öztürk", birth_year=1971)
UNKNOWN = KNOWN.model_copy(update={"family_name": "Niemand"})
FAULT = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>{code}</faultcode><faultstring>x</faultstring></s:Fault></s:Body></s:Envelope>'
EMPTY = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>'
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'


@pytest.fixture(scope="module")
def adapter() -> ResidentsAdapter:
    return ResidentsAdapter("AT:L6:40101")


@pytest_asyncio.fixture
async def simulator() -> AsyncIterator[tuple[Simulator, ResidentsRegister]]:
    people = frozenset({(KNOWN.family_name, KNOWN.given_name, KNOWN.birth_date.isoformat())})
    simulator = Simulator(people, Knobs(latency_s=0.05, jitter_s=0))
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(simulator.app, host="127.0.0.1", port=port, log_level="warning"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    register = ResidentsRegister(
        f"http://127.0.0.1:{port}/soap", participant="AT:L6:40101", secret="", timeout_s=1, slots=4
    )
    yield simulator, register
    await register.close()
    server.should_exit = True
    await serving


def question() -> Question:
    sealed = Sealed(subject=uuid7(), nonce="", text="")
    return Question(RequestId(uuid7()), "residents", "confirm_residence", sealed, "MeldeG-19", "clerk@linz")


async def ask(register: ResidentsRegister, person: Person) -> Answer | Retry:
    return await register.ask(question(), person.model_dump_json().encode())


async def test_the_register_confirms_whom_it_knows_and_has_no_data_on_others(
    simulator: tuple[Simulator, ResidentsRegister],
) -> None:
    _, register = simulator
    confirmed = await ask(register, KNOWN)
    assert isinstance(confirmed, Answer)
    assert (confirmed.verdict, b"Linz" in (confirmed.details or b"")) == (Verdict.CONFIRMED, True)
    assert await ask(register, UNKNOWN) == Answer(Verdict.NOT_FOUND)
    by_year = await ask(register, YEAR_ALONE)
    assert isinstance(by_year, Answer)
    assert by_year.verdict is Verdict.CONFIRMED
    assert await ask(register, YEAR_ALONE.model_copy(update={"birth_year": 1970})) == Answer(Verdict.NOT_FOUND)


async def test_a_busy_a_closed_and_a_silent_register_are_asked_again_later(
    simulator: tuple[Simulator, ResidentsRegister],
) -> None:
    knobs, register = simulator
    for trouble in (Knobs(latency_s=0, fail_next=1), Knobs(down=True), Knobs(latency_s=5, jitter_s=0)):
        knobs.knobs = trouble
        assert isinstance(await ask(register, KNOWN), Retry)


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (500, FAULT.format(code="F501"), Retry),
        (200, FAULT.format(code="F490"), Answer(Verdict.REFUSED)),
        (200, EMPTY, Retry),
        (200, "<html>proxy</html>", Retry),
        (200, "", Retry),
        (200, BOMB, Retry),
        (503, "maintenance", Retry),
        (200, "\x00\x01", Retry),
    ],
)
def test_whatever_comes_back_ends_in_an_answer_or_a_retry(
    adapter: ResidentsAdapter, status: int, content: str, expected: object
) -> None:
    outcome = adapter.decode(status, content.encode())
    assert outcome == expected or (expected is Retry and isinstance(outcome, Retry))


def test_the_question_carries_the_officer_and_the_role_for_the_portal(adapter: ResidentsAdapter) -> None:
    envelope = adapter.encode(KNOWN, request_id="r1", purpose="MeldeG-19", officer="clerk@linz").decode()
    assert "clerk@linz" in envelope
    assert "ZMR-Behoerdenanfrage" in envelope
    assert "Öztürk" in envelope

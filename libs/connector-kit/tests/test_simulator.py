"""Simulated registers and their faults."""

import httpx
from connector_kit.conformance.mutants import library
from connector_kit.testing.simulator import CallLog, FaultConfig, HttpSimulator, ScenarioSimulator, call_id_in
from starlette.responses import Response


def register(**faults: object) -> HttpSimulator[FaultConfig]:
    return HttpSimulator([], faults=FaultConfig.model_validate(faults))


def test_a_latency_curve_keeps_its_shares() -> None:
    slow = register(latency_curve=[(0.5, 0.2), (0.9, 1.0), (1.0, 10.0)])
    drawn = [slow.latency_s() for _ in range(4000)]
    for share, seconds in ((0.5, 0.2), (0.9, 1.0), (1.0, 10.0)):
        assert abs(sum(latency <= seconds for latency in drawn) / 4000 - share) < 0.02


def test_without_a_curve_it_is_latency_and_jitter() -> None:
    plain = register(latency_s=1.0, jitter_s=0.5)
    drawn = [plain.latency_s() for _ in range(1000)]
    assert 0.5 <= min(drawn) < 0.6
    assert 1.4 < max(drawn) <= 1.5


def test_max_per_second_uses_a_sliding_window() -> None:
    assert CallLog(at=[0.0, 0.9, 0.95, 1.1, 1.5, 1.89, 3.0]).max_per_second() == 5


def test_a_caller_s_id_is_found_anywhere() -> None:
    id_ = "01900000-0000-7000-8000-00000000abcd"
    assert call_id_in([b"x", id_.upper().encode()], b"", b"") == id_
    assert call_id_in([b"x"], f"id={id_}".encode(), b"") == id_
    assert call_id_in([], b"", f"<Id>{id_}</Id>".encode()) == id_
    assert call_id_in([], b"a=b", b"") == ""


async def test_the_faults_of_a_simulator_made_from_scenarios_can_be_changed() -> None:
    simulator = ScenarioSimulator(library().folder)
    transport = httpx.ASGITransport(simulator.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://register.invalid") as client:
        assert (await client.post("/_simulator", json={"latency_s": 2})).json()["latency_s"] == 2
        assert (await client.get("/_simulator")).json()["faults"]["latency_s"] == 2
        assert (await client.post("/_simulator", json={"colour": 3})).status_code == 422


async def test_a_simulator_counts_the_faults_that_met_a_call() -> None:
    executed: list[str] = []

    async def execute() -> Response:
        executed.append("order")
        return Response("done")

    async def respond(**faults: float) -> Response:
        simulator.faults = FaultConfig.model_validate({"latency_s": 0, "hang_s": 0, **faults})
        return await simulator.respond("1", execute, make_error=lambda: Response(status_code=503))

    simulator = register()
    assert (await respond(timeout_share=1)).status_code == 503
    assert executed == []
    assert (await respond(apply_then_timeout_share=1)).status_code == 200
    assert executed == ["order"]
    assert (await respond(down=True)).status_code == 503
    assert (await respond(cut_share=1)).body == b"do"
    assert simulator.call_log.report()["injected"] == {
        "time-out before the effect": 1,
        "time-out after the effect": 1,
        "down": 1,
        "cut answer": 1,
    }

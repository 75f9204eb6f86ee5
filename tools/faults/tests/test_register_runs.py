"""A short register run with fixed seeds; and what it must report when a rule of the process is broken."""

import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest
import pytest_asyncio
from wanderamt_faults.case_mutants import MUTANTS
from wanderamt_faults.case_scripts import PARKING, REGISTRATION, CaseAction, CaseScript, ScriptedStep, StepMoment
from wanderamt_faults.register_faults import QUIET
from wanderamt_faults.register_run import RegisterRun, RegisterRunReport, RegisterSystem, scripts_of, start_system

RUNS = 12
BROKEN_RULES = MUTANTS if os.environ.get("ALL_MUTANTS") else ["undo forgotten"]  # each takes half a minute
FaultsByRegister = Mapping[str, dict[str, float]]
SCRIPTS = scripts_of(range(1, 400))


def plain(service: str, numbers: slice) -> list[CaseScript]:
    """Cases that nothing speaks against. `numbers`: which of them; none is played twice."""
    known = [script for script in SCRIPTS[RUNS:] if script.service == service and len(script.people) > 1]
    if service == PARKING:
        known = [script for script in known if plate_of(script) in script.own_plates]
    return known[numbers]


def plate_of(script: CaseScript) -> str:
    return str(script.opening["facts"]["plate"]["text"])


def then(scripts: list[CaseScript], *steps: ScriptedStep) -> list[CaseScript]:
    return [replace(script, split=False, steps=steps) for script in scripts]


def with_the_plate_of_a_stranger(script: CaseScript) -> CaseScript:
    [stranger] = [person for person in script.people if person["given_name"] == "Eva"]
    plate = {"country": "AT", "text": stranger["vehicles"][0]["plate"]}
    correction = ScriptedStep(0.3, CaseAction.CORRECT, {"vehicle": "own", "plate": plate})
    return replace(script, split=False, steps=(correction,))


def withdrawn_while_writing(numbers: slice) -> list[CaseScript]:
    withdrawal = ScriptedStep(0, CaseAction.WITHDRAW, moment=StepMoment.WRITING)
    return then(plain(REGISTRATION, numbers), withdrawal)


def corrected_too_late(numbers: slice) -> list[CaseScript]:
    return list(map(with_the_plate_of_a_stranger, plain(PARKING, numbers)))


SETTLED = ScriptedStep(0, CaseAction.REPEAT, moment=StepMoment.SETTLED)
SLOW: FaultsByRegister = {"residents": {"latency_s": 3.0}, "vehicles": {"latency_s": 3.0}}
SLOW_PERMITS: FaultsByRegister = {"parking": {"latency_s": 3.0}}
CUT_ANSWERS: FaultsByRegister = {"parking": {"cut_share": 0.4}}
BROKEN: Mapping[str, tuple[list[CaseScript], FaultsByRegister, str]] = {
    "undo forgotten": (withdrawn_while_writing(slice(4)), SLOW, "half_done"),
    "late answer ignored": (withdrawn_while_writing(slice(4, 8)), SLOW, "half_done"),
    "outdated answer": (corrected_too_late(slice(2)), SLOW, "half_done"),
    "new key": (then(plain(PARKING, slice(2, 16)), SETTLED), CUT_ANSWERS, "half_done"),
    "paper too early": (then(plain(PARKING, slice(16, 18)), SETTLED), SLOW_PERMITS, "wrong_papers"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RegisterSystem]:
    started = await start_system(tmp_path_factory.mktemp("registers"), SCRIPTS)
    yield started
    await started.stop()


async def play(system: RegisterSystem, scripts: list[CaseScript], faults: FaultsByRegister) -> RegisterRunReport:
    for register in ("residents", "vehicles", "parking"):
        await system.set_faults(register, QUIET | faults.get(register, {}))
    return await RegisterRun(system, stuck_after_s=12).play(scripts, faults=False)


@pytest.mark.asyncio(loop_scope="module")
async def test_registers_cases_and_papers_agree_after_kills_and_late_answers(system: RegisterSystem) -> None:
    report = await RegisterRun(system).play(SCRIPTS[:RUNS], faults=True)
    assert report.complaints == []
    assert report.stuck == {}
    assert (report.doubled, report.half_done, report.wrong_papers, report.sent_twice) == (0, 0, 0, 0)
    assert report.runs == sum(report.states.values()) == RUNS
    assert report.papers > RUNS / 4
    assert report.faults
    assert report.register_faults


@pytest.mark.parametrize("mutant", BROKEN_RULES)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_broken_rule_of_the_process_is_reported(system: RegisterSystem, mutant: str) -> None:
    scripts, faults, figure = BROKEN[mutant]
    await system.break_with(mutant)
    try:
        report = await play(system, scripts, faults)
    finally:
        await system.mend()
    assert getattr(report, figure) > 0, report


@pytest.mark.asyncio(loop_scope="module")
async def test_unbroken_the_same_cases_are_clean(system: RegisterSystem) -> None:
    scripts = [*then(plain(PARKING, slice(18, 20))), *corrected_too_late(slice(20, 22))]
    report = await play(system, [*scripts, *withdrawn_while_writing(slice(8, 12))], SLOW)
    assert report.clean, report
    assert report.papers >= 2

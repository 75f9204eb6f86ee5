"""A register run: many cases at once over the registers of residents and parking, with kills and late answers.

Each seed is one case, whose script is a pure function of the seed. Services and registers fail while the scripts are
played; then everything drains, operators and clerks work off their lists, and each case is compared with the registers.
"""

import asyncio
import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from wanderamt.backbone.environment import Environment
from wanderamt.security.roles import Role
from wanderamt_local.state import StateFolder

from wanderamt_faults.case_audit import Complaint, ComplaintKind, audit_case, is_pending
from wanderamt_faults.case_clients import BackOffice, CaseDevice
from wanderamt_faults.case_evidence import (
    SERVER_ERRORS,
    RegisterEvidence,
    connect,
    event_names,
    gather_cases,
    waiting,
)
from wanderamt_faults.case_mutants import MUTANTS, VARIABLE
from wanderamt_faults.case_operators import RegisterOperators
from wanderamt_faults.case_players import CasePlayers
from wanderamt_faults.case_scripts import CaseScript, script_of
from wanderamt_faults.register_faults import QUIET, TROUBLED, RegisterFaultInjector, set_register_faults
from wanderamt_faults.system_under_test import SystemUnderTest

SERVICES: Final = ("intake", "registry-bridge")
DEVICES: Final = 4
LOOK_EVERY_S: Final = 2.0
PASS_EVERY: Final = 3  # looks
STUCK_AFTER_S: Final = 150.0
MAX_COMPLAINTS: Final = 20
QUIET_LOOKS: Final = 2
ProgressReport = Callable[[str], None]


@dataclass
class RegisterRunReport:
    """The figures of a run, as written to `build/register-runs.json`. `undoing`: cases whose undo has an owner.
    `register_faults`: calls that met a fault of a register."""

    runs: int
    first_seed: int
    doubled: int = 0
    half_done: int = 0
    wrong_papers: int = 0
    sent_twice: int = 0
    stuck: dict[str, int] = field(default_factory=dict)
    states: dict[str, int] = field(default_factory=dict)
    undoing: int = 0
    papers: int = 0
    orders: int = 0
    taken_back: int = 0
    actions: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    register_faults: dict[str, int] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    operators: dict[str, int] = field(default_factory=dict)
    entries_sent_twice: int = 0
    load_s: float = 0.0
    drain_s: float = 0.0
    complaints: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.complaints or self.stuck)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class RegisterSystem(SystemUnderTest):
    """Intake and the registry bridge alone. `mutant`: a breakage of case_mutants."""

    service_names: tuple[str, ...] = SERVICES
    brokers: int = 1
    mutant: str = ""

    def env(self, name: str) -> dict[str, str]:
        return super().env(name) | {VARIABLE: self.mutant}

    async def break_with(self, mutant: str) -> None:
        """Starts the service again that it breaks."""
        self.mutant = mutant
        await self._restart(mutant)

    async def mend(self) -> None:
        mutant, self.mutant = self.mutant, ""
        await self._restart(mutant)

    async def _restart(self, mutant: str) -> None:
        name, _ = MUTANTS[mutant]
        await self.supervisor.stop_one(name)
        await self.supervisor.start(self.service_spec(name))


@dataclass
class RegisterRun:
    """Plays seeds on a running system, and audits them. `stuck_after_s`: how long what is left may stay unchanged."""

    system: RegisterSystem
    report: ProgressReport = lambda _: None
    stuck_after_s: float = STUCK_AFTER_S

    async def play(self, scripts: Sequence[CaseScript], *, faults: bool) -> RegisterRunReport:
        """`faults`: kill services and let registers fail."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        devices = [await self._device(number) for number in range(DEVICES)]
        office = BackOffice(self.system.url("intake"), self.system.token("office@linz", Role.OFFICE, audience="intake"))
        players = CasePlayers(devices, office)
        operators = RegisterOperators(self.system, office, random.Random(f"operators {scripts[0].seed}"))
        injector = RegisterFaultInjector(self.system, random.Random(f"faults {scripts[0].seed}"))
        sending = [asyncio.create_task(device.keep_sending()) for device in devices]
        sending.append(asyncio.create_task(players.keep_watching(self.system)))
        await operators.database.start()
        working = asyncio.create_task(self._keep_working(operators, players, too_late=faults))
        try:
            if faults:
                await set_register_faults(self.system, TROUBLED)
                injector.start()
            await players.play_all(list(scripts))
            await injector.stop()
            if working.done():
                working.result()  # without operators, a run proves nothing
            load_s = loop.time() - begun
            self.report(f"{load_s:.0f} s: all scripts are played; the system drains")
            await set_register_faults(self.system, QUIET)
            working.cancel()
            stuck = await self._drain(operators, set(players.cases.values()))
            drain_s = loop.time() - begun - load_s
            ids = [(script, players.cases[script.seed]) for script in scripts]
            evidence = await gather_cases(self.system, ids, office)
        finally:
            working.cancel()
            for task in sending:
                task.cancel()
            await operators.database.stop()
            await office.close()
        return self._report_of(scripts, evidence, players, operators, injector, stuck, load_s=load_s, drain_s=drain_s)

    async def _device(self, number: int) -> CaseDevice:
        environment = Environment()
        device_id, stand_id = environment.new_id(), environment.new_id()
        token = await self.system.enrol(device_id, stand_id)
        return CaseDevice(device_id, stand_id, self.system.sync_url, token, random.Random(number))

    async def _keep_working(self, operators: RegisterOperators, players: CasePlayers, *, too_late: bool) -> None:
        loop, looks, told_at = asyncio.get_running_loop(), 0, 0.0
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            looks += 1
            try:
                if looks % PASS_EVERY == 0:
                    await operators.let_time_pass(too_late=too_late)
                await operators.work_off_the_list()
            except SERVER_ERRORS:
                continue  # the servers are still coming back
            if loop.time() - told_at > 20:
                told_at = loop.time()
                self.report(f"{len(players.cases)} cases opened, {players.actions.total()} actions")

    async def _drain(self, operators: RegisterOperators, cases: Set[UUID]) -> dict[str, int]:
        """Until nothing is left to do, or nothing changes any more. Returns what is left."""
        loop = asyncio.get_running_loop()
        changed_at, last, quiet = loop.time(), dict[str, int](), 0
        while quiet < QUIET_LOOKS and loop.time() - changed_at < self.stuck_after_s:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                left = await self._left(operators, cases)
            except SERVER_ERRORS:
                continue
            quiet = 0 if left else quiet + 1
            if left != last:
                last, changed_at = left, loop.time()
        return last

    async def _left(self, operators: RegisterOperators, cases: Set[UUID]) -> dict[str, int]:
        """What is still to be done, after operators and clerks have done what they can."""
        await operators.let_time_pass(too_late=False)
        resolved = await operators.work_off_the_list()
        if left := await waiting(self.system, cases):
            return left
        if resolved:
            return {"resolved": resolved}
        connection = await connect(self.system, "intake")
        try:
            asked = await operators.ask_again(connection, cases)
        finally:
            await connection.close()
        return {"asked again": asked} if asked else {}

    def _report_of(
        self,
        scripts: Sequence[CaseScript],
        evidence: RegisterEvidence,
        players: CasePlayers,
        operators: RegisterOperators,
        injector: RegisterFaultInjector,
        stuck: dict[str, int],
        *,
        load_s: float,
        drain_s: float,
    ) -> RegisterRunReport:
        report = RegisterRunReport(len(scripts), scripts[0].seed, stuck=stuck)
        counts: Counter[ComplaintKind] = Counter()
        for case in evidence.cases:
            complaints = audit_case(case)
            counts.update(complaint.kind for complaint in complaints)
            report.complaints += [
                explained(complaint, case.script, event_names(case.history)) for complaint in complaints
            ]
        if len(evidence.cases) < len(scripts):
            report.complaints.append(f"{len(scripts) - len(evidence.cases)} cases do not exist")
        report.complaints += [f"a register carried out the order {order} twice" for order in evidence.twice]
        report.doubled = counts[ComplaintKind.DOUBLED] + len(evidence.twice)
        report.half_done = counts[ComplaintKind.HALF_DONE]
        report.wrong_papers = counts[ComplaintKind.WRONG_PAPER]
        report.sent_twice = counts[ComplaintKind.SENT_TWICE]
        report.states = dict(Counter(f"{case.script.service} {case.case.state}" for case in evidence.cases))
        report.undoing = sum(is_pending(case.case) for case in evidence.cases)
        report.papers = sum(len(case.papers) for case in evidence.cases)
        report.orders = evidence.effects
        report.taken_back = evidence.taken_back
        report.actions = {str(action): number for action, number in sorted(players.actions.items())}
        report.faults = dict(sorted(injector.faults.items()))
        report.register_faults = dict(sorted(evidence.injected.items()))
        report.restarts = {name: self.system.supervisor.restarts(name) for name in self.system.service_names}
        report.operators = {
            "recorded as happened": operators.happened,
            "recorded as not happened": operators.not_happened,
            "calls out of time": operators.too_late,
            "asked again": operators.asked_again,
        }
        report.entries_sent_twice = sum(device.sent_twice for device in players.devices)
        report.load_s, report.drain_s = round(load_s, 1), round(drain_s, 1)
        report.complaints = report.complaints[:MAX_COMPLAINTS]
        return report


def explained(complaint: Complaint, script: CaseScript, history: Sequence[str]) -> str:
    steps = " > ".join(f"{step.action} +{step.after_s:.1f}s" for step in script.steps)
    return (
        f"seed {script.seed}, {script.service}: {complaint.kind}: {complaint.what}\n"
        f"  script: open{' step by step' if script.split else ''} > {steps}\n  history: {' > '.join(history)}"
    )


def scripts_of(seeds: Sequence[int]) -> list[CaseScript]:
    today = Environment().clock().date()
    return [script_of(seed, today) for seed in seeds]


async def start_system(
    folder: Path, scripts: Sequence[CaseScript], report: ProgressReport = lambda _: None
) -> RegisterSystem:
    """A system whose registers know the people of these scripts."""
    shutil.rmtree(folder, ignore_errors=True)
    state = StateFolder(folder)
    people = state.subfolder("people") / "known.jsonl"
    people.write_text("".join(json.dumps(person) + "\n" for script in scripts for person in script.people))
    system = RegisterSystem(state, residents_file=people, report=report)
    await system.start()
    await system.prepare()
    return system


async def run_registers(seeds: Sequence[int], folder: Path, report: ProgressReport) -> RegisterRunReport:
    """Raises NotReadyError or UnavailableError when the system cannot start."""
    scripts = scripts_of(seeds)
    system = await start_system(folder, scripts, report)
    try:
        return await RegisterRun(system, report).play(scripts, faults=True)
    finally:
        await system.stop()

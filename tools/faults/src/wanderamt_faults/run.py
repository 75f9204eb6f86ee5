"""One fault run: start the system, put it under load, inject faults, drain it, audit it."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka.errors import KafkaError
from wanderamt.backbone.environment import Environment
from wanderamt_local.state import StateFolder

from wanderamt_faults.audit import Findings
from wanderamt_faults.devices import DeviceFleet, SimulatedDevice
from wanderamt_faults.evidence import audit, gather
from wanderamt_faults.fault_injector import FaultInjector
from wanderamt_faults.system_under_test import SystemUnderTest

DEVICES = 4
DRAIN_TIMEOUT_S = 3600
STUCK_AFTER_S = 90
ProgressReport = Callable[[str], None]


@dataclass(frozen=True)
class FaultRunPlan:
    """`seconds`, `entries` and `faults` are minima: the run ends when all three are reached. `rate`: cases per second."""

    seed: int
    seconds: float
    entries: int
    faults: int
    rate: float
    brokers: int = 3


@dataclass
class FaultRunReport:
    """The figures of one run, as written to `build/faults.json`. Times in seconds."""

    seed: int
    load_s: float
    brokers: int
    entries: int
    cases: int
    faults: int
    faults_by_kind: dict[str, int]
    lost: int
    doubled: int
    reordered: int
    stuck: int
    drain_s: float
    records: int
    second_deliveries: int
    notices_unknown: int
    restarts: dict[str, int]
    complaints: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


async def run(plan: FaultRunPlan, folder: Path, report: ProgressReport) -> FaultRunReport:
    """Raises NotReadyError or UnavailableError when the system cannot start."""
    system = SystemUnderTest(StateFolder(folder), report=report, brokers=plan.brokers)
    loop = asyncio.get_running_loop()
    await system.start()
    try:
        await system.prepare()
        rng = random.Random(plan.seed)
        fleet = DeviceFleet([await _device(system, rng) for _ in range(DEVICES)], plan.rate, rng)
        injector = FaultInjector(system, random.Random(plan.seed + 1))
        begun = loop.time()
        fleet.start()
        injector.start()
        await _until_enough(plan, fleet, injector, report)
        load_s = loop.time() - begun
        await injector.stop()
        fleet.stop_serving()
        report("load and faults have ended; the system drains")
        ended = loop.time()
        await _drain(system, fleet, report)
        drain_s = loop.time() - ended
        await fleet.stop()
        evidence = await gather(system, topics=True)
        findings: Findings = audit(fleet.devices, evidence, faults=injector.total)
        crashes = system.crash_log.read_text().splitlines() if system.crash_log.exists() else []
        (folder / "faults.log").write_text("\n".join([*injector.log, *crashes]) + "\n")
        return FaultRunReport(
            seed=plan.seed,
            load_s=round(load_s, 1),
            brokers=plan.brokers,
            entries=fleet.entry_count,
            cases=len({entry.case_id for device in fleet.devices for entry in device.entries}),
            faults=injector.total,
            faults_by_kind=dict(sorted(injector.faults.items())),
            lost=findings.lost,
            doubled=findings.doubled,
            reordered=findings.reordered,
            stuck=findings.stuck,
            drain_s=round(drain_s, 1),
            records=len(evidence.records),
            second_deliveries=len(evidence.records) - len({record.event_id for record in evidence.records}),
            notices_unknown=sum(row["state"] == "unknown" for row in evidence.tables["notices"]),
            restarts={name: system.supervisor.restarts(name) for name in system.supervisor.pids()},
            complaints=findings.complaints,
        )
    finally:
        await system.stop()


async def _device(system: SystemUnderTest, rng: random.Random) -> SimulatedDevice:
    environment = Environment()
    device_id, stand_id = environment.new_id(), environment.new_id()
    token = await system.enrol(device_id, stand_id)
    own_rng = random.Random(rng.random())
    return SimulatedDevice(device_id, stand_id, system.sync_url, token, environment, own_rng)


async def _until_enough(
    plan: FaultRunPlan, fleet: DeviceFleet, injector: FaultInjector, report: ProgressReport
) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    replays = [plan.seconds * 0.45, plan.seconds * 0.8]
    reported_at = 0.0
    while True:
        await asyncio.sleep(0.5)
        injector.check()
        spent = loop.time() - begun
        if replays and spent > replays[0]:
            replays.pop(0)
            await injector.replay_everything()
        if spent - reported_at > 15:
            reported_at = spent
            report(f"{spent:.0f} s: {fleet.entry_count} entries, {fleet.waiting} unsent, {injector.total} faults")
        enough = spent >= plan.seconds and fleet.entry_count >= plan.entries and injector.total >= plan.faults
        if enough and not replays:
            return


async def _drain(system: SystemUnderTest, fleet: DeviceFleet, report: ProgressReport) -> None:
    """Returns when no work is left, or when nothing has changed for 90 s: the audit reports the rest as stuck.

    A job that waits for its next attempt is not stuck: after some failures it waits for minutes. Nor is a slow machine;
    the report shows how long draining took. A check reads every table, so checks use at most a fifth of the time: the
    system needs the cores.
    """
    loop = asyncio.get_running_loop()
    begun = changed_at = reported_at = loop.time()
    last: dict[str, int] = {}
    check_s = 0.0
    while loop.time() - changed_at < STUCK_AFTER_S and loop.time() - begun < DRAIN_TIMEOUT_S:
        await asyncio.sleep(max(1.0, 4 * check_s))
        check_at = loop.time()
        try:
            evidence = await gather(system, topics=False)
        except (OSError, TimeoutError, KafkaError, asyncpg.PostgresError):
            continue  # the servers are still coming back
        check_s = loop.time() - check_at
        if evidence.quiet and not fleet.waiting:
            return
        waiting = evidence.waiting | {"on devices": fleet.waiting}
        if waiting != last or evidence.next_attempt_s > 0:
            last, changed_at = waiting, loop.time()
        if loop.time() - reported_at > 10:
            reported_at = loop.time()
            report(f"waiting: {waiting}")

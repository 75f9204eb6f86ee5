"""One run: start, load, break, drain, audit."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka.errors import KafkaError
from wanderamt.backbone.sources import Sources
from wanderamt_local.state import State

from wanderamt_faults.audit import Findings
from wanderamt_faults.evidence import audit, gather
from wanderamt_faults.load import Crowd, Device
from wanderamt_faults.rig import Rig
from wanderamt_faults.trouble import Trouble

DEVICES = 4
DRAIN_TIMEOUT_S = 900
STUCK_AFTER_S = 90
Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """The run ends when all three minima are reached. `rate` in entries per second."""

    seed: int
    seconds: float
    entries: int
    faults: int
    rate: float
    brokers: int = 3


@dataclass
class Report:
    """Numbers of one run, as they stand in `build/faults.json`. Times in seconds."""

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


async def run(plan: Plan, folder: Path, say: Say) -> Report:
    """Raises NotReady or Unavailable when the system cannot even start."""
    rig = Rig(State(folder), say=say, brokers=plan.brokers)
    loop = asyncio.get_running_loop()
    await rig.start()
    try:
        await rig.ready()
        chance = random.Random(plan.seed)
        crowd = Crowd([await _device(rig, chance) for _ in range(DEVICES)], plan.rate, chance)
        trouble = Trouble(rig, random.Random(plan.seed + 1))
        begun = loop.time()
        crowd.start()
        trouble.start()
        await _until_enough(plan, crowd, trouble, say)
        load_s = loop.time() - begun
        await trouble.stop()
        crowd.stop_tapping()
        say("load and faults end; the system drains")
        ended = loop.time()
        await _drain(rig, crowd, say)
        drain_s = loop.time() - ended
        await crowd.stop()
        evidence = await gather(rig, topics=True)
        findings: Findings = audit(crowd.devices, evidence, faults=trouble.total)
        deaths = rig.deaths.read_text().splitlines() if rig.deaths.exists() else []
        (folder / "faults.log").write_text("\n".join([*trouble.log, *deaths]) + "\n")
        return Report(
            seed=plan.seed,
            load_s=round(load_s, 1),
            brokers=plan.brokers,
            entries=crowd.tapped,
            cases=len({entry.case_id for device in crowd.devices for entry in device.entries}),
            faults=trouble.total,
            faults_by_kind=dict(sorted(trouble.faults.items())),
            lost=findings.lost,
            doubled=findings.doubled,
            reordered=findings.reordered,
            stuck=findings.stuck,
            drain_s=round(drain_s, 1),
            records=len(evidence.records),
            second_deliveries=len(evidence.records) - len({record.event_id for record in evidence.records}),
            notices_unknown=sum(row["state"] == "unknown" for row in evidence.tables["notices"]),
            restarts={name: rig.children.restarts(name) for name in rig.children.pids()},
            complaints=findings.complaints,
        )
    finally:
        await rig.stop()


async def _device(rig: Rig, chance: random.Random) -> Device:
    sources = Sources()
    device_id, stand_id = sources.new_id(), sources.new_id()
    token = await rig.enrol(device_id, stand_id)
    own = random.Random(chance.random())
    return Device(device_id, stand_id, rig.door, token, sources, own)


async def _until_enough(plan: Plan, crowd: Crowd, trouble: Trouble, say: Say) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    replays = [plan.seconds * 0.45, plan.seconds * 0.8]
    told = 0.0
    while True:
        await asyncio.sleep(0.5)
        spent = loop.time() - begun
        if replays and spent > replays[0]:
            replays.pop(0)
            await trouble.replay_everything()
        if spent - told > 15:
            told = spent
            say(f"{spent:.0f} s: {crowd.tapped} entries, {crowd.waiting} on devices, {trouble.total} faults")
        enough = spent >= plan.seconds and crowd.tapped >= plan.entries and trouble.total >= plan.faults
        if enough and not replays:
            return


async def _drain(rig: Rig, crowd: Crowd, say: Say) -> None:
    """Until nothing waits, or nothing has moved for 90 s: what still waits then is stuck, and the audit says so.

    A slow machine is not stuck; how long it took is a figure of its own. A look reads every table; it takes a fifth of
    the time at most, for the cores are the system's to drain with.
    """
    loop = asyncio.get_running_loop()
    begun = moved_at = told = loop.time()
    last: dict[str, int] = {}
    looked_s = 0.0
    while loop.time() - moved_at < STUCK_AFTER_S and loop.time() - begun < DRAIN_TIMEOUT_S:
        await asyncio.sleep(max(1.0, 4 * looked_s))
        looks_at = loop.time()
        try:
            evidence = await gather(rig, topics=False)
        except (OSError, TimeoutError, KafkaError, asyncpg.PostgresError):
            continue  # the servers are still coming back
        looked_s = loop.time() - looks_at
        if evidence.quiet and not crowd.waiting:
            return
        waiting = evidence.waiting | {"on devices": crowd.waiting}
        if waiting != last:
            last, moved_at = waiting, loop.time()
        if loop.time() - told > 10:
            told = loop.time()
            say(f"waiting: {waiting}")

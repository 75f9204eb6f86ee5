"""A short fault run with a fixed seed: the whole system under load and faults, audited afterwards."""

from pathlib import Path

from wanderamt_faults.run import FaultRunPlan, run

PLAN = FaultRunPlan(seed=7, seconds=15, entries=100, faults=7, rate=8, brokers=1)


async def test_nothing_is_lost_doubled_reordered_or_stuck_in_a_short_run(tmp_path: Path) -> None:
    report = await run(PLAN, tmp_path, lambda _: None)
    assert report.complaints == []
    assert (report.lost, report.doubled, report.reordered, report.stuck) == (0, 0, 0, 0)
    assert report.entries >= PLAN.entries
    assert report.faults >= PLAN.faults
    assert report.faults_by_kind["replay from 0"] == 8
    assert report.records > 3 * report.cases  # opened, completed, document issued; more with a register query

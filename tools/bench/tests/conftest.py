"""Quick runs of the benchmark: every scene runs to its end and writes its figures. Figures are reported, never checked;
costs are checked as counts of statements and round trips elsewhere."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from wanderamt_bench.costs import Costs
from wanderamt_local.system import SERVICES

KEYS = {"name", "unit", "bare", "ours", "ratio", "load"}
TIMEOUT_S = 480

FIGURES: dict[str, dict[str, set[str]]] = {
    "messaging": {
        "relay": {"relay / raw pipelined producer", "relay / bare relay", "relay / faststream-outbox tuned"},
        "inbox": {"inbox / raw getmany with the same SQL"},
        "emit": {
            "emit in SQL: case and event / case alone",
            "emit through SQLModel: case and event / case alone",
        },
        "jobs": {"job queue / forty lines of SQL", "healthy keys beside a dead and a 30 s key / alone"},
        "latency": {"insert to consumer p50", "insert to consumer p99"},
        "takeover": {"take-over of a killed relay", "take-over of a frozen relay"},
        "backlog": {"an hour's backlog drained"},
        "sync": {"sync of 50 / bare multi-row insert", "sync of 1 / bare multi-row insert"},
        "documents": {
            "documents: a certificate (render, sign, QR code) p50",
            "/sync p99 beside 8 certificates at once each second / alone",
            "/sync p99 beside rendering without a pause / alone",
        },
        "notices": {
            "notices from their event to the provider's socket / a durable loop by hand",
            "notices from their event to the provider's socket / in bulk by hand, without a promise",
        },
        "booking": {
            f"booking / {step}"
            for step in (
                *("plan", "move stand", "cancel stand", "hold", "confirm", "move", "cancel", "requests"),
                *("server errors", "stands that share a resource", "slots with a wrong counter", "deadlocks"),
            )
        },
    },
    "growth": {
        "growth": {
            f"{name}, old / young database"
            for name in (
                *("relay", "inbox", "insert to consumer p50", "insert to consumer p99", "emit through SQLModel"),
                *("job queue", "emit in SQL", "sync of 50", "tap to SMS idle p50", "tap to SMS idle p99"),
                *("tap to SMS under half load p50", "tap to SMS under half load p99"),
            )
        },
    },
    "system": {
        "neighbours": {
            f"{name} beside a register at 30 s and one that is down / beside healthy ones"
            for name in ("third register's p99", "/sync p99")
        },
        "tap": {f"tap to SMS {share} {load}" for share in ("p50", "p99") for load in ("idle", "under half load")},
        "case": {
            f"case registration_confirmation{figure}"  # of two services: the other one costs a second system
            for figure in (
                " / raw rows and records",
                ": processor time",
                ": processor time of raw rows and records",
                ": databases",
                ": records",
                *(f": processor time of {part}" for part in Costs.PARTS),
                *(f": database of {part}" for part in SERVICES),
            )
        },
        "burst": {
            f"burst: {name}"
            for name in (
                *("notices sent within 10 s of their event", "p50 from event to provider"),
                *("p99 from event to provider", "by provider B", "messages received twice", "weight of A of 50 before"),
                *("weight of A of 50 while A fails", "weight of A of 50 after A recovered"),
            )
        },
    },
}
"""The figures of each scene, by the test that runs it: each test is a file, so that two workers share them."""


@pytest.fixture
def tested_scenes() -> set[str]:
    return {scene for scenes in FIGURES.values() for scene in scenes}


@pytest.fixture
def run_scenes(tmp_path: Path, own_state: dict[str, str]) -> Callable[[str], Awaitable[None]]:
    """`await run_scenes(group)` runs the scenes of a group and checks that each wrote exactly its figures."""

    async def run(group: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *(str(Path(sys.executable).with_name("wanderamt-bench")), "run", "--quick", "--out", str(tmp_path)),
            *(argument for scene in FIGURES[group] for argument in ("--scene", scene)),
            env=own_state,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
        except TimeoutError:
            process.terminate()
            raise
        assert process.returncode == 0, output.decode(errors="replace")
        figures: list[dict[str, Any]] = json.loads((tmp_path / "bench.json").read_text())
        assert all(figure.keys() == KEYS for figure in figures)
        assert {figure["name"] for figure in figures} == set().union(*FIGURES[group].values())
        assert len(figures) == len({figure["name"] for figure in figures})
        for figure in figures:
            assert figure["ours"] >= 0, figure
            assert figure["bare"] is None or (figure["bare"] > 0 and figure["ours"] > 0), figure

    return run

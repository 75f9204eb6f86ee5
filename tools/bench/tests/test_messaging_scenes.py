"""Quick run of the scenes of messaging, jobs and single services."""

import fcntl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner
from wanderamt_bench.cli import SCENES, commands


async def test_each_scene_of_messaging_writes_its_figures(run_scenes: Callable[[str], Awaitable[None]]) -> None:
    await run_scenes("messaging")


def test_every_scene_has_a_quick_run(tested_scenes: set[str]) -> None:
    assert tested_scenes == set(SCENES)


def test_a_second_benchmark_in_the_same_state_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDERAMT_STATE", str(tmp_path))
    with (tmp_path / "bench.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = CliRunner().invoke(commands, ["run", "--quick", "--scene", "backlog"])
    assert result.exit_code == 1
    assert "Another benchmark" in result.output
    assert not (tmp_path / "bench").exists()

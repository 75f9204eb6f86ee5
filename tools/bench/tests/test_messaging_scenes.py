"""Quick run of the scenes of messaging, jobs and single services."""

import fcntl
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from wanderamt_bench.cli import SCENES


async def test_each_scene_of_messaging_writes_its_figures(run_scenes: Callable[[str], Awaitable[None]]) -> None:
    await run_scenes("messaging")


def test_every_scene_has_a_quick_run(tested_scenes: set[str]) -> None:
    assert tested_scenes == set(SCENES)


def test_a_second_benchmark_in_the_same_state_folder_is_refused(own_state: dict[str, str]) -> None:
    """In a process of its own: the command changes the log and the garbage collector of its process."""
    state = Path(own_state["WANDERAMT_STATE"])
    with (state / "bench.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [str(Path(sys.executable).with_name("wanderamt-bench")), "run", "--quick", "--scene", "backlog"]
        result = subprocess.run(command, env=own_state, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 1
    assert "Another benchmark" in result.stdout
    assert not (state / "bench").exists()

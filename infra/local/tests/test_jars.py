"""Jars are fetched once per state folder, by one process at a time, and errors are quoted as they are."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

from wanderamt_local.state import state_root

FETCH = (
    "from wanderamt_local.jars import VERAPDF, fetch_jars; print(fetch_jars(VERAPDF, override_variable='VALIDATOR'))"
)
CLOSED_PROXY = "http://127.0.0.1:9"  # nothing listens on the discard port


def start_fetch(home: Path) -> subprocess.Popen[str]:
    """Fetches in a process of its own, without a network."""
    environment = {
        **{name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
        **{"WANDERAMT_STATE": str(home / "state"), "HOME": str(home), "M2_REPO": str(home / "shared")},
        **{"HTTPS_PROXY": CLOSED_PROXY, "HTTP_PROXY": CLOSED_PROXY},
    }
    return subprocess.Popen(
        [sys.executable, "-c", FETCH], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_second_process_waits_for_the_first_and_uses_its_jars(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    with (state / "jars.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        processes = [start_fetch(tmp_path) for _ in range(2)]
        shutil.copytree(state_root() / "verapdf-jars", state / "verapdf-jars")  # as the first process leaves them
    for process in processes:
        output, error = process.communicate(timeout=60)
        assert process.returncode == 0, error
        assert all(Path(jar).is_relative_to(state) for jar in output.strip().split(os.pathsep))


def test_without_a_network_the_real_error_is_shown_and_no_shared_folder_is_touched(tmp_path: Path) -> None:
    process = start_fetch(tmp_path)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "2 attempts failed" in error
    assert "127.0.0.1" in error  # the proxy that refused, as jgo reports it
    assert "set VALIDATOR" in error
    assert {path.name for path in tmp_path.iterdir()} <= {"state", ".cache", ".config"}

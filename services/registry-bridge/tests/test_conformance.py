"""Every bridge that ships passes the checks as its team runs them: in a process of its own, without a network."""

import subprocess
import sys

import pytest
from connector_kit.folder import MANIFEST
from registry_bridge.bridges import HERE

OURS = sorted(found.parent.name for found in HERE.glob(f"*/{MANIFEST}"))


@pytest.mark.parametrize("name", OURS)
def test_verify_passes(name: str) -> None:
    command = [sys.executable, "-m", "wanderamt.shell", "bridge", "verify", name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 passed" in done.stdout


def test_the_three_are_there() -> None:
    assert {"residents", "parking", "dogs"} <= set(OURS)

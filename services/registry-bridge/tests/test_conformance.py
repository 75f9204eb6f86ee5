"""Every shipped bridge passes the conformance suite, run in its own process and without a network."""

import subprocess
import sys

import pytest
from connector_kit.folder import MANIFEST
from registry_bridge.bridges import BRIDGES_FOLDER

SHIPPED = sorted(manifest.parent.name for manifest in BRIDGES_FOLDER.glob(f"*/{MANIFEST}"))


@pytest.mark.parametrize("name", SHIPPED)
def test_verify_passes(name: str) -> None:
    command = [sys.executable, "-m", "wanderamt.shell", "bridge", "verify", name]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "20 passed" in result.stdout


def test_the_three_bridges_are_shipped() -> None:
    assert {"residents", "parking", "dogs"} <= set(SHIPPED)

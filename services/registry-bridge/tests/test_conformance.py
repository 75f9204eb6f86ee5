"""Every shipped bridge passes the conformance suite, run in its own process and without a network."""

import subprocess
import sys

import pytest
from connector_kit.folder import MANIFEST, read_folder
from connector_kit.manifest.operation import Idempotency, OperationKind
from registry_bridge.bridges import BRIDGES_FOLDER

SHIPPED = sorted(manifest.parent.name for manifest in BRIDGES_FOLDER.glob(f"*/{MANIFEST}"))


@pytest.mark.parametrize("name", SHIPPED)
def test_verify_passes(name: str) -> None:
    command = [sys.executable, "-m", "wanderamt.shell", "bridge", "verify", name]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "22 passed" in result.stdout


def test_the_seven_bridges_are_shipped() -> None:
    small = {"electoral_roll", "lost_property", "social", "vehicles"}
    assert small | {"residents", "parking", "dogs"} == set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_order_can_be_undone_and_says_whether_it_can_be_repeated(name: str) -> None:
    """A fee is booked by hand and cancelled by telephone: its register offers neither."""
    operations = read_folder(BRIDGES_FOLDER / name).manifest.operations
    orders = {order for order, rules in operations.items() if rules.kind is not OperationKind.LOOKUP} - {"book_fee"}
    undoing = {order for order in orders if order.startswith(("cancel_", "withdraw_", "revoke_"))}
    assert all(operations[order].idempotency is Idempotency.BY_KEY for order in orders)
    assert bool(orders) == bool(undoing)
    assert len(undoing) >= len(orders) - len(undoing) - (name == "lost_property")  # one undoes both kinds of reports

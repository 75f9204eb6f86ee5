"""The bridges: one folder per register, the only code that knows the protocol of a register."""

from collections.abc import Iterable
from pathlib import Path

from connector_kit.folder import MANIFEST, BridgeFolder, read_folder

BRIDGES_FOLDER = Path(__file__).parent


def bridge_folders(more: Iterable[Path] = ()) -> list[BridgeFolder]:
    """The shipped bridges, and those in the folders `more`. Raises InvalidBridgeError."""
    shipped = sorted(manifest.parent for manifest in BRIDGES_FOLDER.glob(f"*/{MANIFEST}"))
    return [read_folder(path) for path in (*shipped, *more)]

"""One folder a register. The only place that speaks their languages."""

from collections.abc import Iterable
from pathlib import Path

from connector_kit.folder import MANIFEST, BridgeFolder, read_folder

HERE = Path(__file__).parent


def bridge_folders(more: Iterable[Path] = ()) -> list[BridgeFolder]:
    """Those that ship with us, and a city's own, by their folders. Raises BrokenBridge."""
    ours = sorted(found.parent for found in HERE.glob(f"*/{MANIFEST}"))
    return [read_folder(path) for path in (*ours, *more)]

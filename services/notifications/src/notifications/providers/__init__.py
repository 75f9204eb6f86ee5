"""Providers that carry messages, one folder each, and the connections to them."""

from pathlib import Path

from connector_kit.folder import MANIFEST, BridgeFolder, read_folder

FOLDER = Path(__file__).parent


def provider_folders() -> dict[str, BridgeFolder]:
    """The providers in this package, by their ids. Raises InvalidBridgeError."""
    folders = (read_folder(manifest.parent) for manifest in sorted(FOLDER.glob(f"*/{MANIFEST}")))
    return {folder.manifest.id: folder for folder in folders}

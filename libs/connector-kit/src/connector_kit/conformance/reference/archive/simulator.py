"""A simulated archive."""

from pathlib import Path
from typing import Any

from connector_kit.folder import BridgeFolder
from connector_kit.testing.file_simulator import FileFaults, FileSimulator


def open_simulator(folder: BridgeFolder, root: Path, *, faults: dict[str, Any]) -> FileSimulator:
    def answer(line: str) -> tuple[str, str] | None:
        id_, _, title = line.partition(";")
        return None if id_ == "*" or not title else (id_, f"{id_};S-{len(title)}")

    files = folder.manifest.files
    assert files  # noqa: S101 -- bridge.toml has it
    config = FileFaults.model_validate(faults)
    return FileSimulator(root, files, answer=answer, trailer=lambda rows: f"*;{rows}", faults=config)

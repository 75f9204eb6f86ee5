"""An archive on command."""

from pathlib import Path
from typing import Any

from connector_kit.file_simulator import FileKnobs, FileRegister
from connector_kit.folder import BridgeFolder


def open_simulator(folder: BridgeFolder, root: Path, *, knobs: dict[str, Any]) -> FileRegister:
    def answer(line: str) -> tuple[str, str] | None:
        id_, _, title = line.partition(";")
        return None if id_ == "*" or not title else (id_, f"{id_};S-{len(title)}")

    files = folder.manifest.files
    assert files  # noqa: S101 -- of bridge.toml beside
    knobs_read = FileKnobs.model_validate(knobs)
    return FileRegister(root, files, answer=answer, trailer=lambda rows: f"*;{rows}", knobs=knobs_read)

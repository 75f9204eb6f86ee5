"""Simulates the tax office: reads files with dogs, assigns tags. Nightly run: connector_kit.testing.file_simulator."""

from itertools import count
from pathlib import Path
from typing import Any

from connector_kit.folder import BridgeFolder
from connector_kit.testing.file_simulator import FileFaults, FileSimulator

LONGEST_BREED = 30  # the width of the column in its database


def open_simulator(folder: BridgeFolder, root: Path, *, faults: dict[str, Any]) -> FileSimulator:
    numbers = count(1)
    files = folder.manifest.files
    assert files  # noqa: S101 -- bridge.toml has [files]

    def answer(line: str) -> tuple[str, str] | None:
        fields = line.split(";")
        if len(fields) != 6:
            return None
        id_, breed = fields[0], fields[4]
        result = "NO;BREED" if len(breed) > LONGEST_BREED else f"OK;L-{next(numbers):05}"
        return id_, f"{id_};{result}"

    return FileSimulator(
        root, files, answer=answer, trailer=lambda rows: f"*;{rows}", faults=FileFaults.model_validate(faults)
    )

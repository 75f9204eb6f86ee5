"""A tax office to test against: takes files of dogs, hands out tags. Its nights: connector_kit.file_simulator."""

from itertools import count
from pathlib import Path
from typing import Any

from connector_kit.file_simulator import FileKnobs, FileRegister
from connector_kit.folder import BridgeFolder

LONGEST_BREED = 30  # what its 20-year-old column holds


def open_simulator(folder: BridgeFolder, root: Path, *, knobs: dict[str, Any]) -> FileRegister:
    numbers = count(1)
    files = folder.manifest.files
    assert files  # noqa: S101 -- of bridge.toml beside

    def answer(line: str) -> tuple[str, str] | None:
        fields = line.split(";")
        if len(fields) != 6:
            return None
        id_, breed = fields[0], fields[4]
        said = "NO;BREED" if len(breed) > LONGEST_BREED else f"OK;L-{next(numbers):05}"
        return id_, f"{id_};{said}"

    return FileRegister(
        root, files, answer=answer, trailer=lambda rows: f"*;{rows}", knobs=FileKnobs.model_validate(knobs)
    )

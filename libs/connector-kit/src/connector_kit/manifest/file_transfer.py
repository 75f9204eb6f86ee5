"""Where and when files travel between us and a register."""

from datetime import time

from pydantic import Field

from connector_kit.manifest.section import ManifestSection


class DailyFile(ManifestSection):
    """One file per day. `name` is a strftime pattern; `at` is when we send it, or when it must have arrived."""

    folder: str = Field(min_length=1)
    name: str = Field(min_length=1)
    at: time


class FileTransfer(ManifestSection):
    """Where files travel.

    `stable_for_s`: how long a file must not grow before we read it, where no `marker` file says that it is complete.
    `trailer`: the last line holds the number of rows; a file without it is incomplete.
    """

    charset: str = "utf-8"
    orders: DailyFile
    answers: DailyFile
    rejects: str = Field(min_length=1, description="Folder for lines of answer files that we could not read.")
    marker: str = ""
    trailer: bool = False
    stable_for_s: float = Field(60, ge=1)
    poll_interval_s: float = Field(300, gt=0)

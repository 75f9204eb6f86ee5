"""Settings of intake, beside those of every service."""

from pathlib import Path

from pydantic import Field
from wanderamt.shell.settings import ServiceSettings


class Settings(ServiceSettings):
    catalogue_folder: Path | None = Field(None, description="A city's own offers; without it, those of Linz.")
    late_cases_to: str = Field("head of office", description="Who gets a case whose owner let its deadline pass.")

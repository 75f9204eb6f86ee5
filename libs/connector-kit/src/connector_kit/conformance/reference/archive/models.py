"""Questions to the archive and its answers."""

from pydantic import BaseModel, ConfigDict, Field


class ArchiveDocument(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(min_length=1)


class ArchiveLocation(BaseModel):
    model_config = ConfigDict(frozen=True)

    shelf: str

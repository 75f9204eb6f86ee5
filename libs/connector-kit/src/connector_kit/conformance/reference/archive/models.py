"""What an archive is told and answers."""

from pydantic import BaseModel, ConfigDict, Field


class Paper(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(min_length=1)


class Place(BaseModel):
    model_config = ConfigDict(frozen=True)

    shelf: str

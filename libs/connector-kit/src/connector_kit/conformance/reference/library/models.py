"""Questions to the library and its answers."""

from pydantic import BaseModel, ConfigDict, Field


class Reader(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)


class Card(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    number: str = Field(min_length=1)
    holder: str = ""

"""What all sections of bridge.toml share: the format of names, and a model that refuses unknown fields."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]


class ManifestSection(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

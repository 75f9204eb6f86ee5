"""The registration of a dog, and the answer of the tax office."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field


class Dog(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    given_name: str = Field(min_length=1, max_length=80, description="Of the holder.")
    family_name: str = Field(min_length=1, max_length=80, description="Of the holder.")
    chip: str = Field(pattern=r"^[0-9]{15}$", description="ISO 11784.")
    breed: str = Field(min_length=1, max_length=60)
    born: date


class DogTag(BaseModel):
    model_config = ConfigDict(frozen=True)

    number: str

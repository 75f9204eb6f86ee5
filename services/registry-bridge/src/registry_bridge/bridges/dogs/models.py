"""The registration of a dog, its withdrawal, and the answer of the tax office."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from registry_bridge.bridges.shared_models import PartialDate


class FormerHolder(BaseModel):
    """Who had the dog before."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    family_name: str = Field(min_length=1, max_length=80)
    given_name: str = Field("", max_length=80)


class Dog(BaseModel):
    """A dog and its holder. A chip belongs to one dog."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    given_name: str = Field(max_length=80, description="Of the holder; empty for a person with one name.")
    family_name: str = Field(min_length=1, max_length=80, description="Of the holder.")
    birth: PartialDate | None = Field(None, description="Of the holder.")
    chip: str = Field(pattern=r"^[0-9]{15}$", description="ISO 11784.")
    breed: str = Field(min_length=1, max_length=60)
    born: date
    name: str = Field("", max_length=60, description="Of the dog.")
    former_holder: FormerHolder | None = None


class DogWithdrawal(BaseModel):
    """The dog with this chip is not registered any more."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    chip: str = Field(pattern=r"^[0-9]{15}$", description="ISO 11784.")


class DogTag(BaseModel):
    """Of the dog that was registered or withdrawn."""

    model_config = ConfigDict(frozen=True)

    number: str = Field(min_length=1, max_length=40, description="On the tag that the dog wears.")

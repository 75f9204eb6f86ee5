"""Reports to the lost-property office and its answers."""

from datetime import date
from typing import Annotated

from pydantic import Field

from registry_bridge.bridges.shared_models import (
    FamilyName,
    GivenName,
    PartialDate,
    RecordNumber,
    RegisterPerson,
    SharedModel,
)

ItemCategory = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", description="Code of the kind of thing.", examples=["wallet"])
]
ItemDescription = Annotated[str, Field(min_length=1, max_length=500)]
Place = Annotated[str, Field(min_length=1, max_length=200)]


class PropertyItem(SharedModel):
    category: ItemCategory
    description: ItemDescription
    colour: str | None = Field(None, min_length=1, max_length=40)
    value_cents: int | None = Field(None, ge=0, le=100_000_000, description="Estimated.")


class FinderContact(SharedModel):
    """Who brought it in, if that person wants a reward or the thing itself."""

    family_name: FamilyName
    given_name: GivenName = ""
    birth: PartialDate | None = None
    phone: str | None = Field(None, min_length=3, max_length=60)


class FoundReport(SharedModel):
    """Things that somebody hands in."""

    items: tuple[PropertyItem, ...] = Field(min_length=1, max_length=50)
    place: Place
    on: date = Field(description="Day on which they were lying there.")
    finder: FinderContact | None = None


class FoundReceipt(SharedModel):
    number: str = Field(min_length=1, max_length=40)
    keep_until: date = Field(description="A year, or half a year for less than 100 euros.")


class LossReport(SharedModel):
    """Things that somebody misses."""

    items: tuple[PropertyItem, ...] = Field(min_length=1, max_length=50)
    place: Place
    on: date = Field(description="Day on which they were lost.")
    owner: RegisterPerson


class PropertyMatch(SharedModel):
    """A thing that was handed in. `number`: of the report about it."""

    number: str = Field(min_length=1, max_length=40)
    category: ItemCategory
    description: ItemDescription
    place: Place
    on: date


class LossReceipt(SharedModel):
    """`matches`: things of this kind that were handed in since then; often none."""

    number: str = Field(min_length=1, max_length=40)
    matches: tuple[PropertyMatch, ...] = Field((), max_length=100)


class MatchQuery(SharedModel):
    category: ItemCategory
    description: ItemDescription | None = None
    on: date = Field(description="Day of the loss; what was handed in before it is not meant.")


class PropertyMatches(SharedModel):
    matches: tuple[PropertyMatch, ...] = Field(min_length=1, max_length=100)


class HandOutOrder(RegisterPerson):
    """Who gets what was reported under this number."""

    number: RecordNumber


class HandOutReceipt(SharedModel):
    number: str = Field(min_length=1, max_length=40)
    handed_out_on: date


class ReportNumber(SharedModel):
    """Also the answer to an undoing."""

    number: RecordNumber

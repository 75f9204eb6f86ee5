"""Parts of questions and answers that several registers have in common, with the bounds of the catalogue's facts."""

from datetime import date
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

PLATE_PATTERN: Final = r"^[A-Z0-9ÄÖÜČĆĐŠŽ][A-Z0-9ÄÖÜČĆĐŠŽ -]{0,14}$"


def _real_day(text: str) -> str:
    if len(text) == 10:
        date.fromisoformat(text)
    return text


PartialDate = Annotated[
    str,
    Field(
        pattern=r"^(18|19|20)[0-9]{2}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?$",
        description="The known part of a date, ISO 8601: 1950, 1950-05 or 1950-05-04. A day is never invented.",
        examples=["1950-05-04"],
    ),
    AfterValidator(_real_day),
]
FamilyName = Annotated[
    str, Field(min_length=1, max_length=200, description="Who has one name has it as family name, as passports do.")
]
GivenName = Annotated[str, Field(max_length=200, description="Empty for a person with one name.")]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2.", examples=["AT"])]
PlateText = Annotated[
    str, Field(pattern=PLATE_PATTERN, description="With or without separators.", examples=["L-123AB"])
]
RecordNumber = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9./-]{0,39}$")]


class SharedModel(BaseModel):
    """A part of a question or answer. Fields that it does not know are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class RegisterPerson(SharedModel):
    """A person as registers know one: name and birth."""

    family_name: FamilyName
    given_name: GivenName = ""
    birth: PartialDate


class RegisterAddress(SharedModel):
    """An address anywhere: abroad the municipality is enough."""

    country: Country
    postal_code: str = Field("", max_length=12, description="Empty where a country has none.")
    municipality: str = Field(min_length=1, max_length=100)
    street: str = Field("", max_length=100)
    number: str = Field("", max_length=20, description="Of the house.")
    stair: str = Field("", max_length=20)
    door: str = Field("", max_length=20)


class DwellingAddress(RegisterAddress):
    """The address of a dwelling in Austria: a person can live there."""

    postal_code: str = Field(pattern=r"^[1-9][0-9]{3}$")
    street: str = Field(min_length=1, max_length=100)

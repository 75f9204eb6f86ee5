"""The question and its answer, independent of SOAP."""

from datetime import date

from pydantic import BaseModel, ConfigDict, model_validator


class ResidenceQuery(BaseModel):
    """If the day or month of birth is unknown, only the year is given; a day is never invented."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    given_name: str
    family_name: str
    birth_date: date | None = None
    birth_year: int | None = None

    @model_validator(mode="after")
    def _born(self) -> "ResidenceQuery":
        if not self.birth_date and not self.birth_year:
            raise ValueError("give the date of birth, or only the year if the day is unknown")
        return self

    @property
    def born(self) -> str:
        """The known part of the date of birth, in ISO 8601."""
        return self.birth_date.isoformat() if self.birth_date else str(self.birth_year)


class Residence(BaseModel):
    model_config = ConfigDict(frozen=True)

    municipality: str
    registered_since: date
    record_number: str | None = None

"""What is asked and answered, free of SOAP."""

from datetime import date

from pydantic import BaseModel, ConfigDict, model_validator


class Person(BaseModel):
    """Where the day or month of birth is not known, the year stands alone: never an invented day."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    given_name: str
    family_name: str
    birth_date: date | None = None
    birth_year: int | None = None

    @model_validator(mode="after")
    def _born(self) -> "Person":
        if not self.birth_date and not self.birth_year:
            raise ValueError("give the date of birth, or the year where the day is not known")
        return self

    @property
    def born(self) -> str:
        """As far as it is known, in ISO 8601."""
        return self.birth_date.isoformat() if self.birth_date else str(self.birth_year)


class Residence(BaseModel):
    model_config = ConfigDict(frozen=True)

    municipality: str
    registered_since: date
    record_number: str | None = None

"""What is asked and answered, free of SOAP."""

from datetime import date

from pydantic import BaseModel, ConfigDict


class Person(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    given_name: str
    family_name: str
    birth_date: date


class Residence(BaseModel):
    model_config = ConfigDict(frozen=True)

    municipality: str
    registered_since: date

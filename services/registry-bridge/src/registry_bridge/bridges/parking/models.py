"""What is asked of the traffic office and what it answers."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field


class Vehicle(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    plate: str = Field(pattern=r"^[A-Z]{1,2} ?[A-Z0-9]{3,7}$", examples=["L 123AB"])


class Grant(Vehicle):
    zone: str = Field(min_length=1, max_length=10)
    valid_from: date
    months: int = Field(ge=1, le=24, description="StVO 45(4): two years at most.")


class Fee(Vehicle):
    cents: int = Field(ge=0)


class Permit(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    number: str
    zone: str
    valid_until: date


class Booked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    receipt: str

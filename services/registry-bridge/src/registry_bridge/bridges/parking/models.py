"""Questions to the traffic office and its answers."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field


class VehicleQuery(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    plate: str = Field(pattern=r"^[A-Z]{1,2} ?[A-Z0-9]{3,7}$", examples=["L 123AB"])


class ParkingPermitOrder(VehicleQuery):
    zone: str = Field(min_length=1, max_length=10)
    valid_from: date
    months: int = Field(ge=1, le=24, description="StVO 45(4): at most two years.")


class FeeOrder(VehicleQuery):
    cents: int = Field(ge=0)


class ParkingPermit(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    number: str
    zone: str
    valid_until: date


class FeeReceipt(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    receipt: str

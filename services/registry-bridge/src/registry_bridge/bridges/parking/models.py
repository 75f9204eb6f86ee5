"""Questions to the traffic office and its answers."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field, model_validator

from registry_bridge.bridges.shared_models import (
    FamilyName,
    GivenName,
    PartialDate,
    PlateText,
    RecordNumber,
    RegisterPerson,
)


class ParkingQuestion(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ZoneQuery(ParkingQuestion):
    """An address in the city; its other parts are ignored."""

    postal_code: str = Field(pattern=r"^[1-9][0-9]{3}$", examples=["4020"])
    street: str = Field(min_length=1, max_length=100)
    number: str = Field("", max_length=20, description="Of the house.")


class VehicleQuery(ParkingQuestion):
    """Permits are found by the plate, or by their holder: then both name and birth."""

    plate: PlateText | None = None
    family_name: FamilyName | None = None
    given_name: GivenName = ""
    birth: PartialDate | None = None

    @model_validator(mode="after")
    def _finds_something(self) -> "VehicleQuery":
        if not self.plate and not (self.family_name and self.birth):
            raise ValueError("give the plate, or family name and birth of the holder")
        return self


class ParkingPermitOrder(ParkingQuestion):
    """A permit for a vehicle. Its holder: one permit per person."""

    plate: PlateText
    zone: str = Field(min_length=1, max_length=10, description="From find_zone.")
    family_name: FamilyName | None = None
    given_name: GivenName = ""
    birth: PartialDate | None = None
    valid_from: date
    months: int = Field(ge=1, le=24, description="StVO 45(4): at most two years.")


class PermitNumber(ParkingQuestion):
    """Also the answer to a revocation: the permit that is revoked."""

    number: RecordNumber = Field(description="From grant_permit or find_permit.")


class FeeOrder(ParkingQuestion):
    plate: PlateText
    cents: int = Field(ge=0, le=1_000_000)


class ParkingZone(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    zone: str = Field(min_length=1, max_length=10)
    name: str = Field(min_length=1, max_length=100, description="As the signs at its borders have it.")


class ParkingPermit(BaseModel):
    """`valid_until`: the last day."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: str = Field(min_length=1, max_length=40)
    zone: str = Field(min_length=1, max_length=10)
    valid_until: date
    valid_from: date | None = None
    plate: str | None = Field(None, min_length=1, max_length=15)
    holder: RegisterPerson | None = None


class FeeReceipt(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    receipt: str = Field(min_length=1, max_length=40)

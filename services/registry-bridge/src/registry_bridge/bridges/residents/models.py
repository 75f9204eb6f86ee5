"""Questions and orders to the residents register and its answers, independent of SOAP."""

from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, model_validator

from registry_bridge.bridges.shared_models import (
    DwellingAddress,
    FamilyName,
    GivenName,
    PartialDate,
    RecordNumber,
    RegisterAddress,
    RegisterPerson,
)


class ResidenceKind(StrEnum):
    MAIN = "main"
    SECONDARY = "secondary"


class ResidentsMessage(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ResidenceQuery(ResidentsMessage):
    """If the day or month of birth is unknown, only the year is given; a day is never invented."""

    given_name: GivenName
    family_name: FamilyName
    birth_date: date | None = None
    birth_year: int | None = Field(None, ge=1800, le=2099)

    @model_validator(mode="after")
    def _born(self) -> "ResidenceQuery":
        if not self.birth_date and not self.birth_year:
            raise ValueError("give the date of birth, or only the year if the day is unknown")
        return self

    @property
    def born(self) -> str:
        """The known part of the date of birth, in ISO 8601."""
        return self.birth_date.isoformat() if self.birth_date else str(self.birth_year)


class Residence(ResidentsMessage):
    """Where a person lives: the main residence, unless there is only another one."""

    municipality: str = Field(min_length=1, max_length=100)
    registered_since: date
    record_number: str | None = Field(None, max_length=40)
    address: RegisterAddress | None = None
    kind: ResidenceKind | None = None


class PersonSearch(ResidentsMessage):
    """The name and one more criterion: the register refuses a name alone (f430)."""

    family_name: FamilyName
    given_name: GivenName = ""
    birth: PartialDate | None = None
    former_municipality: str | None = Field(None, min_length=1, max_length=100)


class PersonEntry(ResidentsMessage):
    """The one person who matches."""

    municipality: str = Field(min_length=1, max_length=100)
    address: RegisterAddress
    record_number: str = Field(min_length=1, max_length=40)


class HouseholdQuery(RegisterPerson):
    """One of the people of the household."""


class HouseholdMember(RegisterPerson):
    kind: ResidenceKind
    registered_since: date


class Household(ResidentsMessage):
    """The people with a residence at the main residence of the person who was asked about."""

    address: RegisterAddress
    members: tuple[HouseholdMember, ...] = Field(min_length=1, max_length=100)


class ShownDocument(ResidentsMessage):
    """An identity document that was shown."""

    kind: str = Field(pattern=r"^[a-z_]{1,40}$", examples=["passport"])
    number: str = Field(min_length=1, max_length=30)
    issued_by: str = Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2.")
    valid_until: date | None = None


class NewResident(RegisterPerson):
    """Somebody who moves in."""

    nationality: str = Field(
        pattern=r"^([A-Z]{2}|stateless|unclear)$", description="ISO 3166-1 alpha-2, stateless or unclear."
    )
    document: ShownDocument | None = None


class ResidenceRegistration(ResidentsMessage):
    """Registers people who move in together. A main residence ends the one that each of them had."""

    people: tuple[NewResident, ...] = Field(min_length=1, max_length=20)
    address: DwellingAddress
    kind: ResidenceKind
    moved_on: date
    previous_address: RegisterAddress | None = None
    housing_provider: str | None = Field(None, min_length=1, max_length=200, description="Who provides the dwelling.")


class RegistrationReceipt(ResidentsMessage):
    registration_number: str = Field(min_length=1, max_length=40)
    registered_since: date
    ended_main_residence: bool = Field(description="Whether somebody's former main residence ended.")


class RegistrationNumber(ResidentsMessage):
    """Also the answer to a cancellation."""

    registration_number: RecordNumber


class ResidenceDeregistration(ResidentsMessage):
    """Deregisters people who move out together; each of them needs a residence at this address."""

    people: tuple[RegisterPerson, ...] = Field(min_length=1, max_length=20)
    address: RegisterAddress
    moved_out_on: date


class DeregistrationReceipt(ResidentsMessage):
    deregistration_number: str = Field(min_length=1, max_length=40)
    deregistered_on: date


class DeregistrationNumber(ResidentsMessage):
    """Also the answer to a cancellation."""

    deregistration_number: RecordNumber


class PersonCorrection(ResidentsMessage):
    """What was written down wrongly; the other fields stay."""

    record_number: RecordNumber
    family_name: FamilyName | None = None
    given_name: GivenName | None = None
    birth: PartialDate | None = None

    @model_validator(mode="after")
    def _corrects_something(self) -> "PersonCorrection":
        if self.family_name is None and self.given_name is None and self.birth is None:
            raise ValueError("give what is corrected: family_name, given_name or birth")
        return self


class CorrectionReceipt(ResidentsMessage):
    record_number: str = Field(min_length=1, max_length=40)
    correction_number: str | None = Field(None, max_length=40, description="With it the correction can be cancelled.")


class CorrectionNumber(ResidentsMessage):
    correction_number: RecordNumber

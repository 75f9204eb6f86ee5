"""The question to the register of vehicles and its answer."""

from pydantic import Field

from registry_bridge.bridges.shared_models import Country, PlateText, RegisterPerson, SharedModel


class PlateQuery(SharedModel):
    """`country`: which country's plate it is."""

    country: Country
    plate: PlateText


class VehicleKeeper(SharedModel):
    """Who keeps a vehicle. `company`: the keeper, if that is no person; then `keeper` is who may use it."""

    plate: str = Field(min_length=1, max_length=15)
    keeper: RegisterPerson
    company: str = Field("", max_length=200)
    leased: bool
    category: str = Field(pattern=r"^[A-Z][A-Z0-9]{0,3}$", description="EU category.", examples=["M1"])
    max_mass_kg: int = Field(ge=1, le=100_000, description="Highest permitted total mass.")

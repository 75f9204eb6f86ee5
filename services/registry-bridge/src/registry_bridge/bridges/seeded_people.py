"""The people that the simulated registers know: from a file with one JSON line per person, or everybody."""

import json
import zlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from connector_kit.testing.json_simulator import OrderRefusedError
from pydantic import Field
from service_catalogue.authority import AuthorityProfile, shipped_profile
from service_catalogue.streets import StreetRegister, shipped_street_register

from registry_bridge.bridges.shared_models import PartialDate, RegisterAddress, SharedModel

AMBIGUOUS = "ambiguous"


class SeededVehicle(SharedModel):
    """A vehicle of a seeded person. `company`: the keeper, if that is not the person."""

    plate: str
    country: str = "AT"
    company: str = ""
    leased: bool = False
    category: str = "M1"
    max_mass_kg: int = 1900


class RegisteredPerson(SharedModel):
    """A line of the file. `birth` or `birth_date` or `birth_year`; `locked`: the records are blocked, the answer is the
    same as for an unknown person."""

    family_name: str
    given_name: str = ""
    birth_date: str = ""
    birth_year: int | None = None
    partial_birth: PartialDate | None = Field(None, alias="birth")
    address: RegisterAddress | None = None
    kind: str = "main"
    since: str = "2012-05-02"
    former_municipalities: tuple[str, ...] = ()
    nationality: str = "AT"
    locked: bool = False
    vehicles: tuple[SeededVehicle, ...] = ()
    income_cents: int = 0

    @property
    def birth(self) -> str:
        return self.partial_birth or self.birth_date or str(self.birth_year or "")

    def matches(self, family_name: str, given_name: str, birth: str) -> bool:
        """A question with less than the whole date matches everybody born in that year or month."""
        return (self.family_name, self.given_name) == (family_name, given_name) and self.birth.startswith(birth)


def read_people(path: str | Path) -> list[RegisteredPerson] | None:
    """None without a path: everybody is known."""
    if not path:
        return None
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return [RegisteredPerson.model_validate(json.loads(line)) for line in lines if line]


def only_match(
    people: Iterable[RegisteredPerson] | None, *, family_name: str, given_name: str, birth: str
) -> RegisteredPerson | None:
    """None for a person that is not known. Raises OrderRefusedError for several. Without people everybody is known."""
    if people is None:
        return RegisteredPerson(family_name=family_name, given_name=given_name, birth=birth)
    matching = [person for person in people if person.matches(family_name, given_name, birth)]
    if len(matching) > 1:
        raise OrderRefusedError(AMBIGUOUS)
    return matching[0] if matching else None


@cache
def home() -> AuthorityProfile:
    """The municipality whose registers are simulated."""
    return shipped_profile()


@cache
def streets_at_home() -> StreetRegister:
    return shipped_street_register()


def address_of(family_name: str, given_name: str) -> RegisterAddress:
    """Where a person lives of whom no file says it: an address at home, always the same."""
    drawn = zlib.crc32(f"{family_name} {given_name}".encode())
    street = streets_at_home().streets[drawn % len(streets_at_home().streets)]
    return RegisterAddress(
        country=home().country,
        postal_code=street.postal_code,
        municipality=home().place,
        street=street.name,
        number=str(1 + drawn // 1000 % 60),
    )

"""The permits and fees of the simulated traffic office.

Invariants: on any day a plate and a person have at most one permit that is not revoked.
"""

from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

from connector_kit.testing.json_simulator import OrderRefusedError
from connector_kit.testing.simulator import Rows

from registry_bridge.bridges.calendar_months import months_later
from registry_bridge.bridges.parking.models import ParkingPermitOrder, VehicleQuery, ZoneQuery
from registry_bridge.bridges.seeded_people import streets_at_home

DISTRICTS_PER_NAME = 26  # zone A is the first statistical district of the city


@dataclass(slots=True)
class PermitEntry:
    """`plate_key`: the plate without separators, as two plates are compared."""

    number: str
    plate: str
    plate_key: str
    zone: str
    valid_from: date
    valid_until: date
    family_name: str = ""
    given_name: str = ""
    birth: str = ""
    revoked: bool = False

    def held_by(self, family_name: str | None, given_name: str, birth: str | None) -> bool:
        return bool(family_name) and (self.family_name, self.given_name, self.birth) == (
            family_name,
            given_name,
            birth,
        )

    def as_answer(self) -> dict[str, Any]:
        person = {"family_name": self.family_name, "given_name": self.given_name, "birth": self.birth}
        return {
            "number": self.number,
            "zone": self.zone,
            "plate": self.plate,
            "valid_from": self.valid_from.isoformat(),
            "valid_until": self.valid_until.isoformat(),
            **({"holder": person} if self.family_name else {}),
        }


@dataclass
class PermitBook:
    permits: dict[str, PermitEntry] = field(default_factory=dict)
    fees: list[dict[str, Any]] = field(default_factory=list)
    by_plate: dict[str, list[PermitEntry]] = field(default_factory=dict)
    by_family_name: dict[str, list[PermitEntry]] = field(default_factory=dict)

    def find_zone(self, question: ZoneQuery) -> dict[str, Any]:
        streets = streets_at_home().named(question.street)
        street = next((street for street in streets if street.postal_code == question.postal_code), None)
        if not street:
            raise OrderRefusedError("no-zone", 404)
        zone = zone_of(street.district)
        return {"zone": zone, "name": f"Bewohnerzone {zone}"}

    def find(self, question: VehicleQuery) -> dict[str, Any]:
        """Of several permits the last one to end, unless a revoked one."""
        matching = [
            permit
            for permit in self._candidates(question.plate, question.family_name)
            if (question.plate and permit.plate_key == plate_key(question.plate))
            or permit.held_by(question.family_name, question.given_name, question.birth)
        ]
        if not matching:
            raise OrderRefusedError("no-permit", 404)
        return max(matching, key=lambda permit: permit.valid_until).as_answer()

    def grant(self, order: ParkingPermitOrder) -> dict[str, Any]:
        if order.zone not in zones():
            raise OrderRefusedError("unknown-zone", 422)
        last_day = months_later(order.valid_from, order.months) - timedelta(days=1)
        for permit in self._candidates(order.plate, order.family_name):
            meets = permit.valid_from <= last_day and order.valid_from <= permit.valid_until
            same_plate = permit.plate_key == plate_key(order.plate)
            if meets and (same_plate or permit.held_by(order.family_name, order.given_name, order.birth)):
                raise OrderRefusedError("has-permit")
        permit = PermitEntry(
            f"P-{len(self.permits) + 1:06}",
            order.plate,
            plate_key(order.plate),
            order.zone,
            order.valid_from,
            last_day,
            order.family_name or "",
            order.given_name,
            order.birth or "",
        )
        self._add(permit)
        return permit.as_answer()

    def revoke(self, number: str) -> dict[str, Any]:
        permit = self.permits.get(number)
        if not permit:
            raise OrderRefusedError("no-permit", 404)
        permit.revoked = True
        return {"number": number}

    def book(self, plate: str, cents: int) -> dict[str, Any]:
        self.fees.append({"receipt": f"R-{len(self.fees) + 1:06}", "plate": plate, "cents": cents})
        return {"receipt": self.fees[-1]["receipt"]}

    def add_example(self, number: str) -> None:
        """A permit that was granted before, to be revoked."""
        if number not in self.permits:
            self._add(PermitEntry(number, number, number, "A", date(2026, 1, 1), date(2027, 12, 31)))

    def rows(self) -> Rows:
        return {"permits": [_row(permit) for permit in self.permits.values()], "fees": self.fees}

    def _candidates(self, plate: str | None, family_name: str | None) -> list[PermitEntry]:
        """Permits in force of this plate or of people with this family name."""
        entries = [
            *(self.by_plate.get(plate_key(plate), ()) if plate else ()),
            *(self.by_family_name.get(family_name, ()) if family_name else ()),
        ]
        return [permit for permit in entries if not permit.revoked]

    def _add(self, permit: PermitEntry) -> None:
        self.permits[permit.number] = permit
        self.by_plate.setdefault(permit.plate_key, []).append(permit)
        self.by_family_name.setdefault(permit.family_name, []).append(permit)


def plate_key(plate: str) -> str:
    return "".join(char for char in plate if char.isalnum())


def zones() -> frozenset[str]:
    return frozenset(zone_of(street.district) for street in streets_at_home().streets)


def zone_of(district: int) -> str:
    return chr(ord("A") + (district - 1) % DISTRICTS_PER_NAME)


def _row(permit: PermitEntry) -> dict[str, Any]:
    row = asdict(permit) | {"valid_from": permit.valid_from.isoformat(), "valid_until": permit.valid_until.isoformat()}
    del row["plate_key"]
    return row

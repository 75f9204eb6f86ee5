"""The people and residences of the simulated residents register.

Invariants: a person has at most one main residence that has not ended; cancelling an order restores exactly what was
before it, and is refused while a later order builds on it.
"""

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from connector_kit.testing.simulator import Rows

from registry_bridge.bridges.residents import models
from registry_bridge.bridges.seeded_people import RegisteredPerson, address_of, streets_at_home
from registry_bridge.bridges.shared_models import RegisterAddress, RegisterPerson

SINCE = "2012-05-02"  # since when people live where the simulator let them live


class PopulationFaultError(Exception):
    """The register answers with this fault code."""


class NoDataError(Exception):
    """No such person, residence or order, or a locked person."""


@dataclass(slots=True)
class ResidentRow:
    record_number: str
    family_name: str
    given_name: str
    birth: str
    nationality: str = "AT"
    locked: bool = False
    former_municipalities: tuple[str, ...] = ()


@dataclass(slots=True)
class ResidenceRow:
    """`until`: None while it has not ended. `registration`, `ended_by`: numbers of the orders that did it."""

    record_number: str
    address: dict[str, str]
    kind: str
    since: str
    until: str | None = None
    registration: str = ""
    ended_by: str = ""
    document: dict[str, Any] | None = None
    housing_provider: str = ""


@dataclass(slots=True)
class ResidenceOrder:
    """A registration, deregistration or correction. `undo` restores what was before; `is_built_on`: whether a later
    order has changed what this one did."""

    number: str
    request_id: str
    kind: str
    undo: Callable[[], None]
    is_built_on: Callable[[], bool]
    record_number: str = ""
    cancelled: bool = False


@dataclass
class Population:
    """`everybody_known`: whoever is asked about lives at home, and is written down at the first question."""

    everybody_known: bool
    residents: dict[str, ResidentRow] = field(default_factory=dict)
    residences: list[ResidenceRow] = field(default_factory=list)
    orders: dict[str, ResidenceOrder] = field(default_factory=dict)
    by_name: dict[tuple[str, str], list[ResidentRow]] = field(default_factory=dict)
    by_record: dict[str, list[ResidenceRow]] = field(default_factory=dict)
    numbers: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, people: Iterable[RegisteredPerson] | None) -> "Population":
        population = cls(everybody_known=people is None)
        for person in people or ():
            row = population._write_down(person.family_name, person.given_name, person.birth)
            row.nationality, row.locked = person.nationality, person.locked
            row.former_municipalities = person.former_municipalities
            address = person.address or address_of(person.family_name, person.given_name)
            population._move_in(row, address, person.kind, person.since)
        return population

    def find(self, family_name: str, given_name: str, birth: str = "", *, former: str | None = None) -> ResidentRow:
        """Raises NoDataError, and PopulationFaultError for several."""
        if self.everybody_known:
            return self._invented(family_name, given_name, birth)
        matching = [
            row
            for row in self.by_name.get((family_name, given_name), ())
            if row.birth.startswith(birth) and (not former or former in row.former_municipalities)
        ]
        if len(matching) > 1:
            raise PopulationFaultError("F231")
        if not matching or matching[0].locked:
            raise NoDataError
        return matching[0]

    def residence_of(self, row: ResidentRow) -> ResidenceRow:
        """The main residence, else another one. Raises NoDataError if the person lives nowhere."""
        current = self._open_residences(row)
        if not current:
            raise NoDataError
        return min(current, key=lambda residence: residence.kind != models.ResidenceKind.MAIN)

    def household_of(self, row: ResidentRow) -> tuple[ResidenceRow, list[tuple[ResidentRow, ResidenceRow]]]:
        home = self.residence_of(row)
        members = [
            (self.residents[residence.record_number], residence)
            for residence in self.residences
            if residence.until is None and same_address(residence.address, home.address)
        ]
        return home, [(member, residence) for member, residence in members if not member.locked]

    def register(self, order: models.ResidenceRegistration, request_id: str) -> dict[str, Any]:
        check_address(order.address)
        if len({(person.family_name, person.given_name, person.birth) for person in order.people}) < len(order.people):
            raise PopulationFaultError("F411")
        for person in order.people:
            known = self._known(person)
            if known and any(residence.kind == order.kind for residence in self._at(known, order.address)):
                raise PopulationFaultError("F440")
        number = self._next("MR")
        new_people: list[ResidentRow] = []
        ended: list[ResidenceRow] = []
        opened: list[ResidenceRow] = []
        for person in order.people:
            known = self._known(person)
            row = known or self._write_down(person.family_name, person.given_name, person.birth)
            row.nationality = person.nationality if not known else row.nationality
            new_people += [] if known else [row]
            ended += self._end(self._replaced_by(order, row), order.moved_on.isoformat(), number)
            residence = self._move_in(row, order.address, order.kind, order.moved_on.isoformat())
            residence.registration, residence.housing_provider = number, order.housing_provider or ""
            residence.document = person.document.model_dump(mode="json") if person.document else None
            opened.append(residence)

        def undo() -> None:
            for residence in opened:
                self._remove(residence)
            for row in new_people:
                self._forget(row)
            self._reopen(ended)

        self.orders[number] = ResidenceOrder(
            number, request_id, "registration", undo, lambda: any(residence.ended_by for residence in opened)
        )
        return {
            "registration_number": number,
            "registered_since": order.moved_on.isoformat(),
            "ended_main_residence": any(residence.kind == models.ResidenceKind.MAIN for residence in ended),
        }

    def deregister(self, order: models.ResidenceDeregistration, request_id: str) -> dict[str, Any]:
        leaving: list[ResidenceRow] = []
        for person in order.people:
            row = self._known(person)
            at_address = self._at(row, order.address) if row else []
            if not at_address:
                raise NoDataError
            leaving += at_address
        number = self._next("MA")
        ended = self._end(leaving, order.moved_out_on.isoformat(), number)
        before = {residence.record_number: len(self.by_record[residence.record_number]) for residence in ended}

        def lives_elsewhere_by_now() -> bool:
            return any(len(self.by_record[record]) > count for record, count in before.items())

        self.orders[number] = ResidenceOrder(
            number, request_id, "deregistration", lambda: self._reopen(ended), lives_elsewhere_by_now
        )
        return {"deregistration_number": number, "deregistered_on": order.moved_out_on.isoformat()}

    def correct(self, order: models.PersonCorrection, request_id: str) -> dict[str, Any]:
        row = self.residents.get(order.record_number)
        if not row or row.locked:
            raise NoDataError
        before = (row.family_name, row.given_name, row.birth)
        after = (
            order.family_name or row.family_name,
            row.given_name if order.given_name is None else order.given_name,
            order.birth or row.birth,
        )
        self._rename(row, *after)
        number = self._next("MB")
        self.orders[number] = ResidenceOrder(
            number,
            request_id,
            "correction",
            lambda: self._rename(row, *before),
            lambda: (row.family_name, row.given_name, row.birth) != after,
            row.record_number,
        )
        return {"record_number": row.record_number, "correction_number": number}

    def cancel(self, number: str, kind: str) -> ResidenceOrder:
        """Raises NoDataError for an order that never was."""
        order = self.orders.get(number)
        if not order or order.kind != kind:
            raise NoDataError
        if order.cancelled:
            return order
        if order.is_built_on():
            raise PopulationFaultError("F442")
        order.undo()
        order.cancelled = True
        return order

    def rows(self) -> Rows:
        return {
            "people": [asdict(row) for row in self.residents.values()],
            "residences": [asdict(residence) for residence in self.residences],
            "orders": [
                {name: getattr(order, name) for name in ("number", "kind", "request_id", "cancelled")}
                for order in self.orders.values()
            ],
        }

    def add_order(self, number: str, kind: str) -> None:
        """An order of an example, which a cancellation then finds."""
        self.orders.setdefault(number, ResidenceOrder(number, "", kind, lambda: None, lambda: False, number))

    def add_resident(self, person: RegisterPerson, address: RegisterAddress) -> None:
        """A person of an example, who lives at this address."""
        row = self._known(person) or self._write_down(person.family_name, person.given_name, person.birth)
        if not self._at(row, address):
            self._move_in(row, address, models.ResidenceKind.SECONDARY, SINCE)

    def add_record(self, record_number: str) -> None:
        """A person of an example, known by the number of the record."""
        if record_number not in self.residents:
            self._add_row(ResidentRow(record_number, record_number, "", "1970"))

    def _invented(self, family_name: str, given_name: str, birth: str) -> ResidentRow:
        """The person of this name, who is written down at the first question; the more exact birth stays."""
        for row in self.by_name.get((family_name, given_name), ()):
            if row.birth.startswith(birth) or birth.startswith(row.birth):
                row.birth = max(row.birth, birth, key=len)
                return row
        row = self._write_down(family_name, given_name, birth)
        self._move_in(row, address_of(family_name, given_name), models.ResidenceKind.MAIN, SINCE)
        return row

    def _known(self, person: RegisterPerson) -> ResidentRow | None:
        """Also a locked person: a lock is against questions. Raises PopulationFaultError for several."""
        if self.everybody_known:
            return self._invented(person.family_name, person.given_name, person.birth)
        matching = [
            row
            for row in self.by_name.get((person.family_name, person.given_name), ())
            if row.birth.startswith(person.birth) or person.birth.startswith(row.birth)
        ]
        if len(matching) > 1:
            raise PopulationFaultError("F231")
        return matching[0] if matching else None

    def _replaced_by(self, order: models.ResidenceRegistration, row: ResidentRow) -> list[ResidenceRow]:
        """A new main residence ends the former one, and a residence of another kind at the same address."""
        same_kind = order.kind is models.ResidenceKind.MAIN
        at_address = self._at(row, order.address)
        return [
            residence
            for residence in self._open_residences(row)
            if residence in at_address or (same_kind and residence.kind == order.kind)
        ]

    def _at(self, row: ResidentRow, address: RegisterAddress) -> list[ResidenceRow]:
        return [home for home in self._open_residences(row) if same_address(home.address, dump(address))]

    def _write_down(self, family_name: str, given_name: str, birth: str) -> ResidentRow:
        name = f"{family_name} {given_name}"
        number = f"{zlib.crc32(name.encode()):012}"
        while number in self.residents:
            name += f" {birth}"
            number = f"{zlib.crc32(name.encode()):012}"
        return self._add_row(ResidentRow(number, family_name, given_name, birth))

    def _add_row(self, row: ResidentRow) -> ResidentRow:
        self.residents[row.record_number] = row
        self.by_name.setdefault((row.family_name, row.given_name), []).append(row)
        return row

    def _forget(self, row: ResidentRow) -> None:
        del self.residents[row.record_number]
        self.by_name[row.family_name, row.given_name].remove(row)

    def _rename(self, row: ResidentRow, family_name: str, given_name: str, birth: str) -> None:
        self.by_name[row.family_name, row.given_name].remove(row)
        row.family_name, row.given_name, row.birth = family_name, given_name, birth
        self.by_name.setdefault((family_name, given_name), []).append(row)

    def _move_in(self, row: ResidentRow, address: RegisterAddress, kind: str, since: str) -> ResidenceRow:
        residence = ResidenceRow(row.record_number, dump(address), str(kind), since)
        self.residences.append(residence)
        self.by_record.setdefault(row.record_number, []).append(residence)
        return residence

    def _remove(self, residence: ResidenceRow) -> None:
        """By identity: two residences of one family are equal but for the person."""
        self.residences = [other for other in self.residences if other is not residence]
        others = self.by_record[residence.record_number]
        self.by_record[residence.record_number] = [other for other in others if other is not residence]

    def _open_residences(self, row: ResidentRow) -> list[ResidenceRow]:
        return [residence for residence in self.by_record.get(row.record_number, ()) if residence.until is None]

    def _end(self, residences: Sequence[ResidenceRow], day: str, number: str) -> list[ResidenceRow]:
        for residence in residences:
            residence.until, residence.ended_by = day, number
        return list(residences)

    def _reopen(self, residences: Sequence[ResidenceRow]) -> None:
        for residence in residences:
            residence.until, residence.ended_by = None, ""

    def _next(self, prefix: str) -> str:
        self.numbers[prefix] += 1
        return f"{prefix}-{self.numbers[prefix]:06}"


def dump(address: RegisterAddress) -> dict[str, str]:
    return {name: text for name, text in address.model_dump(mode="json").items() if text}


def same_address(address: dict[str, str], other: dict[str, str]) -> bool:
    """Stair and door count where both have them."""
    names = {"country", "postal_code", "municipality", "street", "number"}
    names |= {"stair", "door"} & address.keys() & other.keys()
    return all(address.get(name, "").casefold() == other.get(name, "").casefold() for name in names)


def check_address(address: RegisterAddress) -> None:
    """A street that the register of streets has is in no other postal code."""
    streets = streets_at_home()
    if not streets.covers(country=address.country, municipality=address.municipality):
        return
    codes = {street.postal_code for street in streets.named(address.street)}
    if codes and address.postal_code not in codes:
        raise PopulationFaultError("F441")

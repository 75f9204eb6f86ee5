"""The rows that a case has, or should have, in the registers of residents and of parking permits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from intake.domain.case.state import Case

Json = dict[str, Any]
Tables = Mapping[str, Mapping[str, list[Json]]]
ADDRESS_PARTS: Final = ("country", "postal_code", "municipality", "street", "number", "stair", "door")
COMMANDS: Final = {"registration": "registration", "resident_parking": "permit"}


@dataclass(frozen=True, slots=True)
class RegisterEntry:
    """`number`: that the register gave. `holds`: what it says, comparable. `undone`: taken back again."""

    number: str
    holds: tuple[str, ...]
    undone: bool = False


def rows_by_family(tables: Tables) -> dict[str, list[RegisterEntry]]:
    """The rows that orders wrote, by the family name of their people."""
    rows: dict[str, list[RegisterEntry]] = {}
    people = {row["record_number"]: row for row in tables["residents"]["people"]}
    for home in tables["residents"]["residences"]:
        if not home["registration"]:
            continue
        person = people[home["record_number"]]
        holds = (person["given_name"], person["birth"], home["kind"], home["since"], *_address(home["address"]))
        row = RegisterEntry(home["registration"], holds, undone=home["until"] is not None)
        rows.setdefault(person["family_name"], []).append(row)
    for permit in tables["parking"]["permits"]:
        holds = (permit["given_name"], permit["birth"], permit["plate"], permit["zone"], permit["valid_until"])
        row = RegisterEntry(permit["number"], holds, undone=permit["revoked"])
        rows.setdefault(permit["family_name"], []).append(row)
    return rows


def expected_rows(case: Case) -> list[RegisterEntry]:
    """What the facts and the answers of a finished case say."""
    form = case.form
    birth = f"{form.get('applicant.birth_date')}"
    if case.service == "resident_parking":
        permit, zone = _answer(case, "permit"), _answer(case, "zone")
        plate = _object(form.get("facts.plate"))
        holds = (str(form["applicant.given_name"]), birth, str(plate.get("text")), str(zone.get("zone")))
        return [RegisterEntry(str(permit.get("permit_number")), (*holds, str(permit.get("valid_until"))))]
    number = str(_answer(case, "registration").get("registration_number"))
    home = (str(form["facts.dwelling"]), str(form["facts.moved_on"]), *_address(_object(form["facts.address"])))
    people = [(str(form["applicant.given_name"]), birth)]
    people += [(str(person["given_name"]), str(person["birth"])) for person in family_of(case)]
    return [RegisterEntry(number, (*person, *home)) for person in people]


def family_of(case: Case) -> list[Json]:
    rows = case.form.get("facts.family")
    return [_object(_object(row).get("person")) for row in rows] if isinstance(rows, list) else []


def printed_facts(case: Case) -> list[str]:
    """What the paper of the case must say."""
    form = case.form
    [first, *more] = expected_rows(case)
    if case.service == "resident_parking":
        address = _object(_answer(case, "residence").get("address"))
        plate, zone, until = first.holds[2:5]
        return [first.number, plate, f"Zone {zone}", _day(until), *_printed_address(address)]
    dwelling = "Hauptwohnsitz" if form["facts.dwelling"] == "main" else "weiterer Wohnsitz"
    names = [row.holds[0] for row in (first, *more)]
    moved = _day(str(form["facts.moved_on"]))
    return [first.number, dwelling, moved, *_printed_address(_object(form["facts.address"])), *names]


def _printed_address(address: Json) -> Iterable[str]:
    yield str(address.get("street"))
    yield "/".join(str(address[part]) for part in ("number", "stair", "door") if address.get(part))


def _day(iso: str) -> str:
    year, month, day = iso.split("-")
    return f"{day}.{month}.{year}"


def _address(address: Json) -> tuple[str, ...]:
    return tuple(str(address.get(part) or "") for part in ADDRESS_PARTS)


def _answer(case: Case, call: str) -> Json:
    return _object(case.form.get(f"answers.{call}"))


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}

"""Compares what the registers hold with what was typed: each effect of a finished case is exactly one row."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

Json = dict[str, Any]
RegisterTables = Mapping[str, Mapping[str, list[Json]]]
"""The rows of the simulators, by register and table."""


@dataclass(frozen=True)
class ExpectedRow:
    """A row that holds these values, and no other one of its table does. Blank values count as absent."""

    register: str
    table: str
    values: Json


@dataclass
class RegisterComparison:
    """`rows`: the rows of each case. `problems`: rows that are missing, doubled, or of no finished case."""

    rows: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    problems: list[str] = field(default_factory=list)


def compare(cases: Iterable[tuple[str, Json]], tables: RegisterTables) -> RegisterComparison:
    """`cases`: id and body of the entry of each finished case."""
    comparison = RegisterComparison()
    written = written_rows(tables)
    matched: Counter[int] = Counter()
    for case_id, body in cases:
        for expected in EXPECTED_ROWS.get(body["service"], _none)(body):
            rows = [row for row in written[expected.register, expected.table] if holds(row, expected.values)]
            matched.update(map(id, rows))
            comparison.rows[case_id] += rows
            if len(rows) != 1:
                comparison.problems.append(
                    f"{body['service']} {case_id}: {len(rows)} rows in {expected.register} instead of 1"
                )
    for (register, table), all_rows in written.items():
        strange = sum(matched[id(row)] != 1 for row in all_rows)
        if strange:
            comparison.problems.append(
                f"{register}: {strange} of {len(all_rows)} rows in {table} are of no finished case"
            )
    return comparison


def written_rows(tables: RegisterTables) -> dict[tuple[str, str], list[Json]]:
    """What orders wrote and did not take back: not what the registers held before."""
    people = {row["record_number"]: row for row in tables["residents"]["people"]}
    homes = [people[row["record_number"]] | row for row in tables["residents"]["residences"]]
    return {
        ("residents", "residences"): [home for home in homes if home["registration"]],
        ("residents", "ended"): [
            home for home in homes if home["ended_by"].startswith("MA") and not home["registration"]
        ],
        **{
            (register, table): [row for row in tables[register][table] if not row.get(taken_back)]
            for register, table, taken_back in (
                ("parking", "permits", "revoked"),
                ("dogs", "dogs", "withdrawn"),
                ("lost_property", "found", "withdrawn"),
                ("lost_property", "lost", "withdrawn"),
                ("electoral_roll", "cards", "withdrawn"),
                ("social", "passes", "withdrawn"),
            )
        },
    }


def holds(row: object, values: object) -> bool:
    """Whether the row has these values; it may have more. None and empty texts are the same."""
    if isinstance(values, dict):
        return isinstance(row, dict) and all(holds(row.get(name), value) for name, value in values.items())
    if isinstance(values, list):
        return (
            isinstance(row, list) and len(row) == len(values) and all(map(holds, row, values))  # in order
        )
    return (row or None) == (values or None)


def _none(_: Json) -> list[ExpectedRow]:
    return []


def _person(person: Json) -> Json:
    return {
        "family_name": person["family_name"],
        "given_name": person.get("given_name", ""),
        "birth": person.get("birth") or person.get("birth_date") or str(person.get("birth_year")),
    }


def _address(address: Json) -> Json:
    parts = ("country", "postal_code", "municipality", "street", "number", "stair", "door")
    return {part: address.get(part, "") for part in parts}


def _registration(body: Json) -> list[ExpectedRow]:
    facts = body["facts"]
    members = [member["person"] for member in facts.get("family", [])]
    home = {
        "address": _address(facts["address"]),
        "kind": facts["dwelling"],
        "since": facts["moved_on"],
        "until": None,
        "housing_provider": facts.get("housing_provider", ""),
    }
    applicant = body["applicant"] | {"document": facts.get("document")}
    return [
        ExpectedRow("residents", "residences", home | _person(person) | {"document": person.get("document")})
        for person in (applicant, *members)
    ]


def _deregistration(body: Json) -> list[ExpectedRow]:
    facts = body["facts"]
    people = (body["applicant"], *(member["person"] for member in facts.get("family", [])))
    home = {"address": _address(facts["address"]), "until": facts["moves_out_on"]}
    return [ExpectedRow("residents", "ended", home | _person(person)) for person in people]


def _parking(body: Json) -> list[ExpectedRow]:
    permit = {"plate": body["facts"]["plate"]["text"]} | _person(body["applicant"])
    return [ExpectedRow("parking", "permits", permit)]


def _dog(body: Json) -> list[ExpectedRow]:
    facts, holder = body["facts"], _person(body["applicant"])
    dog = {
        "family_name": holder["family_name"],
        "given_name": holder["given_name"],
        "chip": facts["chip"],
        "breed": facts["breed"],
        "born": f"{date.fromisoformat(facts['dog_born_on']):%d.%m.%Y}",
        "name": facts["dog_name"],
        "former_family_name": facts.get("former_family_name"),
        "former_given_name": facts.get("former_given_name"),
    }
    return [ExpectedRow("dogs", "dogs", dog)]


def _items(body: Json) -> list[Json]:
    return [
        {"category": item["category"], "description": item["description"], "colour": item.get("colour")}
        | {"value_cents": item.get("value")}
        for item in body["facts"]["items"]
    ]


def _found(body: Json) -> list[ExpectedRow]:
    facts = body["facts"]
    report = {"items": _items(body), "place": facts["found_at"], "on": facts["found_on"]}
    return [ExpectedRow("lost_property", "found", report | {"finder": _person(body["applicant"])})]


def _lost(body: Json) -> list[ExpectedRow]:
    facts = body["facts"]
    report = {"items": _items(body), "place": facts["lost_at"], "on": facts["lost_on"]}
    return [ExpectedRow("lost_property", "lost", report | {"owner": _person(body["applicant"])})]


def _card(body: Json) -> list[ExpectedRow]:
    facts = body["facts"]
    to = _address(facts["delivery_address"]) if "delivery_address" in facts else None
    card = {"channel": facts["channel"], "delivery_address": to} | _person(body["applicant"])
    return [ExpectedRow("electoral_roll", "cards", card)]


def _pass(body: Json) -> list[ExpectedRow]:
    return [ExpectedRow("social", "passes", _person(body["applicant"]))]


EXPECTED_ROWS: Final[Mapping[str, Callable[[Json], list[ExpectedRow]]]] = {
    "registration": _registration,
    "deregistration": _deregistration,
    "resident_parking": _parking,
    "dog_registration": _dog,
    "found_property_report": _found,
    "lost_property_report": _lost,
    "voting_card": _card,
    "active_pass": _pass,
}

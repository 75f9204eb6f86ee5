"""The demo's data are true to the catalogue, and its comparison with the registers sees each kind of difference."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from intake.catalogue_files.loader import load_catalogue
from intake.domain.catalogue.catalogue import PinnedEdition
from intake.domain.catalogue.service_definition import canonical_facts
from uuid_utils.compat import uuid7
from wanderamt_local.demo.papers import file_name
from wanderamt_local.demo.register_comparison import compare
from wanderamt_local.demo.scenario import read_scenario
from wanderamt_local.field_entries import DOCUMENT_SERIES, FILE_SERIES, RECEIPT_SERIES, LeasedNumbers

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
LINZ = {"country": "AT", "postal_code": "4020", "municipality": "Linz", "street": "Hauptplatz", "number": "1"}
ZOE = {"family_name": "Hadžić", "given_name": "Zoë", "birth": "1990-04-01"}
CASES: list[tuple[str, dict[str, Any]]] = [
    (
        "case-1",
        {
            "service": "registration",
            "applicant": {"family_name": "Hadžić", "given_name": "Zoë", "birth_date": "1990-04-01"},
            "facts": {"address": LINZ, "dwelling": "main", "moved_on": "2026-11-30"},
        },
    ),
    (
        "case-2",
        {
            "service": "resident_parking",
            "applicant": {"family_name": "Hadžić", "given_name": "Zoë", "birth_date": "1990-04-01"},
            "facts": {"plate": {"country": "AT", "text": "L-482KP"}},
        },
    ),
]
Tables = dict[str, dict[str, list[dict[str, Any]]]]


class NumbersOfTest(LeasedNumbers):
    """As many as the scenario needs."""

    def __init__(self) -> None:
        super().__init__()
        for series in (FILE_SERIES, RECEIPT_SERIES, DOCUMENT_SERIES):
            self._left[series].extend([f"{series}-2026-0000001-5"] * 60)


def registers() -> Tables:
    home: dict[str, Any] = {"record_number": "1", "kind": "main", "since": "2026-11-30"}
    home |= {"address": LINZ | {"stair": "", "door": ""}}
    home |= {"until": None, "registration": "MR-000001", "ended_by": "", "document": None, "housing_provider": ""}
    return {
        "residents": {"people": [{"record_number": "1", **ZOE}], "residences": [home]},
        "parking": {"permits": [{"number": "P-000001", "plate": "L-482KP", "revoked": False, **ZOE}]},
        "dogs": {"dogs": []},
        "lost_property": {"found": [], "lost": []},
        "electoral_roll": {"cards": []},
        "social": {"passes": []},
    }


def lost_permit(tables: Tables) -> None:
    tables["parking"]["permits"].clear()


def doubled_permit(tables: Tables) -> None:
    tables["parking"]["permits"] *= 2


def permit_of_another_plate(tables: Tables) -> None:
    tables["parking"]["permits"][0]["plate"] = "L-482KQ"


def moved_in_another_day(tables: Tables) -> None:
    tables["residents"]["residences"][0]["since"] = "2026-11-29"


def lives_at_another_door(tables: Tables) -> None:
    tables["residents"]["residences"][0]["address"]["door"] = "2"


def row_of_nobody(tables: Tables) -> None:
    tables["social"]["passes"].append({"number": "AP-1", "withdrawn": False, **ZOE})


def test_registers_that_hold_what_was_typed_have_no_problem() -> None:
    comparison = compare(CASES, registers())
    assert comparison.problems == []
    assert {case_id: len(rows) for case_id, rows in comparison.rows.items()} == {"case-1": 1, "case-2": 1}


@pytest.mark.parametrize(
    "change",
    [
        lost_permit,
        doubled_permit,
        permit_of_another_plate,
        moved_in_another_day,
        lives_at_another_door,
        row_of_nobody,
    ],
)
def test_each_difference_between_case_and_register_is_a_problem(change: Callable[[Tables], None]) -> None:
    tables = copy.deepcopy(registers())
    change(tables)
    assert compare(CASES, tables).problems


def test_a_row_that_was_taken_back_is_none() -> None:
    tables = registers()
    tables["parking"]["permits"][0]["revoked"] = True
    assert compare(CASES[:1], tables).problems == []


def test_each_visit_of_the_demo_fits_the_catalogue() -> None:
    catalogue, numbers = load_catalogue(), NumbersOfTest()
    visits = read_scenario().visits
    assert len(visits) == 40
    assert len({visit.service for visit in visits}) >= 10
    for visit in visits:
        body, pictures = visit.body(numbers, now=NOW, new_id=uuid7)
        pinned = catalogue.edition_on(visit.service, NOW.date())
        assert isinstance(pinned, PinnedEdition)
        facts = body["facts"]
        assert canonical_facts(pinned.edition, facts, catalogue.streets) == facts, visit.service
        assert not visit.provisional or pinned.edition.outputs[0].provisional, visit.service
        for picture in pictures:
            assert picture.content()


def test_a_paper_is_named_after_its_title() -> None:
    assert file_name("Bestätigung der Abmeldung") == "bestaetigung-der-abmeldung"
    assert file_name("Haushaltsbestätigung") == "haushaltsbestaetigung"

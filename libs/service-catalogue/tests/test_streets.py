"""The street register: which streets a citizen finds, and which files are refused."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_catalogue.reader import CatalogueError, read_bookings
from service_catalogue.streets import MAX_HITS, StreetRegister, read_street_register, shipped_street_register

CASES: list[dict[str, object]] = json.loads((Path(__file__).parent / "cases" / "street_cases.json").read_text())
HEAD = "street,postal_code,district_nr\n"
LINZ = shipped_street_register()


def read(path: Path, text: str) -> StreetRegister:
    path.write_text(text)
    return read_street_register(path, country="AT", municipality="Linz")


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["typed"]))
def test_a_street_comes_first_by_the_beginnings_of_its_words(case: dict[str, object]) -> None:
    names = [street.name for street in LINZ.search(str(case["typed"]))]
    first = case.get("first", [])
    assert isinstance(first, list)
    assert names[: len(first)] == first
    assert "count" not in case or len(names) == case["count"], names


@given(st.text(max_size=120))
def test_no_search_raises_or_gives_more_than_its_bound(typed: str) -> None:
    assert len(LINZ.search(typed)) <= MAX_HITS
    LINZ.named(typed)


def test_each_street_finds_itself_and_a_letter_gives_twenty_at_most(tmp_path: Path) -> None:
    for street in LINZ.streets:
        assert LINZ.search(street.name)[0].name == street.name
        assert street in LINZ.named(street.name.upper())
    many = read(tmp_path / "many.csv", HEAD + "".join(f"Weg {number},4020,1\n" for number in range(100)))
    assert len(many.search("weg")) == MAX_HITS
    assert len(many.streets) == 100


def test_the_street_register_is_no_service_of_the_catalogue() -> None:
    assert "streets" not in read_bookings()
    assert {street.postal_code for street in LINZ.streets} == {"4020", "4030", "4040"}


def test_a_street_with_two_postal_codes_is_two_rows(tmp_path: Path) -> None:
    register = read(tmp_path / "a.csv", f'# comment\n{HEAD}"Ring",4020,1\n\nRing,4030,2\n')
    assert [(street.postal_code, street.district) for street in register.named("ring")] == [("4020", 1), ("4030", 2)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r":1: no streets"),
        (HEAD, r":1: no streets"),
        ("street,district_nr,postal_code\nRing,1,4020\n", r":1: needs the columns"),
        (HEAD + "Ring,4020\n", r":2: needs the columns"),
        (HEAD + "Ring,4020,1,x\n", r":2: needs the columns"),
        (HEAD + ",4020,1\n", r":2: street: needs 1 to 100"),
        (HEAD + "Ri\u202eng,4020,1\n", r":2: street: character 3"),
        (HEAD + "x" * 101 + ",4020,1\n", r":2: street: needs 1 to 100"),
        (HEAD + "Ring,402,1\n", r":2: postal_code"),
        (HEAD + "Ring,4020,0\n", r":2: district_nr"),
        (HEAD + "Ring,4020,1\n# comment\nRing,4020,2\n", r":4: this street with this postal code appears twice"),
    ],
)
def test_a_mistake_in_a_register_has_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CatalogueError, match=rf"^a\.csv{message}"):
        read(tmp_path / "a.csv", text)


def test_a_register_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes((HEAD + "Straße,4020,1\n").encode("latin-1"))
    with pytest.raises(CatalogueError, match="not in UTF-8"):
        read_street_register(tmp_path / "a.csv", country="AT", municipality="Linz")

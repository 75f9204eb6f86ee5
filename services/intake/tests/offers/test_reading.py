"""Files of domain experts: each mistake is told with its line, and no file brings the reader down."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake.domain.catalogue.offer import Offer
from intake.offers.reading import read_offer, schema
from intake.offers.shelf import BrokenCatalogue, open_book, read_shelf
from jsonschema import Draft202012Validator
from yaml import safe_load

GOOD = """
service: beach_chair
authority: at-linz
editions:
  - valid_from: 2026-01-01
    ending: finished
    titles: {de: Strandkorb, en: Beach chair}
    competence: {rule: any}
    identification: none
    facts:
      - {code: size, kind: choice, titles: {de: Größe, en: Size}, choices: {small: {de: klein, en: small}}}
      - {code: bought_on, kind: date, titles: {de: Gekauft am, en: Bought on}}
    steps: [fee, issue]
    fees:
      - {code: rent, titles: {de: Miete, en: Rent}, law: none, amount_cents: 500, when: {fact: size, equals: small}}
    deadlines:
      - {code: soon, titles: {de: bald, en: soon}, law: none, due: {since: bought_on, after: {days: 3}}}
    outputs: [{template: confirmation, titles: {de: Beleg, en: Receipt}}]
    retention: days_30
    sources: [the beach]
"""


def test_a_service_is_added_by_a_file_without_code(tmp_path: Path) -> None:
    (tmp_path / "beach_chair.yaml").write_text(GOOD)
    assert list(open_book(tmp_path).offers) == ["beach_chair"]


@pytest.mark.parametrize(
    ("good", "bad", "line", "told"),
    [
        ("equals: small", "equals: huge", 5, "fees.rent: 'size' has no choice 'huge'"),
        ("equals: small", "equals: 7", 5, "fees.rent: 'size' is of kind choice and compared as number"),
        ("fact: size", "fact: sise", 5, "fees.rent: no fact 'sise'; declare it under 'facts'"),
        ("since: bought_on", "since: size", 5, "deadlines.soon: 'size' is no fact of kind date"),
        ("steps: [fee, issue]", "steps: [issue, fee]", 5, "steps: 'fee' cannot come after 'issue'"),
        ("steps: [fee, issue]", "steps: [issue]", 5, "steps: 'fee' is missing"),
        ("steps: [fee, issue]", "steps: [identify, fee, issue]", 5, "steps: 'identify' has nothing to do"),
        ("ending: finished", "ending: obligation", 5, "'obligations' belong together"),
        ("amount_cents: 500", "amount_cents: 5.5", 15, "valid integer"),
        ("amount_cents: 500", "amount_cents: -5", 15, "greater than or equal to 0"),
        ("    retention: days_30", "    retention: for_ever", 19, "days_30"),
        ("    retention: days_30", "    retention: days_30\n    colour: red", 20, "not permitted"),
        ("after: {days: 3}", "after: {days: 3, weeks: 1}", 17, "exactly one"),
        ("service: beach_chair", "service: beach_chair\nservice: sun_chair", 3, "stands there twice"),
        ("service: beach_chair", "service: [", 4, "not YAML"),
        ("sources: [the beach]", "sources: &a [the beach]\nx: *a", 21, "aliases"),
    ],
)
def test_a_mistake_is_told_with_its_line(good: str, bad: str, line: int, told: str) -> None:
    faults = read_offer(GOOD.replace(good, bad, 1))
    assert isinstance(faults, list)
    assert any(told in fault.text and fault.line == line for fault in faults), faults


def test_two_editions_out_of_order_are_refused() -> None:
    again = GOOD.split("editions:\n")[1]
    faults = read_offer(GOOD + again)
    assert isinstance(faults, list)
    assert "does not come after" in faults[0].text


def test_a_service_does_not_start_with_half_a_catalogue(tmp_path: Path) -> None:
    with pytest.raises(BrokenCatalogue, match="no offer"):
        open_book(tmp_path)
    (tmp_path / "beach_chair.yaml").write_text(GOOD)
    (tmp_path / "sun_chair.yaml").write_text(GOOD)
    with pytest.raises(BrokenCatalogue, match=r"sun_chair\.yaml:1: service: the file must be called beach_chair"):
        open_book(tmp_path)
    (tmp_path / "sun_chair.yaml").write_text(GOOD.replace("beach_chair", "sun_chair").replace("at-linz", "at-wels"))
    assert "another file belongs to at-linz" in read_shelf(tmp_path).faults["sun_chair.yaml"][0].text
    (tmp_path / "sun_chair.yaml").write_text(GOOD.replace("beach_chair", "sun_chair").replace("confirmation", "poem"))
    with pytest.raises(BrokenCatalogue, match=r"0\.outputs\.0\.template: there is no template poem; .* confirmation"):
        open_book(tmp_path)


def test_the_shipped_offers_fit_the_schema_for_editors() -> None:
    folder = Path(__file__).parents[2] / "src/intake/offers"
    committed = json.loads((folder / "catalogue.schema.json").read_text())
    assert committed == schema(), (
        "run: wanderamt catalogue schema > services/intake/src/intake/offers/catalogue.schema.json"
    )
    checker = Draft202012Validator(committed)
    files = sorted((folder / "at-linz").glob("*.yaml"))
    assert len(files) >= 8
    for file in files:
        value = json.loads(json.dumps(safe_load(file.read_text()), default=str))
        assert not list(checker.iter_errors(value)), file.name


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: GOOD + raw.decode("latin-1")))
def test_no_text_brings_the_reader_down(text: str) -> None:
    read = read_offer(text)
    assert isinstance(read, Offer) or all(fault.line >= 1 and fault.text for fault in read)


@pytest.mark.parametrize(
    "text", ["a: " + "[" * 5000, "a: " + "{b: " * 5000, "- " * 5000, "x" * 300_000, "", "a: !!python/name:os.system"]
)
def test_hostile_files_get_a_fault(text: str) -> None:
    assert isinstance(read_offer(text), list)

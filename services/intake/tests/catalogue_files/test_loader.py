"""Files of domain experts: each mistake is reported with its line, and no file crashes the reader."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake.catalogue_files.loader import load_catalogue, read_catalogue_files
from intake.domain.catalogue.service_definition import ServiceDefinition
from jsonschema import Draft202012Validator
from service_catalogue.reader import (
    CatalogueError,
    json_schema,
    parse_service_file,
    service_files,
    shipped_folder,
)
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
    outputs: [{template: certificate, titles: {de: Beleg, en: Receipt}}]
    retention: days_30
    sources: [the beach]
"""


def test_a_service_is_added_by_a_file_without_code(tmp_path: Path) -> None:
    (tmp_path / "beach_chair.yaml").write_text(GOOD)
    assert list(load_catalogue(tmp_path).services) == ["beach_chair"]


@pytest.mark.parametrize(
    ("good", "bad", "line", "message"),
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
        ("service: beach_chair", "service: beach_chair\nservice: sun_chair", 3, "this key appears twice"),
        ("service: beach_chair", "service: [", 4, "not YAML"),
        ("sources: [the beach]", "sources: &a [the beach]\nx: *a", 21, "aliases"),
    ],
)
def test_a_mistake_is_reported_with_its_line(good: str, bad: str, line: int, message: str) -> None:
    faults = parse_service_file(GOOD.replace(good, bad, 1), ServiceDefinition)
    assert isinstance(faults, list)
    assert any(message in fault.text and fault.line == line for fault in faults), faults


def test_two_editions_out_of_order_are_refused() -> None:
    again = GOOD.split("editions:\n")[1]
    faults = parse_service_file(GOOD + again, ServiceDefinition)
    assert isinstance(faults, list)
    assert "does not come after" in faults[0].text


def test_a_service_does_not_start_with_half_a_catalogue(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="holds no service"):
        load_catalogue(tmp_path)
    (tmp_path / "beach_chair.yaml").write_text(GOOD)
    (tmp_path / "sun_chair.yaml").write_text(GOOD)
    with pytest.raises(CatalogueError, match=r"sun_chair\.yaml:1: service: the file must be called beach_chair"):
        load_catalogue(tmp_path)
    (tmp_path / "sun_chair.yaml").write_text(GOOD.replace("beach_chair", "sun_chair").replace("at-linz", "at-wels"))
    assert "another file belongs to at-linz" in read_catalogue_files(tmp_path).faults["sun_chair.yaml"][0].text
    (tmp_path / "sun_chair.yaml").write_text(GOOD.replace("beach_chair", "sun_chair").replace("certificate", "poem"))
    templates = "the templates are: card, certificate, notice, receipt"
    with pytest.raises(CatalogueError, match=rf"0\.outputs\.0\.template: there is no template poem; {templates}"):
        load_catalogue(tmp_path)


def test_the_shipped_files_fit_the_schema_for_editors() -> None:
    committed = json.loads((shipped_folder().parent / "catalogue.schema.json").read_text())
    assert committed == json_schema(ServiceDefinition), (
        "run: wanderamt catalogue schema > libs/service-catalogue/src/service_catalogue/catalogue.schema.json"
    )
    checker = Draft202012Validator(committed)
    files = service_files(shipped_folder())
    assert len(files) >= 8
    for file in files:
        value = json.loads(json.dumps(safe_load(file.read_text()), default=str))
        assert not list(checker.iter_errors(value)), file.name


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: GOOD + raw.decode("latin-1")))
def test_no_text_crashes_the_reader(text: str) -> None:
    read = parse_service_file(text, ServiceDefinition)
    assert isinstance(read, ServiceDefinition) or all(fault.line >= 1 and fault.text for fault in read)


@pytest.mark.parametrize(
    "text", ["a: " + "[" * 5000, "a: " + "{b: " * 5000, "- " * 5000, "x" * 300_000, "", "a: !!python/name:os.system"]
)
def test_hostile_files_are_reported_as_faults(text: str) -> None:
    assert isinstance(parse_service_file(text, ServiceDefinition), list)


@pytest.mark.parametrize(
    ("good", "bad", "place", "named"),
    [
        ("de: Strandkorb", "de: ＝1+1", "7: editions.0.titles.de", "U+FF1D FULLWIDTH EQUALS SIGN"),
        ("de: Beleg", 'de: "Be\\u202Eleg"', "18: editions.0.outputs.0.titles.de", "U+202E RIGHT-TO-LEFT OVERRIDE"),
    ],
)
def test_a_title_that_documents_cannot_print_is_reported_with_file_line_and_key(
    tmp_path: Path, good: str, bad: str, place: str, named: str
) -> None:
    (tmp_path / "beach_chair.yaml").write_text(GOOD.replace(good, bad), "utf-8")
    with pytest.raises(CatalogueError) as refused:
        load_catalogue(tmp_path)
    assert f"beach_chair.yaml:{place}: " in str(refused.value)
    assert named in str(refused.value)

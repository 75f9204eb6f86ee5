"""Files of domain experts: each mistake is reported with its line, and no file crashes the reader."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake.catalogue_files.loader import document_templates, load_catalogue, read_catalogue_files
from intake.domain.catalogue.edition_faults import edition_faults
from intake.domain.catalogue.service_definition import ServiceDefinition
from jsonschema import Draft202012Validator
from service_catalogue.reader import (
    CatalogueError,
    Place,
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
    outputs:
      - code: receipt
        kind: beach_chair
        template: receipt
        titles: {de: Beleg, en: Receipt}
        law: none
        intro: {de: Bezahlt., en: Paid.}
        rows: [{titles: {de: Größe, en: Size}, value: size}]
        main: [size]
    retention: days_30
    sources: [the beach]
"""


def check(service: ServiceDefinition) -> Iterator[tuple[Place, str]]:
    """As the loader does, without registers."""
    for number, edition in enumerate(service.editions):
        for fault in edition_faults(edition, {}, document_templates()):
            yield ("editions", number, *fault.place), fault.text


def test_a_service_is_added_by_a_file_without_code(tmp_path: Path) -> None:
    (tmp_path / "beach_chair.yaml").write_text(GOOD)
    assert list(load_catalogue(tmp_path).services) == ["beach_chair"]


@pytest.mark.parametrize(
    ("good", "bad", "line", "message"),
    [
        ("equals: small", "equals: huge", 15, "'size' has no choice 'huge'"),
        ("equals: small", "equals: 7", 15, "'size' is of kind choice and compared as a number"),
        ("fact: size", "fact: sise", 15, "there is no value 'sise'; there are: applicant"),
        ("since: bought_on", "since: size", 17, "'size' is no value of kind date"),
        ("steps: [fee, issue]", "steps: [issue, fee]", 13, "'fee' cannot come after 'issue'"),
        ("steps: [fee, issue]", "steps: [issue]", 13, "'fee' is missing"),
        ("steps: [fee, issue]", "steps: [identify, fee, issue]", 13, "'identify' has nothing to do"),
        ("ending: finished", "ending: obligation", 6, "'obligations' belong together"),
        ("amount_cents: 500", "amount_cents: 5.5", 15, "valid integer"),
        ("amount_cents: 500", "amount_cents: -5", 15, "greater than or equal to 0"),
        ("    retention: days_30", "    retention: for_ever", 27, "days_30"),
        ("    retention: days_30", "    retention: days_30\n    colour: red", 28, "not permitted"),
        ("after: {days: 3}", "after: {days: 3, weeks: 1}", 17, "exactly one"),
        ("service: beach_chair", "service: beach_chair\nservice: sun_chair", 3, "this key appears twice"),
        ("service: beach_chair", "service: [", 4, "not YAML"),
        ("sources: [the beach]", "sources: &a [the beach]\nx: *a", 29, "aliases"),
    ],
)
def test_a_mistake_is_reported_with_its_line(good: str, bad: str, line: int, message: str) -> None:
    faults = parse_service_file(GOOD.replace(good, bad, 1), ServiceDefinition, check=check)
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
    (tmp_path / "sun_chair.yaml").write_text(
        GOOD.replace("beach_chair", "sun_chair").replace("template: receipt", "template: poem")
    )
    with pytest.raises(CatalogueError, match=r"0\.outputs\.0\.template: there is no template 'poem'; .* receipt"):
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
        ("de: Beleg", 'de: "Be\\u202Eleg"', "22: editions.0.outputs.0.titles.de", "U+202E RIGHT-TO-LEFT OVERRIDE"),
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

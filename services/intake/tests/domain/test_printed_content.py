"""The content of a paper: its JSON, its hash, and how days and amounts are printed."""

import json
from pathlib import Path
from typing import Any

import pytest
from intake.domain.printed_content import (
    PrintedContent,
    PrintedTable,
    content_hash,
    main_facts,
    printed_day,
    printed_money,
)

CASES: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[1] / "cases" / "printed_content.json").read_text()
)
CONTENT = PrintedContent("certificate", "Meldebestätigung", "UK-2026-0000123-4", rows=(("Familienname", "Müller"),))


@pytest.mark.parametrize("case", CASES["contents"])
def test_a_content_has_the_hash_that_the_field_app_computes(case: dict[str, Any]) -> None:
    content = PrintedContent.from_json(case["content"])
    assert content.sha256.hex() == case["sha256"]
    assert PrintedContent.from_json(content.to_json()) == content


def test_days_amounts_and_main_facts_are_printed_as_in_the_field_app() -> None:
    for case in CASES["days"]:
        assert printed_day(case["day"], case["language"]) == case["printed"]
    for case in CASES["money"]:
        assert printed_money(case["cents"], case["language"]) == case["printed"]
    for case in CASES["main"]:
        assert main_facts(tuple(row) for row in case["rows"]) == case["printed"]


def test_the_hash_depends_on_each_part_and_not_on_the_encoding_of_its_texts() -> None:
    decomposed = CONTENT.with_texts(lambda text: text.replace("ü", "u\u0308").replace("ä", "a\u0308"))
    assert decomposed != CONTENT
    assert decomposed.sha256 == CONTENT.sha256
    filled = CONTENT.to_json() | {"tables": [{"title": "", "columns": ["a"], "rows": [["b"]]}], "notes": ["a"]}
    hashes = {CONTENT.sha256}
    for name, value in filled.items():
        changed = content_hash(filled | {name: [] if isinstance(value, list) else f"{value}."})
        assert changed not in hashes, name
        hashes.add(changed)
    assert len({case["sha256"] for case in CASES["contents"]}) >= len(CASES["contents"]) - 2


def test_the_flat_content_of_an_earlier_release_keeps_its_hash() -> None:
    flat = {"title": "Meldebestätigung", "family_name": "Hadžić", "valid_until": ""}
    expected = "21ec71374a751c27d950acbf0059144df5a725d93dca50bd43519184ffd3436b"
    assert content_hash(flat).hex() == expected


@pytest.mark.parametrize("row", [(), ("a", "b", "c")])
def test_a_table_with_a_short_or_long_row_is_refused(row: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="another number of texts"):
        PrintedTable("", ("a", "b"), (("1", "2"), row))
    table = {"title": "", "columns": ["a", "b"], "rows": [list(row)]}
    with pytest.raises(ValueError, match="another number of texts"):
        PrintedContent.from_json({"kind": "", "title": "", "number": "", "tables": [table]})


@pytest.mark.parametrize("value", [None, [], "x", {}, {"kind": 1, "title": "", "number": ""}, {"kind": ""}])
def test_what_is_no_content_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="PrintedContent"):
        PrintedContent.from_json(value)

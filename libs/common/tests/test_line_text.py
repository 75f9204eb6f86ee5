"""Texts that outputs show: which are accepted, how a refusal names the character, and what replaces it elsewhere."""

import csv
import re
import unicodedata
from io import StringIO

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError
from wanderamt.kernel.csv_text import to_csv
from wanderamt.kernel.line_text import (
    _PLAIN,
    AS_STORED,
    MAX_LENGTH,
    REPLACEMENT,
    LineText,
    as_line,
    as_printable,
    checked_line,
    clean_line,
    line_fault,
)
from wanderamt.shell.problems import install_problems

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)
ODD = st.sampled_from("＝=+-@\t\r\n\0\u200b\u202e\u2066\u00ad\ufeff\ufffe\u2028\u0085\u0301\ue000\ud800😀;,\"'\u3000")
NASTY = st.text(st.one_of(ODD, st.characters(exclude_categories=())), max_size=30)


class PlaceIn(BaseModel):
    place: LineText = Field(min_length=1, max_length=20)
    note: LineText | None = Field(None, max_length=20)


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("Südbahnhofmarkt", "Südbahnhofmarkt"),
        ("  Platz  ", "Platz"),
        ("Pla\u0308tze", "Plätze"),
        ("Haus\u00a0der\u2009Kunst", "Haus der Kunst"),
        ("Đorđević, Café №5 – “Łódź” €", "Đorđević, Café №5 – “Łódź” €"),
        ("Київ, Αθήνα", "Київ, Αθήνα"),
        ("=1+1", "=1+1"),
    ],
)
def test_ordinary_texts_are_accepted_in_one_form(text: str, accepted: str) -> None:
    assert checked_line(text) == accepted


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("＝1+1", "character 1 is U+FF1D FULLWIDTH EQUALS SIGN"),
        ("a\0", "character 2 is U+0000 NULL"),
        ("a\nb", "U+000A LINE FEED"),
        ("a\tb", "U+0009 TAB"),
        ("a\u0085b", "U+0085"),
        ("a\u2028b", "U+2028 LINE SEPARATOR"),
        ("a\u202eb", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("a\u2066b", "U+2066 LEFT-TO-RIGHT ISOLATE"),
        ("a\u200bb", "U+200B ZERO WIDTH SPACE"),
        ("a\u00adb", "U+00AD SOFT HYPHEN"),
        ("a\u034fb", "U+034F COMBINING GRAPHEME JOINER"),
        ("a\ufe0fb", "U+FE0F VARIATION SELECTOR-16"),
        ("a\ue000b", "U+E000 (a private character)"),
        ("a\ud800b", "U+D800 (half of a character)"),
        ("a😀", "U+1F600 GRINNING FACE"),
        ("市場", "U+5E02 CJK UNIFIED IDEOGRAPH-5E02"),
        ("a\u0301\u0302\u0303", "more than 2 accents"),
        ("\u0301a", "begins with U+0301"),
        ("   ", "only spaces"),
        ("ä" * (MAX_LENGTH + 1), f"more than {MAX_LENGTH} characters"),
    ],
)
def test_a_refusal_names_the_character(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=re.escape(named)):
        checked_line(text)


def test_a_long_stack_of_accents_is_refused_before_it_is_sorted() -> None:
    with pytest.raises(ValueError, match="accents"):
        checked_line("a" + "\u0301\u0323" * (MAX_LENGTH // 2 - 1))


@given(ANY_TEXT | NASTY)
def test_an_accepted_text_is_shown_unchanged_and_any_other_in_the_end_too(text: str) -> None:
    try:
        accepted = checked_line(text)
    except ValueError:
        accepted = as_printable(text)
        assert REPLACEMENT in accepted or accepted != text
    assert checked_line(accepted) == accepted if accepted and not _is_mark(accepted[0]) else True
    assert as_line(accepted) == accepted == as_printable(accepted)


@given(ANY_TEXT | NASTY)
def test_a_text_that_is_accepted_at_once_needs_no_cleaning_and_has_no_fault(text: str) -> None:
    if _PLAIN.fullmatch(text):
        assert clean_line(text) == text
        assert not line_fault(text)


@given(ANY_TEXT | NASTY)
def test_a_line_has_no_control_character_and_can_be_encoded(text: str) -> None:
    line = as_line(text)
    assert len(line.splitlines()) <= 1
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} for char in line)
    line.encode()
    assert as_line(line) == line


def test_a_stored_text_is_read_as_it_is() -> None:
    assert PlaceIn.model_validate({"place": "＝1+1"}, context=AS_STORED).place == "＝1+1"
    with pytest.raises(ValidationError):
        PlaceIn.model_validate({"place": "＝1+1"})


def test_the_schema_keeps_its_bounds() -> None:
    place = PlaceIn.model_json_schema()["properties"]["place"]
    assert (place["type"], place["minLength"], place["maxLength"]) == ("string", 1, 20)
    assert "pattern" in place


async def test_a_problem_names_the_field_and_the_character_and_no_text() -> None:
    app = FastAPI()
    install_problems(app, lambda _, __: None)

    @app.post("/places")
    async def place(body: PlaceIn) -> str:
        return body.place

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as http:
        reply = await http.post("/places", json={"place": "geheim＝", "note": "a\u202e"})
        too_long = await http.post("/places", json={"place": "a" * 21})
    assert (reply.status_code, reply.json()["code"]) == (422, "request.character")
    assert [error.split(":")[0] for error in reply.json()["errors"]] == ["body.place", "body.note"]
    assert "U+FF1D FULLWIDTH EQUALS SIGN" in reply.json()["errors"][0]
    assert "geheim" not in reply.text
    assert too_long.json()["code"] == "request.invalid"


@given(st.lists(NASTY, min_size=1, max_size=5))
def test_a_sheet_holds_any_text_on_its_line_and_runs_none(texts: list[str]) -> None:
    sheet = to_csv(["place", "cases"], [{"place": text, "cases": -5} for text in texts])
    rows = list(csv.DictReader(StringIO(sheet)))
    assert [row["cases"] for row in rows] == ["-5"] * len(texts)
    for row, text in zip(rows, texts, strict=True):
        assert row["place"].replace("'", "") == as_line(text).replace("'", "")
        for cell in _cells(row["place"]):
            assert unicodedata.normalize("NFKC", cell.lstrip())[:1] not in {"=", "+", "-", "@"}


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "\t=1",
        "  @A1",
        "\r\n+1",
        "＝1+1",
        "x;=1+1",
        'x"\t-2',
        '"=1',
        "a,+b",
        "''=1",
        "|=",
        "|\t=1",
        ";;=1",
        ", ;-1",
    ],
)
def test_a_text_that_begins_like_a_formula_is_shown_as_text(text: str) -> None:
    [row] = csv.DictReader(StringIO(to_csv(["place"], [{"place": text}])))
    assert all(cell.lstrip()[:1] not in "=+-@＝" for cell in _cells(row["place"]) if cell.strip())


def _cells(text: str) -> list[str]:
    """As a spreadsheet that expects other separators splits it."""
    for separator in ";\t|":
        text = text.replace(separator, ",")
    return [cell.strip('"') for cell in text.split(",")]


def _is_mark(char: str) -> bool:
    return unicodedata.category(char)[0] == "M"

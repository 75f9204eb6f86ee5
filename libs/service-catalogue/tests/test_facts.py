"""The rules of facts: the cases that the field app also runs, and what holds for every JSON value."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from service_catalogue.facts.check import check_fact
from service_catalogue.facts.faults import FactFault, fault_texts
from service_catalogue.facts.models import FormFact, FormFactKind
from service_catalogue.streets import shipped_street_register

PACKAGE = Path(__file__).parents[1]


def repeated(case: dict[str, Any]) -> dict[str, Any]:
    """`times`: how often a long text repeats itself."""
    return case | {key: case[key] * case["times"] for key in ("value", "canonical") if "times" in case and key in case}


CASES = list(map(repeated, json.loads((PACKAGE / "tests" / "cases" / "fact_cases.json").read_text())))
LINZ = shipped_street_register()
MAX_VALUE_BYTES = 100_000  # of any canonical value of the facts below

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def fact_of(case: dict[str, Any]) -> FormFact:
    titles = {"de": "Angabe", "en": "Fact"}
    return FormFact.model_validate({"code": "fact", "kind": case["kind"], "titles": titles, **case.get("fact", {})})


def name_of(case: dict[str, Any]) -> str:
    return f"{case['kind']}: {json.dumps(case['value'])[:60]}"


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_each_value_has_its_canonical_form_or_its_fault(case: dict[str, Any]) -> None:
    checked = check_fact(fact_of(case), case["value"], LINZ)
    if "fault" in case:
        assert isinstance(checked, FactFault), checked
        assert (checked.code, checked.place) == (case["fault"], case.get("place", ""))
        for language in ("de", "en"):
            assert "{" not in checked.sentence(language)
        return
    assert json.dumps(checked, sort_keys=True) == json.dumps(case["canonical"], sort_keys=True)
    assert check_fact(fact_of(case), checked, LINZ) == checked


def test_every_kind_has_fifteen_cases_and_every_fault_has_one() -> None:
    for kind in FormFactKind:
        assert sum(case["kind"] == kind for case in CASES) >= 15, kind
    assert {case["fault"] for case in CASES if "fault" in case} == fault_texts().keys()


def facts_of_every_kind() -> list[FormFact]:
    choices = {"a": {"de": "A", "en": "A"}, "b": {"de": "B", "en": "B"}}
    titles = {"de": "T", "en": "T"}
    plain: list[dict[str, Any]] = [
        {"code": kind, "kind": kind, "titles": titles, "required": False}
        | ({"choices": choices} if kind in ("choice", "several") else {})
        for kind in FormFactKind
        if kind is not FormFactKind.GROUP
    ]
    group = {"code": "group", "kind": "group", "titles": titles, "required": False, "facts": plain}
    return [FormFact.model_validate(fact) for fact in (*plain, group)]


EVERY_KIND = facts_of_every_kind()
TYPED = st.sampled_from([case["value"] for case in CASES])
KEYS = sorted(
    {key for case in CASES if isinstance(case["value"], dict) for key in case["value"]} | {f.code for f in EVERY_KIND}
)
RECORDS = st.dictionaries(st.sampled_from(KEYS), TYPED | JSON_VALUES, max_size=6)
NOISE = st.text(alphabet="0123456789 -.,+@€aAßǅİıſ\u0301\u200f\u00a0\ud800😀١Ⅷ\n\t", max_size=30)


@settings(max_examples=400, deadline=None)
@given(fact=st.sampled_from(EVERY_KIND), value=JSON_VALUES | TYPED | RECORDS | NOISE | st.lists(RECORDS, max_size=3))
def test_no_json_value_raises_and_a_canonical_value_is_its_own(fact: FormFact, value: object) -> None:
    checked = check_fact(fact, value, LINZ)
    if isinstance(checked, FactFault):
        assert checked.sentence("de")
        assert checked.sentence("en")
        return
    assert len(json.dumps(checked, allow_nan=False)) < MAX_VALUE_BYTES
    assert check_fact(fact, json.loads(json.dumps(checked)), LINZ) == checked


@pytest.mark.parametrize("kind", list(FormFactKind))
def test_a_deep_or_endless_value_is_refused_at_once(kind: FormFactKind) -> None:
    fact = next(fact for fact in EVERY_KIND if fact.kind is kind)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    wide: list[Any] = [{}] * 100_000
    for value in (deep, wide, {"a": deep}, {str(key): key for key in range(100_000)}, "9" * 1_000_000, 10**5000):
        assert isinstance(check_fact(fact, value, LINZ), FactFault)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"kind": "choice"}, "need 'choices'"),
        ({"choices": {"a": {"de": "A", "en": "A"}}}, "no other kind"),
        ({"kind": "group"}, "needs 'facts'"),
        ({"kind": "integer", "max_length": 5}, "has no 'max_length'"),
        ({"min": 1}, "has no 'min'"),
        ({"kind": "integer", "min": 2, "max": 1}, "greater than 'max'"),
        ({"max_length": 1001}, "at most 1000"),
        ({"places": 1}, "has no 'places'"),
        ({"kind": "decimal", "places": 7}, "at most 6"),
        ({"max_rows": 1}, "has no 'min_rows'"),
        ({"kind": "colour"}, "Input should be"),
        ({"kind": "integer", "min": True}, "valid integer"),
    ],
)
def test_a_definition_with_bounds_of_another_kind_is_refused(change: dict[str, Any], text: str) -> None:
    fact = {"code": "fact", "kind": "text", "titles": {"de": "T", "en": "T"}} | change
    with pytest.raises(ValidationError, match=text):
        FormFact.model_validate(fact)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"facts": 2}, "appears twice"),
        ({"max_rows": 51}, "at most 50"),
        ({"min_rows": 11}, "greater than the 10 rows"),
        ({"min_rows": 0}, "needs 'required: false'"),
        ({"nested": True}, "group inside a group"),
    ],
)
def test_a_group_without_sense_is_refused(change: dict[str, Any], text: str) -> None:
    titles = {"de": "T", "en": "T"}
    row: dict[str, Any] = {"code": "row", "kind": "text", "titles": titles}
    inner = row | {"code": "inner", "kind": "group", "facts": [row]} if change.get("nested") else row
    group = {"code": "fact", "kind": "group", "titles": titles, "facts": [inner] * change.get("facts", 1)}
    with pytest.raises(ValidationError, match=text):
        FormFact.model_validate(group | {key: change[key] for key in change if key.endswith("rows")})

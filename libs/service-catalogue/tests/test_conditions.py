"""Conditions: each case of the shared file, and what must hold for all of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue, TypeAdapter
from service_catalogue.conditions import All, AnyOf, Condition, Equals, InRange, IsKnown, MissingFact, Not, evaluate

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "cases" / "condition_cases.json").read_text())
CONDITION: TypeAdapter[Condition] = TypeAdapter(Condition)


def name_of(case: dict[str, Any]) -> str:
    return json.dumps(case["condition"])[:80]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_each_condition_has_its_result(case: dict[str, Any]) -> None:
    result = evaluate(CONDITION.validate_python(case["condition"]), case["values"])
    expected = case["result"]
    assert result == (MissingFact(expected["missing"]) if isinstance(expected, dict) else expected)


def test_every_kind_of_condition_has_cases_with_each_result() -> None:
    kinds = ("equals", "in", "includes", "at_least", "below", "before", "same_as", "known", "all", "any", "not")
    for kind in kinds:
        results = {str(case["result"])[:4] for case in CASES if kind in case["condition"]}
        assert len(results) >= 3, kind


LEAVES = st.one_of(
    st.builds(Equals, fact=st.sampled_from("abc"), equals=st.booleans()),
    st.builds(IsKnown, fact=st.sampled_from("abc"), known=st.booleans()),
    st.builds(InRange, fact=st.sampled_from("nm"), at_least=st.integers(0, 5), below=st.integers(6, 9)),
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: All(all=tuple(parts))),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyOf(any=tuple(parts))),
        inner.map(lambda condition: Not(not_=condition)),
    ),
    max_leaves=8,
)
ANSWERS = {
    **{name: st.none() | st.booleans() for name in "abc"},
    **{name: st.none() | st.integers(0, 10) for name in "nm"},
}


@given(condition=CONDITIONS, known=st.fixed_dictionaries({}, optional=ANSWERS), rest=st.fixed_dictionaries(ANSWERS))
def test_an_early_result_never_changes_when_more_facts_are_known(
    condition: Condition, known: dict[str, JsonValue], rest: dict[str, JsonValue]
) -> None:
    early, late = evaluate(condition, known), evaluate(condition, rest | known)
    assert isinstance(late, bool)
    if isinstance(early, MissingFact):
        assert early.fact not in known
    else:
        assert early is late

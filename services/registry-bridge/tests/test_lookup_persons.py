"""Whom a question of an officer names: in every form in which registers ask about a person."""

from typing import Any

import pytest
from registry_bridge.domain.lookup import person_of
from wanderamt.security.assertions import Person

ZOE = {"given_name": "Zoë", "family_name": "Hadžić"}


@pytest.mark.parametrize(
    ("question", "person"),
    [
        (ZOE | {"birth_date": "1990-04-01"}, Person("Zoë", "Hadžić", "1990-04-01")),
        (ZOE | {"birth_year": 1990}, Person("Zoë", "Hadžić", "1990")),
        (ZOE | {"birth": "1990-04"}, Person("Zoë", "Hadžić", "1990-04")),
        (ZOE | {"birth": "1990-04", "plate": "L-123AB"}, Person("Zoë", "Hadžić", "1990-04")),
        (ZOE | {"former_municipality": "Wels", "birth": None}, Person("Zoë", "Hadžić", "")),
        ({"birth": "1990"}, Person("", "", "1990")),
        ({"family_name": "Hadžić", "given_name": ""}, Person("", "Hadžić", "")),
        ({"plate": "L-123AB", "family_name": None, "given_name": "", "birth": None}, None),
        ({"category": "wallet", "on": "2026-11-20"}, None),
    ],
)
def test_a_question_names_the_person_whose_fields_it_fills(question: dict[str, Any], person: Person | None) -> None:
    assert person_of(question) == person

"""What registers answered, as the crew reviews it with the citizen, and which answers of the form it proposes."""

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import JsonValue
from service_catalogue.facts.models import FormFact, FormFactKind
from service_catalogue.models import Titles
from service_catalogue.references import NotKnown, name_of, resolve

from intake.domain.case.state import CallStatus, Case
from intake.domain.case.values import values_of
from intake.domain.catalogue.service_definition import Edition
from intake.domain.catalogue.value_types import type_of_fact
from intake.domain.printed_values import printed_value


class ReviewedValue(NamedTuple):
    """`value`: as printed, in the language of the case."""

    titles: Titles
    value: str


class ReviewedAnswer(NamedTuple):
    """`facts`: proposals for facts of the form, by code."""

    call: str
    titles: Titles
    rows: list[ReviewedValue]
    facts: dict[str, JsonValue]


def reviewed_answers(case: Case, edition: Edition) -> list[ReviewedAnswer]:
    """Of the calls that are done, those with something to review."""
    done = [call for call in edition.calls if (state := case.calls.get(call.code)) and state.status is CallStatus.DONE]
    if not done:
        return []
    values = values_of(case, edition)
    reviewed = []
    for call in done:
        answer = values.get(call.code)
        known = answer if isinstance(answer, dict) else {}
        rows = [
            ReviewedValue(fact.titles, text)
            for fact in call.answer
            if fact.review
            for text in _texts(fact, known.get(fact.code), case.language)
            if text
        ]
        proposed = [fact for fact in edition.facts if fact.prefill_from and name_of(fact.prefill_from) == call.code]
        facts: dict[str, JsonValue] = {
            fact.code: value
            for fact in proposed
            if not isinstance(value := resolve(values, fact.prefill_from or ""), NotKnown) and value is not None
        }
        if rows or facts:
            reviewed.append(ReviewedAnswer(call.code, call.titles, rows, facts))
    return reviewed


def _texts(fact: FormFact, value: JsonValue, language: str) -> Iterator[str]:
    """As printed; of a group one text for each row."""
    if fact.kind is not FormFactKind.GROUP:
        yield printed_value(value, type_of_fact(fact), language)
        return
    for row in value if isinstance(value, list) else ():
        parts = row if isinstance(row, dict) else {}
        printed = (printed_value(parts.get(part.code), type_of_fact(part), language) for part in fact.facts)
        yield ", ".join(filter(None, printed))

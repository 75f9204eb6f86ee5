"""What registers answered, as the crew reviews it with the citizen, and which answers of the form it proposes."""

from typing import NamedTuple

from pydantic import JsonValue
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
        shown = [
            ReviewedValue(fact.titles, printed_value(known.get(fact.code), type_of_fact(fact), case.language))
            for fact in call.answer
            if fact.review
        ]
        rows = [row for row in shown if row.value]
        proposed = [fact for fact in edition.facts if fact.prefill_from and name_of(fact.prefill_from) == call.code]
        facts: dict[str, JsonValue] = {
            fact.code: value
            for fact in proposed
            if not isinstance(value := resolve(values, fact.prefill_from or ""), NotKnown) and value is not None
        }
        if rows or facts:
            reviewed.append(ReviewedAnswer(call.code, call.titles, rows, facts))
    return reviewed

"""The values of a case, to which the conditions, questions and documents of its edition refer.

Invariants: what nobody can know yet is left out; what this case does not have is None. A fact that is not asked has no
value, whatever was typed before. The field app has the same rules (apps/field/src/domain/form_facts.ts).
"""

from datetime import date

from pydantic import JsonValue
from service_catalogue.conditions import evaluate
from service_catalogue.facts.models import FormFact, FormFactKind
from service_catalogue.references import Values

from intake.domain.case.state import BIRTH_DATE, BIRTH_YEAR, NAME_FIELDS, CallStatus, Case
from intake.domain.catalogue.register_calls import APPLICANT_PREFIX, FOUND, RegisterCall
from intake.domain.catalogue.service_definition import Edition, Identification
from intake.domain.catalogue.value_types import AGE_YEARS, APPLICANT, APPLICATION_DAY, FILE_NUMBER

ANSWER_PREFIX = "answers."
_PREFIX_LENGTH = len(APPLICANT_PREFIX)


def values_of(case: Case, edition: Edition) -> dict[str, JsonValue]:
    values = _base_values(case)
    if APPLICANT not in values and edition.identification is Identification.NONE:
        values[APPLICANT] = None  # the citizen need not say who they are
    form = case.form
    for name, fact in edition.facts_by_form_name.items():
        value = form.get(name)
        asked = True if fact.when is None else evaluate(fact.when, values)
        if asked is False:
            values[fact.code] = None
        elif asked is not True:
            continue  # nobody knows yet whether it is asked
        elif value is not None:
            values[fact.code] = _whole_rows(fact, value)  # type: ignore[arg-type]  # dates stand in the applicant's part
        elif not fact.required:
            values[fact.code] = None
    for call in edition.calls:
        state = case.calls.get(call.code)
        if state and state.status is CallStatus.DONE:
            values[call.code] = {FOUND: True} | answer_of(case, call)
        elif state and state.status is CallStatus.SKIPPED:
            values[call.code] = {FOUND: False}
        elif call.when is not None and evaluate(call.when, values) is False:
            values[call.code] = None
    return values


def answer_of(case: Case, call: RegisterCall) -> dict[str, JsonValue]:
    """The facts of its last answer."""
    answer = case.form.get(ANSWER_PREFIX + call.code)
    facts = answer if isinstance(answer, dict) else {}
    return facts | {fact.code: _whole_rows(fact, facts[fact.code]) for fact in call.answer if fact.code in facts}


def _whole_rows(fact: FormFact, value: JsonValue) -> JsonValue:
    """With None for what a row of a group does not have: nobody is waiting for it."""
    if fact.kind is not FormFactKind.GROUP or not isinstance(value, list):
        return value
    empty: dict[str, JsonValue] = {part.code: None for part in fact.facts}
    return [empty | row if isinstance(row, dict) else row for row in value]


def applicant_named(case: Case) -> bool:
    """Whether the form identifies the applicant well enough for a register."""
    form = case.form
    for name in NAME_FIELDS:
        if not form.get(name):
            return False
    return bool(form.get(BIRTH_DATE) or form.get(BIRTH_YEAR))


def missing_facts(edition: Edition, values: Values) -> list[str]:
    """The required facts that were not answered, as names of the form."""
    return [name for name, fact in edition.facts_by_form_name.items() if fact.code not in values]


def _base_values(case: Case) -> dict[str, JsonValue]:
    values: dict[str, JsonValue] = {APPLICATION_DAY: case.application_day.isoformat(), FILE_NUMBER: case.number}
    if applicant_named(case):
        applicant: dict[str, JsonValue] = {}
        for name, value in case.form.items():
            if value is not None and name.startswith(APPLICANT_PREFIX):
                applicant[name[_PREFIX_LENGTH:]] = value.isoformat() if isinstance(value, date) else value
        applicant["birth"] = applicant.get("birth_date") or str(applicant["birth_year"])
        values[APPLICANT] = applicant
    born, day = case.form.get(BIRTH_DATE), case.application_day
    if isinstance(born, date):
        before_birthday = (day.month, day.day) < (born.month, born.day)
        values[AGE_YEARS] = day.year - born.year - before_birthday
    return values

"""Composes what a paper says, from the output of the catalogue and the values of the case.

The stand composes its provisional papers by the same rules (apps/field/src/domain/paper.ts).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pydantic import JsonValue
from service_catalogue.authority import Letterhead
from service_catalogue.conditions import evaluate
from service_catalogue.paper_texts import paper_texts
from service_catalogue.references import NotKnown, Values, resolve

from intake.domain.case.state import Case, is_account
from intake.domain.case.values import values_of
from intake.domain.catalogue.due_dates import parse_day
from intake.domain.catalogue.outputs import Output, OutputTable
from intake.domain.catalogue.service_definition import Edition
from intake.domain.catalogue.value_types import APPLICANT, ValueType, ValueTypes
from intake.domain.printed_content import PrintedContent, PrintedTable, main_facts, printed_day, printed_money
from intake.domain.printed_values import printed_value


@dataclass(frozen=True, slots=True)
class Issue:
    """What a paper gets when it is issued. `number`: of the paper."""

    number: str
    issued_at: datetime
    place: str
    letterhead: Letterhead


@dataclass(frozen=True, slots=True)
class ComposedPaper:
    """`holder`: name and birth for the seal. `photo`: the attachment of the photo that is printed, if any."""

    output: Output
    content: PrintedContent
    holder: str
    valid_until: date | None
    photo: str | None


def output_of(edition: Edition, values: Values) -> Output | None:
    """The first document whose condition holds."""
    return next((output for output in edition.outputs if evaluate(output.when, values) is True), None)


def compose_paper(case: Case, edition: Edition, issue: Issue) -> ComposedPaper | None:
    """None if no document of the edition fits the case."""
    values, types = values_of(case, edition), ValueTypes(edition)
    output = output_of(edition, values)
    if not output:
        return None
    language, day = case.language, edition.calendar.day_of(issue.issued_at)
    valid_until = _valid_until(output, values, day)
    rows = [(row.titles.in_language(language), _text(row.value, values, types, language)) for row in output.rows]
    content = PrintedContent(
        kind=output.kind,
        title=output.titles.in_language(language),
        number=issue.number,
        file_number=case.number or "",
        authority=issue.letterhead.profile.name.in_language(language),
        place=issue.place,
        issued_on=printed_day(day.isoformat(), language),
        valid_until=printed_day(valid_until.isoformat(), language) if valid_until else "",
        officer=case.owner if is_account(case.owner) else "",
        intro=output.intro.in_language(language),
        rows=tuple(row for row in rows if row[1]),
        tables=tuple(table for part in output.tables if (table := _table(part, values, types, language))),
        law=output.law,
        fee=_fee(case),
        remedies=output.remedies.in_language(language) if output.remedies else "",
        notes=tuple(note.in_language(language) for note in output.notes),
        main=main_facts(_main(output, values, types, language)),
    )
    return ComposedPaper(output, content, _holder(values, language), valid_until, _photo(output, values))


def _text(reference: str, values: Values, types: ValueTypes, language: str, row: ValueType | None = None) -> str:
    """Empty also for what is not known: a provisional paper leaves it out."""
    value, kind = resolve(values, reference), types.resolve(reference, row)
    return "" if isinstance(value, NotKnown) or not kind else printed_value(value, kind, language)


def _table(definition: OutputTable, values: Values, types: ValueTypes, language: str) -> PrintedTable | None:
    rows, group = resolve(values, definition.each), types.resolve(definition.each)
    listed: list[JsonValue] = rows if isinstance(rows, list) else []
    printed = tuple(
        tuple(_text(column.value, {**values, **row}, types, language, group) for column in definition.columns)
        for row in listed
        if isinstance(row, dict)
    )
    if not printed:
        return None
    columns = tuple(column.titles.in_language(language) for column in definition.columns)
    return PrintedTable(definition.titles.in_language(language), columns, printed)


def _main(output: Output, values: Values, types: ValueTypes, language: str) -> list[tuple[str, str]]:
    """Under the titles of their rows, or of their facts."""
    titles = {row.value: row.titles.in_language(language) for row in output.rows}
    return [
        (titles.get(reference, _title(reference, types, language)), _text(reference, values, types, language))
        for reference in output.main
    ]


def _title(reference: str, types: ValueTypes, language: str) -> str:
    name, _, part = reference.partition(".")
    fact = types.edition.facts_by_code.get(name)
    call = types.edition.calls_by_code.get(name)
    answers = {answer.code: answer for answer in call.answer} if call else {}
    titled = answers.get(part) or fact
    return titled.titles.in_language(language) if titled else name


def _valid_until(output: Output, values: Values, day: date) -> date | None:
    if output.valid:
        return day + timedelta(days=output.valid)
    until = resolve(values, output.valid_until) if output.valid_until else None
    return None if isinstance(until, NotKnown) else parse_day(until)


def _fee(case: Case) -> str:
    if not case.paid_cents:
        return ""
    receipts = f"{paper_texts(case.language)['content.receipt']} {', '.join(case.receipts)}"
    return f"{printed_money(case.paid_cents, case.language)} ({receipts})"


def _holder(values: Values, language: str) -> str:
    applicant = values.get(APPLICANT)
    person = applicant if isinstance(applicant, dict) else {}
    birth = printed_day(str(person.get("birth") or ""), language) if person.get("birth") else ""
    return " ".join(filter(None, (str(person.get("given_name") or ""), str(person.get("family_name") or ""), birth)))


def _photo(output: Output, values: Values) -> str | None:
    value = resolve(values, output.photo) if output.photo else None
    photo = value.get("photo") if isinstance(value, dict) else None
    return photo if isinstance(photo, str) else None

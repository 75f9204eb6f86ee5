"""How the question of a register is built from the values of a case.

A reference such as `applicant.family_name` takes a value; `{value: AT}` is fixed; `{fields: {...}}` makes an object;
`{each: family, fields: {...}}` makes a list with an object per row of a group; `{join: [...]}` makes one list of
several; `{first_of: [...]}` takes the first that has a value; `{date: ..., plus: {years: 1}}` is a later day. What has
no value is left out.

Invariants: an expression never guesses: if it depends on a value that is not known, the result is that MissingFact.
"""

from collections.abc import Iterable, Iterator, Mapping

from pydantic import Field, JsonValue
from service_catalogue.conditions import MissingFact, Scalar
from service_catalogue.models import CatalogueModel
from service_catalogue.references import NotKnown, Reference, Values, resolve

from intake.domain.catalogue.due_dates import CalendarSpan, parse_day

FieldName = str
MAX_FIELDS = 60


class Constant(CatalogueModel):
    value: Scalar


class EachRow(CatalogueModel):
    """In the fields, the facts of the row come before those of the case."""

    each: Reference
    fields: dict[FieldName, "Expression"] = Field(min_length=1, max_length=MAX_FIELDS)


class FieldsOf(CatalogueModel):
    fields: dict[FieldName, "Expression"] = Field(min_length=1, max_length=MAX_FIELDS)


class Joined(CatalogueModel):
    """Each part is a list, or an object as one row of it."""

    join: tuple["Expression", ...] = Field(min_length=1, max_length=20)


class FirstOf(CatalogueModel):
    first_of: tuple["Expression", ...] = Field(min_length=1, max_length=20)


class ShiftedDate(CatalogueModel):
    """`{date: application_day, plus: {years: 1}}`"""

    date: Reference
    plus: CalendarSpan


Expression = Reference | Constant | EachRow | FieldsOf | Joined | FirstOf | ShiftedDate
for _part in (EachRow, FieldsOf, Joined, FirstOf):
    _part.model_rebuild()


def build(expression: Expression, values: Values) -> JsonValue | MissingFact:
    """None: no value."""
    match expression:
        case str():
            value = resolve(values, expression)
            return MissingFact(expression) if isinstance(value, NotKnown) else value
        case Constant():
            return expression.value
        case FieldsOf():
            return build_fields(expression.fields, values)
        case EachRow():
            rows = build(expression.each, values)
            if isinstance(rows, MissingFact):
                return rows
            listed = rows if isinstance(rows, list) else []
            return _all_known(
                build_fields(expression.fields, {**values, **row}) for row in listed if isinstance(row, dict)
            )
        case Joined():
            return _joined([build(part, values) for part in expression.join])
        case FirstOf():
            return _first(build(part, values) for part in expression.first_of)
        case ShiftedDate():
            day = build(expression.date, values)
            return _shifted(day, expression.plus) if isinstance(day, str) else day


def build_fields(fields: Mapping[FieldName, Expression], values: Values) -> dict[str, JsonValue] | MissingFact:
    """The object without the fields that have no value."""
    built: dict[str, JsonValue] = {}
    for name, expression in fields.items():
        value = build(expression, values)
        if isinstance(value, MissingFact):
            return value
        if value is not None and value not in ("", [], {}):
            built[name] = value
    return built


def references_in(expression: Expression) -> Iterator[str]:
    """Also those to the facts of a row."""
    match expression:
        case str():
            yield expression
        case Constant():
            return
        case ShiftedDate():
            yield expression.date
        case FieldsOf() | EachRow():
            if isinstance(expression, EachRow):
                yield expression.each
            for part in expression.fields.values():
                yield from references_in(part)
        case Joined():
            for part in expression.join:
                yield from references_in(part)
        case FirstOf():
            for part in expression.first_of:
                yield from references_in(part)


def _shifted(day: str, span: CalendarSpan) -> str | None:
    parsed = parse_day(day)
    return span.after(parsed).isoformat() if parsed else None


def _all_known(values: Iterable[JsonValue | MissingFact]) -> list[JsonValue] | MissingFact:
    known: list[JsonValue] = []
    for value in values:
        if isinstance(value, MissingFact):
            return value
        known.append(value)
    return known


def _joined(parts: list[JsonValue | MissingFact]) -> list[JsonValue] | MissingFact:
    rows: list[JsonValue] = []
    for part in parts:
        if isinstance(part, MissingFact):
            return part
        if part is not None and part != {}:
            rows += part if isinstance(part, list) else [part]
    return rows


def _first(parts: Iterable[JsonValue | MissingFact]) -> JsonValue | MissingFact:
    return next((part for part in parts if part is not None and part not in ("", [], {})), None)

"""Faults of an edition that its form alone does not show: references to nothing, steps without content, calls that no
bridge offers. Each has a place, so that nothing of this fails at the stand."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from service_catalogue.conditions import (
    Before,
    Comparison,
    Condition,
    Equals,
    Includes,
    InRange,
    IsIn,
    IsKnown,
    SameAs,
    Scalar,
    comparisons,
    is_day,
    references_of,
)
from service_catalogue.facts.models import FactRetention, FormFactKind
from service_catalogue.references import name_of

from intake.domain.catalogue.expressions import (
    EachRow,
    Expression,
    FieldsOf,
    FirstOf,
    Joined,
    ShiftedDate,
    references_in,
)
from intake.domain.catalogue.outputs import Output
from intake.domain.catalogue.register_calls import FOUND, RegisterCall, RegisterCallKind
from intake.domain.catalogue.register_contracts import EditionFault, Place, RegisterContracts, call_faults
from intake.domain.catalogue.service_definition import (
    Deadline,
    Edition,
    Ending,
    Fee,
    Identification,
    Obligation,
    RequiredDocument,
    Step,
)
from intake.domain.catalogue.value_types import ValueType, ValueTypes, reserved_names

_K = FormFactKind
_NUMBERS: Final = frozenset({_K.INTEGER, _K.DECIMAL, _K.MONEY})
_TEXTS: Final = frozenset({_K.TEXT, _K.DATE, _K.PARTIAL_DATE, _K.CHIP_NUMBER, _K.IBAN, _K.EMAIL, _K.TELEPHONE})
_Conditional = RequiredDocument | Fee | Deadline | Output | Obligation
_UNPRINTABLE: Final = frozenset({_K.GROUP, _K.SIGNATURE, _K.PHOTO})


def edition_faults(edition: Edition, contracts: RegisterContracts, templates: Iterable[str]) -> Iterator[EditionFault]:
    """`contracts`: of the bridges, by register. `templates`: those that documents can have."""
    types = ValueTypes(edition)
    yield from _repeated_codes(edition)
    yield from _step_faults(edition)
    yield from _fact_faults(edition, types)
    for number, call in enumerate(edition.calls):
        yield from _call_reference_faults(call, number, types)
        yield from call_faults(call, ("calls", number), types, contracts)
    yield from _condition_faults(edition, types)
    yield from _output_faults(edition, types, set(templates))
    yield from _ending_faults(edition)


def _repeated_codes(edition: Edition) -> Iterator[EditionFault]:
    parts: Mapping[str, tuple[object, ...]] = {
        "facts": edition.facts,
        "admission": edition.admission,
        "papers": edition.papers,
        "calls": edition.calls,
        "fees": edition.fees,
        "deadlines": edition.deadlines,
        "outputs": edition.outputs,
        "obligations": edition.obligations,
    }
    for part, listed in parts.items():
        seen: set[str] = set()
        for number, item in enumerate(listed):
            code: str = item.code  # type: ignore[attr-defined]
            if code in seen:
                yield EditionFault((part, number, "code"), f"'{code}' appears twice")
            seen.add(code)
    reserved = set(reserved_names())
    facts = {fact.code for fact in edition.facts}
    for number, fact in enumerate(edition.facts):
        if fact.code in reserved:
            yield EditionFault(("facts", number, "code"), f"'{fact.code}' is known for every case, leave it out")
    for number, call in enumerate(edition.calls):
        if call.code in reserved | facts:
            yield EditionFault(("calls", number, "code"), f"'{call.code}' is the name of another value")
        for place, answer in enumerate(call.answer):
            if answer.code == FOUND:
                yield EditionFault(("calls", number, "answer", place, "code"), f"'{FOUND}' is known for every call")


def _step_faults(edition: Edition) -> Iterator[EditionFault]:
    order = list(Step)
    for number, (before, after) in enumerate(pairwise(edition.steps), start=1):
        if order.index(before) >= order.index(after):
            yield EditionFault(("steps", number), f"'{after}' cannot come after '{before}'")
    finishes = edition.ending is not Ending.ELSEWHERE
    needed = {
        Step.IDENTIFY: edition.identification is not Identification.NONE,
        Step.PAPERS: bool(edition.papers),
        Step.REGISTER: bool(edition.calls),
        Step.FEE: bool(edition.fees),
        Step.ISSUE: finishes,
    }
    for step, required in needed.items():
        if required and step not in edition.steps:
            yield EditionFault(("steps",), f"'{step}' is missing")
        if not required and step in edition.steps:
            yield EditionFault(("steps",), f"'{step}' has nothing to do")


def _fact_faults(edition: Edition, types: ValueTypes) -> Iterator[EditionFault]:
    for number, fact in enumerate(edition.facts):
        place: Place = ("facts", number)
        yield from _comparison_faults(fact.when, (*place, "when"), types)
        for reference in references_of(fact.when):
            yield from _order_faults(reference, fact.code, (*place, "when"), types)
        if fact.prefill_from and not types.resolve(fact.prefill_from):
            yield _unknown(fact.prefill_from, (*place, "prefill_from"), types)
        for inner, part in enumerate(fact.facts):
            row = types.by_name[fact.code]
            yield from _comparison_faults(part.when, (*place, "facts", inner, "when"), types, row)
    not_stored = {fact.code for fact in edition.facts if fact.keep is FactRetention.NOT_STORED}
    for place, reference in _all_references(edition):
        if name_of(reference) in not_stored:
            yield EditionFault(place, f"'{reference}' is not stored: only the crew sees it")


def _call_reference_faults(call: RegisterCall, number: int, types: ValueTypes) -> Iterator[EditionFault]:
    place: Place = ("calls", number)
    yield from _comparison_faults(call.when, (*place, "when"), types)
    for reference in references_of(call.when):
        yield from _order_faults(reference, call.code, (*place, "when"), types)
    for field, expression in call.question.items():
        yield from _expression_faults(expression, (*place, "question", field), types, None)
        for reference in references_in(expression):
            yield from _order_faults(reference, call.code, (*place, "question", field), types)
    if call.undo:
        for field, expression in call.undo.question.items():
            yield from _expression_faults(expression, (*place, "undo", "question", field), types, None)
    if (call.kind is RegisterCallKind.COMMAND) != bool(call.undo):
        text = "a command needs 'undo': how to take it back" if not call.undo else "a lookup has nothing to undo"
        yield EditionFault((*place, "undo") if call.undo else place, text)


def _expression_faults(
    expression: Expression, place: Place, types: ValueTypes, row: ValueType | None
) -> Iterator[EditionFault]:
    match expression:
        case str():
            if not types.resolve(expression, row):
                yield _unknown(expression, place, types)
        case EachRow(each=each, fields=fields):
            group = types.resolve(each, row)
            if not group or not group.is_row_group:
                yield EditionFault((*place, "each"), f"'{each}' is no group")
                return
            for name, inner in fields.items():
                yield from _expression_faults(inner, (*place, "fields", name), types, group)
        case FieldsOf(fields=fields):
            for name, inner in fields.items():
                yield from _expression_faults(inner, (*place, "fields", name), types, row)
        case ShiftedDate(date=reference):
            day = types.resolve(reference, row)
            if not day or day.kind is not _K.DATE:
                yield EditionFault((*place, "date"), f"'{reference}' is no value of kind date")
        case Joined(join=parts) | FirstOf(first_of=parts):
            for inner in parts:
                yield from _expression_faults(inner, place, types, row)


def _condition_faults(edition: Edition, types: ValueTypes) -> Iterator[EditionFault]:
    conditional: Mapping[str, Sequence[_Conditional]] = {
        "papers": edition.papers,
        "fees": edition.fees,
        "deadlines": edition.deadlines,
        "outputs": edition.outputs,
        "obligations": edition.obligations,
    }
    for part, listed in conditional.items():
        for number, item in enumerate(listed):
            yield from _comparison_faults(item.when, (part, number, "when"), types)
    for number, rule in enumerate(edition.admission):
        yield from _comparison_faults(rule.require, ("admission", number, "require"), types)
    dated: Mapping[str, Sequence[Deadline | Obligation]] = {
        "deadlines": edition.deadlines,
        "obligations": edition.obligations,
    }
    for part, due_items in dated.items():
        for number, due_item in enumerate(due_items):
            since = types.resolve(due_item.due.since)
            if not since or since.kind is not _K.DATE:
                text = f"'{due_item.due.since}' is no value of kind date"
                yield EditionFault((part, number, "due", "since"), text)
    for number, fee in enumerate(edition.fees):
        names = {name_of(reference) for reference in references_of(fee.when)}
        if fee.per:
            quantity = types.resolve(fee.per)
            if not quantity or quantity.kind is not _K.INTEGER:
                yield EditionFault(("fees", number, "per"), f"'{fee.per}' is no value of kind integer")
        if names & edition.calls_by_code.keys():
            yield EditionFault(("fees", number, "when"), "a fee depends on facts alone: the device asks for it offline")


def _output_faults(edition: Edition, types: ValueTypes, templates: set[str]) -> Iterator[EditionFault]:
    for number, output in enumerate(edition.outputs):
        place: Place = ("outputs", number)
        if output.template not in templates:
            text = f"there is no template '{output.template}'; the templates are: {', '.join(sorted(templates))}"
            yield EditionFault((*place, "template"), text)
        for line, row in enumerate(output.rows):
            yield from _printed_faults(row.value, (*place, "rows", line, "value"), types, None)
        for position, table in enumerate(output.tables):
            group = types.resolve(table.each)
            if not group or not group.is_row_group:
                yield EditionFault((*place, "tables", position, "each"), f"'{table.each}' is no group")
                continue
            for column, cell in enumerate(table.columns):
                at = (*place, "tables", position, "columns", column, "value")
                yield from _printed_faults(cell.value, at, types, group)
        photo = types.resolve(output.photo) if output.photo else None
        if output.photo and (not photo or photo.kind is not _K.PHOTO):
            yield EditionFault((*place, "photo"), f"'{output.photo}' is no fact of kind photo")
        for position, reference in enumerate(output.main):
            yield from _printed_faults(reference, (*place, "main", position), types, None)
        if output.valid_until:
            until = types.resolve(output.valid_until)
            if not until or until.kind is not _K.DATE:
                yield EditionFault((*place, "valid_until"), f"'{output.valid_until}' is no value of kind date")
        if output.valid and output.valid_until:
            yield EditionFault((*place, "valid_until"), "give either 'valid_days' or 'valid_until'")
        if output.provisional and number:
            yield EditionFault((*place, "provisional"), "only the first document can be provisional")


def _printed_faults(reference: str, place: Place, types: ValueTypes, row: ValueType | None) -> Iterator[EditionFault]:
    value = types.resolve(reference, row)
    if not value:
        yield _unknown(reference, place, types)
    elif value.kind is None or value.kind in _UNPRINTABLE:
        kind = value.kind or "answer"
        yield EditionFault(place, f"'{reference}' of kind {kind} cannot be printed as a text; name a part of it")


def _ending_faults(edition: Edition) -> Iterator[EditionFault]:
    if (edition.ending is Ending.OBLIGATION) != bool(edition.obligations):
        yield EditionFault(("ending",), "'obligation' and the list 'obligations' belong together")
    elsewhere = edition.ending is Ending.ELSEWHERE
    if elsewhere != bool(edition.competence.elsewhere):
        yield EditionFault(("competence",), "ending 'elsewhere' and 'competence.elsewhere' belong together")
    if elsewhere == bool(edition.outputs):
        text = "a service of another authority issues nothing" if elsewhere else "at least one document is needed"
        yield EditionFault(("outputs",) if elsewhere else (), text)


def _comparison_faults(
    condition: Condition | None, place: Place, types: ValueTypes, row: ValueType | None = None
) -> Iterator[EditionFault]:
    for comparison in comparisons(condition):
        value = types.resolve(comparison.fact, row)
        if not value:
            yield _unknown(comparison.fact, place, types)
        elif fault := _fault_of_comparison(comparison, value, types, row):
            yield EditionFault(place, f"'{comparison.fact}' {fault}")


def _fault_of_comparison(comparison: Comparison, value: ValueType, types: ValueTypes, row: ValueType | None) -> str:
    match comparison:
        case Equals(equals=expected):
            return _fault_of_scalar(expected, value)
        case IsIn(in_=expected_values):
            return next((fault for expected in expected_values if (fault := _fault_of_scalar(expected, value))), "")
        case Includes(includes=code):
            if value.kind is not _K.SEVERAL:
                return f"is of kind {value.kind}, and 'includes' needs kind several"
            return "" if code in value.choices else f"has no choice '{code}'"
        case InRange():
            return "" if value.kind in _NUMBERS else f"is of kind {value.kind} and compared as a number"
        case Before(before=other):
            kind = _K.DATE if is_day(other) else getattr(types.resolve(other, row), "kind", None)
            if kind is None:
                return f"is compared with '{other}', which is no value"
            return "" if value.kind is _K.DATE and kind is _K.DATE else "and the other must be of kind date"
        case SameAs(same_as=other):
            known = types.resolve(other, row)
            if not known:
                return f"is compared with '{other}', which is no value"
            return "" if bool(known.parts) == bool(value.parts) else f"and '{other}' are of different kinds"
        case IsKnown():
            return ""


def _fault_of_scalar(expected: Scalar, value: ValueType) -> str:
    if isinstance(expected, bool):
        return "" if value.kind is _K.YES_NO else f"is of kind {value.kind} and compared as yes or no"
    if isinstance(expected, int):
        return "" if value.kind in {_K.INTEGER, _K.MONEY} else f"is of kind {value.kind} and compared as a number"
    if value.kind is _K.CHOICE or value.codes:
        known = value.codes or frozenset(value.choices)
        return "" if expected in known else f"has no choice '{expected}'"
    return "" if value.kind in _TEXTS else f"is of kind {value.kind} and compared as a text"


def _order_faults(reference: str, name: str, place: Place, types: ValueTypes) -> Iterator[EditionFault]:
    """A fact and a call refer to what comes before them: else a case could wait for itself."""
    place_of = types.order
    if place_of.get(name_of(reference), -1) >= place_of[name]:
        yield EditionFault(place, f"'{reference}' is known only after '{name}'")


def _all_references(edition: Edition) -> Iterator[tuple[Place, str]]:
    for number, fact in enumerate(edition.facts):
        yield from ((("facts", number, "when"), reference) for reference in references_of(fact.when))
    for number, call in enumerate(edition.calls):
        for field, expression in call.question.items():
            yield from ((("calls", number, "question", field), name) for name in references_in(expression))
    for number, rule in enumerate(edition.admission):
        yield from ((("admission", number, "require"), reference) for reference in references_of(rule.require))
    for number, fee in enumerate(edition.fees):
        yield from ((("fees", number, "when"), reference) for reference in references_of(fee.when))
    for number, output in enumerate(edition.outputs):
        yield from ((("outputs", number, "rows", line, "value"), row.value) for line, row in enumerate(output.rows))


def _unknown(reference: str, place: Place, types: ValueTypes) -> EditionFault:
    return EditionFault(place, f"there is no value '{reference}'; there are: {types.suggestions(reference)}")

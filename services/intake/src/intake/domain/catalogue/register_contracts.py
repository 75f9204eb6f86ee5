"""Holds the calls of a service against the released contracts of the bridges: a call that a bridge does not offer, or
whose question or answer has another form, is a fault of the catalogue."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field
from service_catalogue.conditions import Scalar
from service_catalogue.facts.models import FormFactKind

from intake.domain.catalogue.expressions import Constant, EachRow, Expression, FieldsOf, FirstOf, Joined, ShiftedDate
from intake.domain.catalogue.register_calls import AnswerFact, RegisterCall, RegisterCallKind, Undo
from intake.domain.catalogue.value_types import ValueType, ValueTypes, type_of_fact

Schema = Mapping[str, Any]
Place = tuple[str | int, ...]
_K = FormFactKind
_JSON_TYPES: Final[Mapping[FormFactKind | None, str]] = {
    None: "object",
    _K.INTEGER: "integer",
    _K.MONEY: "integer",
    _K.YES_NO: "boolean",
    _K.SEVERAL: "array",
    _K.GROUP: "array",
    _K.ADDRESS: "object",
    _K.PERSON: "object",
    _K.IDENTITY_DOCUMENT: "object",
    _K.NUMBER_PLATE: "object",
    _K.PHOTO: "object",
    _K.SIGNATURE: "object",
}  # all others are texts


class ReleasedOperation(BaseModel):
    model_config = ConfigDict(extra="ignore")

    kind: str
    question: str
    answer: str | None
    purposes: tuple[str, ...]


class RegisterContract(BaseModel):
    """A bridge's released.json."""

    model_config = ConfigDict(extra="ignore")

    operations: dict[str, ReleasedOperation]
    models: dict[str, dict[str, Any]] = Field(default_factory=dict)


RegisterContracts = Mapping[str, RegisterContract]


@dataclass(frozen=True, slots=True)
class EditionFault:
    """`place`: keys from the edition on."""

    place: Place
    text: str


def call_faults(
    call: RegisterCall, place: Place, types: ValueTypes, contracts: RegisterContracts
) -> Iterator[EditionFault]:
    contract = contracts.get(call.register_name)
    if not contract:
        yield EditionFault((*place, "register"), _no_contract(call.register_name, contracts))
        return
    operation = contract.operations.get(call.operation)
    if not operation:
        yield EditionFault((*place, "operation"), _no_operation(call.register_name, call.operation, contract))
        return
    if call.purpose not in operation.purposes:
        allowed = ", ".join(operation.purposes)
        yield EditionFault(
            (*place, "purpose"), f"'{call.operation}' is not allowed for '{call.purpose}'; for: {allowed}"
        )
    if (call.kind is RegisterCallKind.LOOKUP) != (operation.kind == "lookup"):
        yield EditionFault((*place, "kind"), f"'{call.operation}' is a {operation.kind}")
    yield from _question_faults(call.question, operation, contract, types, (*place, "question"))
    yield from _answer_faults(call.answer, operation, contract, (*place, "answer"))
    if call.undo:
        yield from _undo_faults(call, call.undo, contract, types, (*place, "undo"))


def _undo_faults(
    call: RegisterCall, undo: Undo, contract: RegisterContract, types: ValueTypes, place: Place
) -> Iterator[EditionFault]:
    operation = contract.operations.get(undo.operation)
    if not operation:
        yield EditionFault((*place, "operation"), _no_operation(call.register_name, undo.operation, contract))
        return
    if operation.kind == "lookup":
        yield EditionFault((*place, "operation"), f"'{undo.operation}' is a lookup: it undoes nothing")
    if call.purpose not in operation.purposes:
        allowed = ", ".join(operation.purposes)
        yield EditionFault(
            (*place, "operation"), f"'{undo.operation}' is not allowed for '{call.purpose}'; for: {allowed}"
        )
    yield from _question_faults(undo.question, operation, contract, types, (*place, "question"))


def _no_contract(register: str, contracts: RegisterContracts) -> str:
    if not contracts:
        return f"the folder has no registers/{register}.json: copy 'registers' of the packaged catalogue"
    return f"no register '{register}'; there are: {', '.join(sorted(contracts))}"


def fields_of(contract: RegisterContract, model: str | None) -> Iterator[str]:
    """The fields of a question or an answer: name, JSON type or values, and whether it may be missing."""
    schema = _resolved(contract, contract.models.get(model or "", {}))
    for name, field in schema.get("properties", {}).items():
        known = _resolved(contract, field)
        values = ", ".join(map(str, known.get("enum", ())))
        parts = ", ".join(_resolved(contract, known.get("items", known)).get("properties", {}))
        kind = values or str(known.get("format") or known.get("type") or "any")
        optional = "" if name in schema.get("required", ()) else ", may be missing"
        yield f"{name}: {kind}{f' of ({parts})' if parts else ''}{optional}"


def _no_operation(register: str, name: str, contract: RegisterContract) -> str:
    return f"'{register}' has no operation '{name}'; it has: {', '.join(contract.operations)}"


def _question_faults(
    question: Mapping[str, Expression],
    operation: ReleasedOperation,
    contract: RegisterContract,
    types: ValueTypes,
    place: Place,
) -> Iterator[EditionFault]:
    checker = _Checker(contract, types)
    yield from checker.object_faults(question, contract.models.get(operation.question, {}), place, None)


def _answer_faults(
    answer: tuple[AnswerFact, ...], operation: ReleasedOperation, contract: RegisterContract, place: Place
) -> Iterator[EditionFault]:
    model = contract.models.get(operation.answer or "", {})
    for number, fact in enumerate(answer):
        at = (*place, number, "from")
        schema: Schema | None = model
        for part in fact.path.split("."):
            schema = _property(contract, schema, part) if schema else None
        if schema is None:
            known = ", ".join(_resolved(contract, model).get("properties", {})) or "nothing"
            yield EditionFault(at, f"the answer has no '{fact.path}'; it has: {known}")
        elif fault := _kind_fault(type_of_fact(fact), _resolved(contract, schema)):
            yield EditionFault((*place, number, "kind"), f"'{fact.path}' {fault}")


@dataclass(frozen=True, slots=True)
class _Checker:
    """Compares expressions with the schema of a question."""

    contract: RegisterContract
    types: ValueTypes

    def object_faults(
        self, fields: Mapping[str, Expression], schema: Schema, place: Place, row: ValueType | None
    ) -> Iterator[EditionFault]:
        known = _resolved(self.contract, schema)
        properties: Mapping[str, Schema] = known.get("properties", {})
        for name, expression in fields.items():
            if name not in properties:
                yield EditionFault((*place, name), f"the question has no '{name}'; it has: {', '.join(properties)}")
            else:
                yield from self.faults(expression, properties[name], (*place, name), row)
        for name in known.get("required", ()):
            if name not in fields:
                yield EditionFault(place, f"'{name}' is missing; the register needs it")

    def faults(
        self, expression: Expression, schema: Schema, place: Place, row: ValueType | None
    ) -> Iterator[EditionFault]:
        known = _resolved(self.contract, schema)
        match expression:
            case str():
                yield from self._reference_faults(expression, known, place, row)
            case Constant(value=constant):
                if not _accepts_constant(constant, known):
                    yield EditionFault(place, f"the register does not take {constant!r} there")
            case FieldsOf(fields=fields):
                yield from self._nested(fields, known, place, row)
            case EachRow() | Joined():
                yield from self._list_faults(expression, known, place, row)
            case FirstOf(first_of=parts):
                for part in parts:
                    yield from self.faults(part, known, place, row)
            case ShiftedDate(date=reference):
                yield from self.faults(reference, known, place, row)

    def _reference_faults(
        self, reference: str, schema: Schema, place: Place, row: ValueType | None
    ) -> Iterator[EditionFault]:
        """A reference to nothing is a fault of its own."""
        value = self.types.resolve(reference, row)
        if value and (fault := _kind_fault(value, schema)):
            yield EditionFault(place, f"'{reference}' is of kind {value.kind}; the register's field {fault}")

    def _list_faults(
        self, expression: EachRow | Joined, schema: Schema, place: Place, row: ValueType | None
    ) -> Iterator[EditionFault]:
        items = _resolved(self.contract, schema.get("items", {}))
        if "array" not in _json_types(schema):
            yield EditionFault(place, "the register takes no list there")
        elif isinstance(expression, EachRow):
            yield from self._nested(expression.fields, items, place, self.types.resolve(expression.each, row))
        else:
            for part in expression.join:
                yield from self.faults(part, items if isinstance(part, FieldsOf) else schema, place, row)

    def _nested(
        self, fields: Mapping[str, Expression], schema: Schema, place: Place, row: ValueType | None
    ) -> Iterator[EditionFault]:
        if "object" in _json_types(schema) or "properties" in schema:
            yield from self.object_faults(fields, schema, (*place, "fields"), row)
        else:
            yield EditionFault(place, "the register takes no object there")


def _resolved(contract: RegisterContract, schema: Schema) -> Schema:
    """The schema behind a reference, or the only one beside null."""
    for _ in range(10):
        if "$ref" in schema:
            name = str(schema["$ref"]).rsplit("/", 1)[-1]
            schema = contract.models.get(name) or _definition(contract, name)
            continue
        options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
        if len(options) != 1:
            return schema
        schema = options[0]
    return {}


def _definition(contract: RegisterContract, name: str) -> Schema:
    nested = (model.get("$defs", {}).get(name) for model in contract.models.values())
    return next((schema for schema in nested if schema), {})


def _property(contract: RegisterContract, schema: Schema, name: str) -> Schema | None:
    properties: Mapping[str, Schema] = _resolved(contract, schema).get("properties", {})
    return properties.get(name)


def _json_types(schema: Schema) -> set[str]:
    options = [schema, *schema.get("anyOf", ())]
    return {str(option["type"]) for option in options if "type" in option}


def _kind_fault(value: ValueType, schema: Schema) -> str:
    """Empty if the values of this kind fit."""
    if not schema:
        return ""  # any value
    accepted, needed = _json_types(schema), _JSON_TYPES.get(value.kind, "string")
    if accepted and needed not in accepted and not (needed == "integer" and "number" in accepted):
        return f"is {' or '.join(sorted(accepted))}, and this is {needed}"
    formats = {option.get("format") for option in (schema, *schema.get("anyOf", ())) if option.get("format")}
    if "date" in formats and value.kind is not _K.DATE:
        return "is a date"
    allowed = schema.get("enum") or ([schema["const"]] if "const" in schema else None)
    possible = value.codes or frozenset(value.choices)
    if allowed and possible and not possible <= set(allowed):
        return f"takes only {', '.join(map(str, allowed))}"
    return ""


def _accepts_constant(constant: Scalar, schema: Schema) -> bool:
    if not schema:
        return True
    name = {bool: "boolean", int: "integer", str: "string"}[type(constant)]
    accepted = _json_types(schema)
    allowed = schema.get("enum") or ([schema["const"]] if "const" in schema else None)
    return (not accepted or name in accepted) and (not allowed or constant in allowed)

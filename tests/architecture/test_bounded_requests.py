"""Every value that a caller can send has bounds: numbers and times a range, texts and collections a length.

An unbounded time overflows as soon as somebody adds a day to it, an unbounded number as soon as it meets a column.
"""

import types
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin
from uuid import UUID

import pytest
from annotated_types import Ge, Gt, Le, Lt, MaxLen
from fastapi import FastAPI, UploadFile
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from intake.domain.entry import AnyEntry
from pydantic import AfterValidator, AwareDatetime, BaseModel, EmailStr, Field, JsonValue, StrictBool, StrictInt
from pydantic.fields import FieldInfo
from wanderamt.kernel.bounded import BoundedDay, BoundedTime, ClockTime, bounded_json, clamped_time
from wanderamt_local.contracts import unstarted_application
from wanderamt_local.system import SERVICES

BODIES_READ_BY_HAND: dict[tuple[str, str], object] = {("intake", "/sync"): AnyEntry}
"""Routes that describe in `openapi_extra` a body that they parse themselves, and the type that parses it."""
BOUNDED = (bool, UUID, time, type(None), EmailStr, UploadFile)  # an e-mail address has 254 characters at most
RANGED = (int, float, date, datetime, AwareDatetime)


def unbounded(annotation: object, metadata: Sequence[object] = (), *, path: str = "") -> Iterator[str]:
    """Where a value of this type has no bounds, as paths of fields. `metadata`: the constraints around the type."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, FieldInfo):
        yield from unbounded(annotation.annotation, annotation.metadata, path=path)
    elif origin is Annotated:
        yield from unbounded(arguments[0], [*metadata, *_constraints(arguments[1:])], path=path)
    elif supertype := getattr(annotation, "__supertype__", None):
        yield from unbounded(supertype, metadata, path=path)
    elif origin in {Union, types.UnionType}:
        for argument in arguments:
            yield from unbounded(argument, metadata, path=path)
    elif origin not in {None, Literal}:
        yield from _unbounded_collection(arguments, metadata, path)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            yield from unbounded(field, path=f"{path}.{name}")
    elif not _is_bounded(annotation, metadata):
        yield f"{path}: {annotation} without bounds"


def _unbounded_collection(items: Sequence[object], metadata: Sequence[object], path: str) -> Iterator[str]:
    if not _has(metadata, MaxLen):
        yield f"{path}: a collection without max_length"
    for item in items:
        if item is not Ellipsis:
            yield from unbounded(item, path=f"{path}[]")


def _is_bounded(annotation: object, metadata: Sequence[object]) -> bool:
    """Whether a single value has bounds; what can be anything has none."""
    if annotation in RANGED:
        clamped = any(isinstance(item, AfterValidator) and item.func is clamped_time for item in metadata)
        return clamped or (_has(metadata, Ge, Gt) and _has(metadata, Le, Lt))
    if annotation is str:
        return _has(metadata, MaxLen)
    if annotation is JsonValue:
        return any(isinstance(item, AfterValidator) and item.func is bounded_json for item in metadata)
    is_enum = isinstance(annotation, type) and issubclass(annotation, Enum)
    return get_origin(annotation) is Literal or annotation in BOUNDED or is_enum


def _constraints(metadata: Sequence[object]) -> list[object]:
    """The constraints, also those inside of `Field(...)`."""
    return [part for item in metadata for part in (item.metadata if isinstance(item, FieldInfo) else (item,))]


def _has(metadata: Sequence[object], *kinds: type) -> bool:
    return any(isinstance(item, kinds) for item in metadata)


class Sent(NamedTuple):
    route: str
    name: str
    type: object


def sent_values(service: str, app: FastAPI) -> Iterator[Sent]:
    """Everything that the routes of an application read from a request."""
    for route in iter_route_contexts(app.routes):
        if not isinstance(route.original_route, APIRoute):
            continue
        if (route.original_route.openapi_extra or {}).get("requestBody"):
            yield Sent(str(route.path), "body", BODIES_READ_BY_HAND[service, str(route.path)])
        for dependant in _with_nested(route.dependant):
            parameters = (dependant.path_params, dependant.query_params, dependant.header_params)
            for field in (field for fields in (*parameters, dependant.body_params) for field in fields):
                yield Sent(str(route.path), field.name, field.field_info)


def _with_nested(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for nested in dependant.dependencies:
        yield from _with_nested(nested)


@pytest.mark.parametrize("service", SERVICES)
def test_each_value_of_each_request_has_bounds(service: str) -> None:
    with unstarted_application(service) as app:
        sent = list(sent_values(service, app))
    assert sent
    assert {fault for value in sent for fault in unbounded(value.type, path=f"{value.route} {value.name}")} == set()


class Question(BaseModel):
    count: int
    share: Annotated[float, Field(ge=0)]
    at: AwareDatetime
    day: date | None = None
    text: str = ""
    names: list[Annotated[str, Field(max_length=5)]]
    answers: dict[str, Any] = Field(default={}, max_length=5)


class BoundedQuestion(BaseModel):
    count: int | None = Field(None, ge=0, lt=9)
    share: Annotated[float, Field(ge=0)] = Field(le=1)
    at: BoundedTime | None = None
    recorded_at: ClockTime | None = None
    day: BoundedDay
    text: Annotated[str, Field(max_length=5)] = ""
    names: tuple[Literal["a", "b"], ...] = Field((), max_length=5)
    answer: StrictBool | Annotated[StrictInt, Field(ge=0, le=9)] = False


def test_a_field_without_bounds_is_reported() -> None:
    assert {fault.split(":")[0] for fault in unbounded(Question)} == {
        *(".count", ".share", ".at", ".day", ".text", ".names", ".answers[]")
    }


def test_bounds_are_seen_wherever_they_stand() -> None:
    assert list(unbounded(BoundedQuestion)) == []
    assert list(unbounded(Annotated[list[BoundedQuestion], Field(max_length=3)])) == []

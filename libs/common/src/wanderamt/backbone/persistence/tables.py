"""What the services' tables and stores share: kinds of columns, and rows that become domain values and back."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter
from sqlalchemy import (
    Column,
    ColumnElement,
    DateTime,
    Dialect,
    String,
    Text,
    TextClause,
    TypeDecorator,
    Uuid,
    any_,
    bindparam,
    literal,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine
from sqlmodel import Field, SQLModel, col

from wanderamt.kernel.line_text import AS_STORED

T = TypeVar("T")


def column_of(
    type_: TypeEngine[Any] | type[TypeEngine[Any]],
    *,
    nullable: bool = False,
    primary_key: bool = False,
    default: str | TextClause | None = None,
    name: str | None = None,
) -> Any:
    """`default`: of the server, as in the migration: a literal such as "0", or SQL as `text("0.3")`.

    `name`: in the table, if the row calls it otherwise.
    """
    column = Column(name, type_, nullable=nullable, primary_key=primary_key, server_default=default)
    return Field(default=None, sa_column=column) if nullable else Field(sa_column=column)


def id_column(name: str) -> Any:
    """The primary key, which the row calls `id` as the domain value does, and the table `name`."""
    return column_of(Uuid, name=name, primary_key=True)


def time_column(*, nullable: bool = False, primary_key: bool = False) -> Any:
    return column_of(DateTime(timezone=True), nullable=nullable, primary_key=primary_key)


def owner_column() -> Any:
    """The code of the authority to which the row belongs: that of the session, see Database. Empty if it has none."""
    return column_of(Text, default=text("COALESCE(current_setting('wanderamt.authority'::text, true), ''::text)"))


def json_column(*, nullable: bool = False, default: str | None = None) -> Any:
    """`None` is stored as NULL, never as the JSON value null."""
    return column_of(JSONB(none_as_null=True), nullable=nullable, default=default)


def model_column(type_: Any, *, nullable: bool = False, default: str | None = None, name: str | None = None) -> Any:
    """A value of this type, such as a pydantic model or a dataclass, stored as JSON."""
    return column_of(ModelColumn(type_), nullable=nullable, default=default, name=name)


def text_array_column(*, nullable: bool = False, default: str | None = None) -> Any:
    return column_of(ARRAY(String), nullable=nullable, default=default)


class ModelColumn(TypeDecorator[Any]):
    impl = JSONB(none_as_null=True)
    cache_ok = True

    def __init__(self, type_: Any) -> None:
        super().__init__()
        self.type_ = type_

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else _adapter(self.type_).dump_python(value, mode="json")

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else _adapter(self.type_).validate_python(value, context=AS_STORED)


def value_of(type_: type[T], row: SQLModel | Mapping[str, Any], **others: object) -> T:
    """The domain value with the row's columns of the same names. `others`: fields that the row does not have so."""
    columns = vars(row) if isinstance(row, SQLModel) else row
    adapter: TypeAdapter[T] = _adapter(cast("Any", type_))
    return adapter.validate_python({**columns, **others}, context=AS_STORED)


def columns_of(value: Any, row: type[SQLModel] | None = None) -> dict[str, Any]:
    """The fields of a domain value by name, to be stored in columns of the same names. `row`: only those it has."""
    return {
        field.name: getattr(value, field.name)
        for field in fields(value)
        if row is None or field.name in row.model_fields
    }


def is_any_of(column: Any, values: Collection[Any]) -> ColumnElement[bool]:
    """`column = ANY($1)`: one statement for any number of values, where `IN` would be one per number."""
    return col(column) == any_(literal(list(values), ARRAY(type_of(column))))


def has_constant(column: Any, *values: str) -> ColumnElement[bool]:
    """Whether the column has one of these values, which stand in the text of the statement, as in the condition of a
    partial index. A plan that does not know its parameters can use that index. Not for values that a person gives."""
    return col(column).in_(bindparam(None, [str(value) for value in values], expanding=True, literal_execute=True))


def type_of(column: Any) -> TypeEngine[Any]:
    """The SQL type of a row's column."""
    return cast("ColumnElement[Any]", col(column)).type


@cache
def _adapter(type_: Any) -> TypeAdapter[Any]:
    return TypeAdapter(type_)

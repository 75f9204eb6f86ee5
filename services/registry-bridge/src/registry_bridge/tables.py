"""The tables of the registry bridge. Personal data is stored encrypted only."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Column, DateTime, Index, MetaData, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

metadata = MetaData()


class _Table(SQLModel, registry=registry(metadata=metadata)):
    pass


class RequestRow(_Table, table=True):
    __tablename__ = "request"
    __table_args__ = (Index("ix_request_file", "register_name", "file", postgresql_where=text("state = 'waiting'")),)
    request_id: UUID = Field(primary_key=True)
    case_id: UUID
    register_name: str
    operation: str
    question: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    purpose: str
    officer: str
    state: str
    outcome: str | None
    asked_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    answered_at: datetime | None = Field(sa_column=Column(DateTime(timezone=True)))
    effect_possible: bool = Field(sa_column=Column(Boolean, nullable=False, server_default="false"))
    code: str = Field(sa_column=Column(String, nullable=False, server_default=""))
    assertion: str | None
    file: str | None
    unreadable_response: bytes | None


class RegisterRow(_Table, table=True):
    """State of a register and of the file exchange with it: one row per register, changed under its lock."""

    __tablename__ = "register"
    register_name: str = Field(primary_key=True)
    state: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    exchange: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    changed_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class CachedAnswerRow(_Table, table=True):
    """The newest answer to a question, encrypted. `question_hash` is keyed: it reveals nothing."""

    __tablename__ = "cached_answer"
    register_name: str = Field(primary_key=True)
    operation: str = Field(primary_key=True)
    question_hash: bytes = Field(primary_key=True)
    outcome: str
    answer: dict[str, Any] | None = Field(sa_column=Column(JSONB))
    as_of: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class RegisterAccessLogRow(_Table, table=True):
    """Which officer read what, and why. Rows are only ever added. `delivered`: ids of the records shown."""

    __tablename__ = "register_access_log"
    id: UUID = Field(primary_key=True)
    read_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    officer: str
    purpose: str
    case_id: UUID
    request_id: UUID | None
    register_name: str
    operation: str
    outcome: str
    delivered: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    source: str
    as_of: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))

"""The tables of the registry bridge. Personal data stands here sealed only."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Column, DateTime, Index, MetaData, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

metadata = MetaData()


class Table(SQLModel, registry=registry(metadata=metadata)):
    pass


class Request(Table, table=True):
    __tablename__ = "request"
    __table_args__ = (
        Index("ix_request_waiting", "register_name", "asked_at", postgresql_where=text("state = 'waiting'")),
    )
    request_id: UUID = Field(primary_key=True)
    case_id: UUID
    register_name: str
    operation: str
    question: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    purpose: str
    officer: str
    state: str
    verdict: str | None
    asked_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    answered_at: datetime | None = Field(sa_column=Column(DateTime(timezone=True)))
    maybe: bool = Field(sa_column=Column(Boolean, nullable=False, server_default="false"))
    code: str = Field(sa_column=Column(String, nullable=False, server_default=""))
    assertion: str | None
    file: str | None
    raw: bytes | None


class Register(Table, table=True):
    """What we know of a register and of the files between us: one row, changed under its lock."""

    __tablename__ = "register"
    register_name: str = Field(primary_key=True)
    state: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    exchange: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    changed_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class KeptAnswer(Table, table=True):
    """The newest answer to a question, sealed; found by a fingerprint that tells nothing without our key."""

    __tablename__ = "kept_answer"
    register_name: str = Field(primary_key=True)
    operation: str = Field(primary_key=True)
    fingerprint: bytes = Field(primary_key=True)
    verdict: str
    answer: dict[str, Any] | None = Field(sa_column=Column(JSONB))
    as_of: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class RegisterRead(Table, table=True):
    """Who was given what of a register, and why; only ever added to. `delivered`: ids of records that were shown."""

    __tablename__ = "register_read"
    id: UUID = Field(primary_key=True)
    read_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    officer: str
    purpose: str
    case_id: UUID
    request_id: UUID | None
    register_name: str
    operation: str
    verdict: str
    delivered: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    source: str
    as_of: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))

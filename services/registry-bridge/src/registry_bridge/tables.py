"""The tables of the registry bridge. Personal data stands here sealed only."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, DateTime, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

metadata = MetaData()


class Table(SQLModel, registry=registry(metadata=metadata)):
    pass


class Request(Table, table=True):
    __tablename__ = "request"
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

"""The tables of notifications. Personal data stands here sealed only."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, DateTime, MetaData, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

metadata = MetaData()


class Table(SQLModel, registry=registry(metadata=metadata)):
    pass


def _time(*, nullable: bool = False) -> Any:
    return Column(DateTime(timezone=True), nullable=nullable)


class Notice(Table, table=True):
    __tablename__ = "notice"
    __table_args__ = (UniqueConstraint("case_id", "kind", "channel"),)
    notice_id: UUID = Field(primary_key=True)
    version: int
    case_id: UUID
    kind: str
    channel: str
    language: str
    reference: str
    contact: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    state: str
    reason: str
    decided_at: datetime = Field(sa_column=_time())
    valid_until: datetime = Field(sa_column=_time())
    ended_at: datetime | None = Field(sa_column=_time(nullable=True))

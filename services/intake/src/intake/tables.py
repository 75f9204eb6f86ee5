"""The tables of intake. Migrations make them; a test holds both together. Personal data stands here sealed only."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Identity, LargeBinary, MetaData, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

metadata = MetaData()


class Table(SQLModel, registry=registry(metadata=metadata)):
    pass


def _time(*, nullable: bool = False) -> Any:
    return Column(DateTime(timezone=True), nullable=nullable)


class Device(Table, table=True):
    __tablename__ = "device"
    device_id: UUID = Field(primary_key=True)
    label: str
    enrolled_by: str
    enrolled_at: datetime = Field(sa_column=_time())
    revoked_at: datetime | None = Field(sa_column=_time(nullable=True))


class Entry(Table, table=True):
    """The ledger of entries: each is taken once, and a second sending gets the first answer."""

    __tablename__ = "entry"
    __table_args__ = (UniqueConstraint("device_id", "device_seq"),)
    entry_id: UUID = Field(primary_key=True)
    device_id: UUID
    device_seq: int = Field(sa_type=BigInteger)
    case_id: UUID
    case_seq: int
    type: str
    payload_hash: bytes
    refusal: str | None
    captured_at: datetime = Field(sa_column=_time())
    received_at: datetime = Field(sa_column=_time())


class RefusedEntry(Table, table=True):
    """What could not be taken, with its raw bytes sealed: nothing sent to us is lost."""

    __tablename__ = "refused_entry"
    __table_args__ = (UniqueConstraint("device_id", "sha256"),)
    id: int | None = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    device_id: UUID
    code: str
    sha256: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    bytes: int
    raw: dict[str, Any] | None = Field(sa_column=Column(JSONB))
    received_at: datetime = Field(sa_column=_time())


class Case(Table, table=True):
    __tablename__ = "case_file"
    case_id: UUID = Field(primary_key=True)
    version: int
    service: str
    stand_id: UUID = Field(index=True)
    device_id: UUID
    language: str
    state: str
    applicant: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    contact: dict[str, Any] | None = Field(sa_column=Column(JSONB))
    captured_at: datetime = Field(sa_column=_time())
    opened_at: datetime = Field(sa_column=_time())
    owner: str
    reason: str
    deadline: datetime | None = Field(sa_column=_time(nullable=True))
    request_id: UUID | None
    finished_at: datetime | None = Field(sa_column=_time(nullable=True))
    edition: str


class Document(Table, table=True):
    __tablename__ = "document"
    document_id: UUID = Field(primary_key=True)
    case_id: UUID = Field(unique=True)
    number: str = Field(unique=True)
    ordered_at: datetime = Field(sa_column=_time())
    issued_at: datetime | None = Field(sa_column=_time(nullable=True))
    sha256: str | None
    pdf: bytes | None


class Stand(Table, table=True):
    """A small copy of the stands, from their topic, so that opening a case never asks scheduling."""

    __tablename__ = "stand"
    stand_id: UUID = Field(primary_key=True)
    place: str
    starts_at: datetime = Field(sa_column=_time())
    ends_at: datetime = Field(sa_column=_time())
    cancelled: bool

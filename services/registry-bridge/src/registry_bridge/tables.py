"""The tables of the registry bridge. Personal data is stored encrypted only."""

from datetime import datetime
from uuid import UUID

from connector_kit.files.file_exchange import FileExchange
from connector_kit.resilience.register_state import RegisterState
from sqlalchemy import Boolean, Index, MetaData, String, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel
from wanderamt.backbone.persistence.tables import column_of, id_column, json_column, model_column, time_column
from wanderamt.contracts import AllowedQuery
from wanderamt.kernel.sealed import Sealed

metadata = MetaData()


class _Table(SQLModel, registry=registry(metadata=metadata)):
    pass


class RequestRow(_Table, table=True):
    __tablename__ = "request"
    __table_args__ = (Index("ix_request_file", "register_name", "file", postgresql_where=text("state = 'waiting'")),)
    id: UUID = id_column("request_id")
    case_id: UUID = Field(index=True)
    register_name: str
    operation: str
    question: Sealed = model_column(Sealed)
    purpose: str
    officer: str
    state: str
    outcome: str | None
    asked_at: datetime = time_column()
    answered_at: datetime | None = time_column(nullable=True)
    effect_possible: bool = column_of(Boolean, default="false")
    code: str = column_of(String, default="")
    assertion: str | None
    file: str | None
    unreadable_response: bytes | None


class RegisterRow(_Table, table=True):
    """State of a register and of the file exchange with it: one row per register, changed under its lock."""

    __tablename__ = "register"
    register_name: str = Field(primary_key=True)
    state: RegisterState = model_column(RegisterState)
    exchange: FileExchange = model_column(FileExchange)
    changed_at: datetime = time_column()


class CachedAnswerRow(_Table, table=True):
    """The newest answer to a question, encrypted. `question_hash` is keyed: it reveals nothing."""

    __tablename__ = "cached_answer"
    __table_args__ = (Index("ix_cached_answer_age", "as_of"),)
    register_name: str = Field(primary_key=True)
    operation: str = Field(primary_key=True)
    question_hash: bytes = Field(primary_key=True)
    outcome: str
    answer: Sealed | None = model_column(Sealed, nullable=True)
    as_of: datetime = time_column()


class CaseCopyRow(_Table, table=True):
    """What is known of a case, from its events. A projection: `wanderamt rebuild` builds it again."""

    __tablename__ = "case_copy"
    __table_args__ = (Index("ix_case_copy_ended", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),)
    case_id: UUID = Field(primary_key=True)
    service: str
    stands: list[UUID] = column_of(ARRAY(Uuid))
    queries: list[AllowedQuery] = model_column(list[AllowedQuery])
    applicant_hash: str
    ended_at: datetime | None = time_column(nullable=True)


class LookupRow(_Table, table=True):
    """Which officer asked what, for which case, and how it ended. Rows are added before the register is called; only
    their outcome is set, once. The records that an answer showed are in the access log, under the same id."""

    __tablename__ = "lookup"
    __table_args__ = (
        Index("ix_lookup_officer", "officer", "asked_at"),
        Index("ix_lookup_case", "case_id", "asked_at"),
    )
    id: UUID = id_column("lookup_id")
    asked_at: datetime = time_column()
    officer: str
    device_id: UUID | None
    stand_id: UUID | None
    case_id: UUID
    register_name: str
    operation: str
    purpose: str
    outcome: str
    code: str


class RegisterAccessLogRow(_Table, table=True):
    """Which officer read what, and why. Rows are only ever added. `delivered`: ids of the records shown."""

    __tablename__ = "register_access_log"
    __table_args__ = (
        Index("ix_register_access_log_officer", "officer", "read_at"),
        Index("ix_register_access_log_case", "case_id"),
    )
    id: UUID = Field(primary_key=True)
    read_at: datetime = time_column()
    officer: str
    purpose: str
    case_id: UUID
    request_id: UUID | None
    register_name: str
    operation: str
    outcome: str
    delivered: dict[str, str] = json_column()
    source: str
    as_of: datetime = time_column()

"""The tables of intake, created by migrations; a test compares the two. Personal data is stored encrypted only."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Boolean, Column, Identity, Index, LargeBinary, MetaData, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel
from wanderamt.backbone.persistence.tables import column_of, json_column, owner_column, text_array_column, time_column

metadata = MetaData()
_MAY_BE_CLOSED = "state IN ('final', 'compensated', 'withdrawn')"
_IS_OPEN = "met_at IS NULL AND missed_at IS NULL"
_IS_UNMET = "kind = 'obligation' AND met_at IS NULL"


class _Table(SQLModel, registry=registry(metadata=metadata)):
    pass


class DeviceRow(_Table, table=True):
    __tablename__ = "device"
    device_id: UUID = Field(primary_key=True)
    label: str
    enrolled_by: str
    enrolled_at: datetime = time_column()
    revoked_at: datetime | None = time_column(nullable=True)
    durable_through: int = column_of(BigInteger, default=text("0"))
    clock_off_s: int | None
    heard_at: datetime | None = time_column(nullable=True)
    public_key: str | None
    key_thumbprint: str | None


class EnrolmentCodeRow(_Table, table=True):
    """A code that enrols one device, once. `made_for`: the known device that gets a new key. `used_by`: a device."""

    __tablename__ = "enrolment_code"
    code: bytes = Field(primary_key=True)
    label: str
    made_by: str
    made_at: datetime = time_column()
    expires_at: datetime = time_column()
    made_for: UUID | None
    used_by: UUID | None


class FieldSessionRow(_Table, table=True):
    """A clerk's session on a device at a stand. `ended_at`: an operator ended it before `until`."""

    __tablename__ = "field_session"
    __table_args__ = (Index("ix_field_session_until", "until"),)
    session_id: UUID = Field(primary_key=True)
    officer: str
    device_id: UUID
    stand_id: UUID
    began_at: datetime = time_column()
    until: datetime = time_column()
    ended_at: datetime | None = time_column(nullable=True)


class EntryRow(_Table, table=True):
    """Entries of the field app: each applies once, and a repeated request gets the first answer. `payload_hash`: empty
    once the case is deleted: only then nothing compares the content any more."""

    __tablename__ = "entry"
    __table_args__ = (
        UniqueConstraint("device_id", "device_seq"),
        Index("ix_entry_held", "received_at", postgresql_where=text("status = 'held'")),
        Index("ix_entry_held_device", "device_id", postgresql_where=text("status = 'held'")),
    )
    entry_id: UUID = Field(primary_key=True)
    device_id: UUID
    device_seq: int = Field(sa_type=BigInteger)
    case_id: UUID = Field(index=True)
    case_seq: int
    type: str
    payload_hash: bytes
    captured_at: datetime = time_column()
    received_at: datetime = time_column()
    status: str
    code: str | None
    hint: str | None
    refusal_kind: str | None
    raw: dict[str, Any] | None = json_column(nullable=True)


class RefusedEntryRow(_Table, table=True):
    """Unreadable entries with their raw bytes, encrypted: intake loses nothing that a device sent. `case_id`: as the
    entry claims, if it claims one; with that case it is deleted, or after some time."""

    __tablename__ = "refused_entry"
    __table_args__ = (
        UniqueConstraint("device_id", "sha256"),
        Index("ix_refused_entry_case_id", "case_id", postgresql_where=text("case_id IS NOT NULL")),
        Index("ix_refused_entry_received_at", "received_at"),
    )
    id: int | None = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    device_id: UUID
    code: str
    sha256: bytes = column_of(LargeBinary)
    bytes: int
    raw: dict[str, Any] | None = json_column(nullable=True)
    received_at: datetime = time_column()
    case_id: UUID | None


class CaseRow(_Table, table=True):
    """The state of a case. `applicant`, `contact`, `facts`: its form, encrypted. Nothing searches the JSON columns.
    `ended_at`: since when it is final, compensated, withdrawn or closed; a retention period begins when it is closed.
    `assignment`: its owner and why, encrypted, where somebody typed them; `owner` and `reason` are empty then. Else
    they hold an account and a reason of our own, or what a case of an earlier release has.
    """

    __tablename__ = "case_file"
    __table_args__ = (
        Index("ix_case_file_deadline", "deadline", postgresql_where=text("deadline IS NOT NULL")),
        Index("ix_case_file_changed", "stand_id", "changed", "case_id"),
        Index("ix_case_file_bpk", "bpk", postgresql_where=text("bpk IS NOT NULL")),
        Index("ix_case_file_to_close", "ended_at", postgresql_where=text(_MAY_BE_CLOSED)),
        Index("ix_case_file_to_delete", "edition", "ended_at", postgresql_where=text("state = 'closed'")),
    )
    case_id: UUID = Field(primary_key=True)
    version: int
    event_version: int
    service: str
    edition: str
    stand_id: UUID
    device_id: UUID
    language: str
    state: str
    number: str | None
    captured_at: datetime = time_column()
    application_day: date
    opened_at: datetime = time_column()
    owner: str
    reason: str
    deadline: datetime | None = time_column(nullable=True)
    request_id: UUID | None
    finished_at: datetime | None = time_column(nullable=True)
    progress: str = column_of(JSON)
    applicant: str | None = column_of(JSON, nullable=True)
    contact: str | None = column_of(JSON, nullable=True)
    facts: str | None = column_of(JSON, nullable=True)
    answers: str | None = column_of(JSON, nullable=True)
    changed: int = Field(sa_type=BigInteger)
    bpk: str | None
    assignment: str | None = column_of(JSON, nullable=True)
    ended_at: datetime | None = time_column(nullable=True)
    authority: str = owner_column()


class CaseStandRow(_Table, table=True):
    """A further stand to which a case was taken. The stand where it was opened is in its file."""

    __tablename__ = "case_stand"
    __table_args__ = (Index("ix_case_stand_stand", "stand_id"),)
    case_id: UUID = Field(primary_key=True)
    stand_id: UUID = Field(primary_key=True)


class CaseHistoryRow(_Table, table=True):
    """The events that one message added to a case, and the fields it filled, encrypted. Rows never change, but for what
    is deleted when the case is closed; they go with the case."""

    __tablename__ = "case_history"
    case_id: UUID = Field(primary_key=True)
    version: int = Field(primary_key=True)
    content: str = column_of(JSON)  # JSON, not JSONB: nothing searches it
    officer: str
    device_id: UUID | None
    entry_id: UUID | None
    happened_at: datetime = time_column()


class DueDateRow(_Table, table=True):
    """A deadline or an obligation, as the file of its case holds it. `remind_at`, `reminded_at`: of obligations."""

    __tablename__ = "due_date"
    __table_args__ = (
        Index("ix_due_date_remind", "remind_at", postgresql_where=text(f"reminded_at IS NULL AND {_IS_OPEN}")),
        Index("ix_due_date_open", "due_at", postgresql_where=text(_IS_OPEN)),
        Index("ix_due_date_unmet", "due_at", "case_id", "code", postgresql_where=text(_IS_UNMET)),
    )
    case_id: UUID = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    code: str = Field(primary_key=True)
    due_at: datetime = time_column()
    remind_at: datetime | None = time_column(nullable=True)
    reminded_at: datetime | None = time_column(nullable=True)
    met_at: datetime | None = time_column(nullable=True)
    missed_at: datetime | None = time_column(nullable=True)


class RetentionRunRow(_Table, table=True):
    """How many cases were deleted on a day, because their retention period was over. It names none of them."""

    __tablename__ = "retention_run"
    day: date = Field(primary_key=True)
    service: str = Field(primary_key=True)
    retention: str = Field(primary_key=True)
    cases: int


class ConflictRow(_Table, table=True):
    """A field that two devices changed. `field_values`: the values, encrypted."""

    __tablename__ = "conflict"
    __table_args__ = (Index("ix_conflict_open", "stand_id", postgresql_where=text("decided_at IS NULL")),)
    conflict_id: UUID = Field(primary_key=True)
    case_id: UUID = Field(index=True)
    stand_id: UUID
    entry_id: UUID
    device_id: UUID
    name: str
    field_values: dict[str, Any] = json_column()
    noted_at: datetime = time_column()
    decided_by: str | None
    decided_at: datetime | None = time_column(nullable=True)
    resolution: str | None


class NumberSeriesRow(_Table, table=True):
    __tablename__ = "number_series"
    series: str = Field(primary_key=True)
    year: int = Field(primary_key=True)
    next_serial: int
    authority: str = owner_column()


class NumberBlockRow(_Table, table=True):
    """Numbers leased to one device. Blocks of a series and year never overlap. `suspended_at`: of its revocation."""

    __tablename__ = "number_block"
    __table_args__ = (
        UniqueConstraint("series", "year", "first"),
        Index("ix_number_block_held", "device_id", postgresql_where=text("returned_at IS NULL")),
        Index("ix_number_block_leased", "device_id", "leased_at"),
    )
    block_id: UUID = Field(primary_key=True)
    series: str
    year: int
    first: int
    last: int
    stand_id: UUID
    device_id: UUID
    leased_at: datetime = time_column()
    returned_at: datetime | None = time_column(nullable=True)
    status_list_indexes: list[int] = column_of(ARRAY(BigInteger), default="{}")
    suspended_at: datetime | None = time_column(nullable=True)
    authority: str = owner_column()


class SpentNumberRow(_Table, table=True):
    """A number that was used, or voided with a reason; at most once."""

    __tablename__ = "spent_number"
    series: str = Field(primary_key=True)
    year: int = Field(primary_key=True)
    serial: int = Field(primary_key=True)
    block_id: UUID = Field(index=True)
    reason: str | None
    entry_id: UUID | None
    spent_at: datetime = time_column()
    authority: str = owner_column()


class PaymentRow(_Table, table=True):
    """A receipt and its amount, negative for a refund."""

    __tablename__ = "payment"
    receipt: str = Field(primary_key=True)
    case_id: UUID = Field(index=True)
    stand_id: UUID
    device_id: UUID
    till_id: UUID | None = Field(index=True)
    officer: str
    method: str
    cents: int
    noted_at: datetime = time_column()


class TillRow(_Table, table=True):
    """A device has at most one open till."""

    __tablename__ = "till"
    __table_args__ = (Index("ix_till_open", "device_id", unique=True, postgresql_where=text("closed_at IS NULL")),)
    till_id: UUID = Field(primary_key=True)
    stand_id: UUID = Field(index=True)
    device_id: UUID
    opened_by: str
    opened_at: datetime = time_column()
    float_cents: int
    closed_by: str | None
    closed_at: datetime | None = time_column(nullable=True)
    counted_cents: int | None
    note: str
    authority: str = owner_column()


class RefundRow(_Table, table=True):
    """`receipt`: of the payment to the citizen; until then the city owes the money."""

    __tablename__ = "refund"
    __table_args__ = (Index("ix_refund_owed", "stand_id", postgresql_where=text("receipt IS NULL")),)
    refund_id: UUID = Field(primary_key=True)
    case_id: UUID = Field(index=True)
    stand_id: UUID
    cents: int
    reason: str
    owed_at: datetime = time_column()
    receipt: str | None = Field(unique=True)


class AttachmentRow(_Table, table=True):
    """A photo or scan: what its device announced, and how many bytes arrived."""

    __tablename__ = "attachment"
    __table_args__ = (
        Index("ix_attachment_begun", "device_id", postgresql_where=text("completed_at IS NULL")),
        Index("ix_attachment_case_id", "case_id"),
    )
    attachment_id: UUID = Field(primary_key=True)
    case_id: UUID
    device_id: UUID
    kind: str
    length: int
    sha256: bytes
    begun_at: datetime = time_column()
    received: int
    completed_at: datetime | None = time_column(nullable=True)


class AttachmentPieceRow(_Table, table=True):
    """Encrypted under the key of the case, as the bytes from `start` of this attachment."""

    __tablename__ = "attachment_piece"
    attachment_id: UUID = Field(primary_key=True)
    start: int = Field(primary_key=True)
    sealed: bytes


class DocumentRow(_Table, table=True):
    """At most one document of a case is valid; revoked documents stay. `pdf`: its file, encrypted under the key of the
    case as the file of this document; `sha256`: of the file in clear.
    `second_copy`: a document printed at a stand that arrived after the office had issued its own for the case.
    """

    __tablename__ = "document"
    __table_args__ = (
        Index(
            "ix_document_valid", "case_id", unique=True, postgresql_where=text("revoked_at IS NULL AND NOT second_copy")
        ),
        Index("ix_document_revoked", "status_index", postgresql_where=text("revoked_at IS NOT NULL")),
    )
    document_id: UUID = Field(primary_key=True)
    case_id: UUID = Field(index=True)
    number: str = Field(unique=True)
    version: int
    ordered_at: datetime = time_column()
    issued_at: datetime | None = time_column(nullable=True)
    revoked_at: datetime | None = time_column(nullable=True)
    sha256: str | None
    pdf: bytes | None
    status_index: int = Field(sa_type=BigInteger, unique=True)
    second_copy: bool = column_of(Boolean, default="false")
    problem: str | None
    problem_owner: str | None
    authority: str = owner_column()


class IntakeStandRow(_Table, table=True):
    """A projection of the stands topic, so that opening a case never calls scheduling."""

    __tablename__ = "stand"
    stand_id: UUID = Field(primary_key=True)
    place: str
    starts_at: datetime = time_column()
    ends_at: datetime = time_column()
    cancelled: bool
    occasion: str | None
    target_group: str | None
    services: list[str] = text_array_column(default="{}")
    authority: str = owner_column()


class IntakeAppointmentRow(_Table, table=True):
    """A projection of the appointments topic, for the offline bundle of a stand. It holds no contact data."""

    __tablename__ = "appointment"
    __table_args__ = (Index("ix_appointment_stand_id", "stand_id", "starts_at"),)
    appointment_id: UUID = Field(primary_key=True)
    stand_id: UUID
    service: str
    starts_at: datetime = time_column()
    ends_at: datetime = time_column()
    language: str
    state: str

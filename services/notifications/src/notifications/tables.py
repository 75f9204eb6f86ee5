"""The tables of notifications. Personal data is encrypted; `address_hash` is the keyed hash of an address."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Column, DateTime, ForeignKey, MetaData, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

metadata = MetaData()


class NotificationTable(SQLModel, registry=registry(metadata=metadata)):
    pass


def _time(*, nullable: bool = False) -> Any:
    return Column(DateTime(timezone=True), nullable=nullable)


def _json(*, nullable: bool = False) -> Any:
    return Column(JSONB, nullable=nullable)


def _text_array() -> Any:
    return Column(ARRAY(String), nullable=False)


class NoticeRow(NotificationTable, table=True):
    """`address`, `variables`: encrypted; None after redaction."""

    __tablename__ = "notice"
    notice_id: UUID = Field(primary_key=True)
    version: int
    about_id: UUID
    kind: str
    channel: str
    language: str
    state: str
    reason: str
    created_at: datetime = Field(sa_column=_time())
    valid_until: datetime = Field(sa_column=_time())
    ended_at: datetime | None = Field(sa_column=_time(nullable=True))
    about: str
    occurrence: str
    template_version: int
    address_hash: bytes
    address: bytes | None
    variables: bytes | None
    provider: str
    provider_ref: str
    short_ref: int
    attempts: int
    outcome_unknown: bool
    superseded: bool
    tried_channels: list[str] = Field(sa_column=_text_array())
    changed_at: datetime = Field(sa_column=_time())


class CitizenCaseRow(NotificationTable, table=True):
    """A case or an appointment of a citizen, projected from topics."""

    __tablename__ = "citizen_case"
    about_id: UUID = Field(primary_key=True)
    about: str
    language: str
    contact: dict[str, Any] | None = Field(sa_column=_json(nullable=True))
    status: str
    stage: int
    reopen_count: int
    number: str
    code: str
    stand_id: UUID | None
    place: str
    starts_at: datetime | None = Field(sa_column=_time(nullable=True))
    ends_at: datetime | None = Field(sa_column=_time(nullable=True))
    changed_at: datetime | None = Field(sa_column=_time(nullable=True))
    closed_at: datetime | None = Field(sa_column=_time(nullable=True))


class DistrictRow(NotificationTable, table=True):
    __tablename__ = "district"
    name: str = Field(primary_key=True)
    seen_at: datetime = Field(sa_column=_time())


class ConsentRow(NotificationTable, table=True):
    """Consent to a wording. `source`: the case, or an id of the status page. `withdrawn_by`: citizen or sms."""

    __tablename__ = "consent"
    address_hash: bytes = Field(primary_key=True)
    channel: str
    purpose: str = Field(primary_key=True)
    source: UUID = Field(primary_key=True)
    wording: str
    given_at: datetime = Field(sa_column=_time())
    withdrawn_at: datetime | None = Field(sa_column=_time(nullable=True))
    withdrawn_by: str | None


class PreferenceRow(NotificationTable, table=True):
    __tablename__ = "preference"
    address_hash: bytes = Field(primary_key=True)
    channel: str | None
    language: str | None
    changed_at: datetime = Field(sa_column=_time())


class SubscriptionRow(NotificationTable, table=True):
    """The citizen wants notices of stands in this district."""

    __tablename__ = "subscription"
    address_hash: bytes = Field(primary_key=True)
    district: str = Field(primary_key=True)
    contact: dict[str, Any] = Field(sa_column=_json())
    about_id: UUID
    language: str
    since: datetime = Field(sa_column=_time())


class ProviderRow(NotificationTable, table=True):
    """Circuit breaker, rate limit and traffic weight, changed under the lock of the row."""

    __tablename__ = "provider"
    name: str = Field(primary_key=True)
    state: dict[str, Any] = Field(sa_column=_json())
    weight: dict[str, Any] = Field(sa_column=_json())
    changed_at: datetime = Field(sa_column=_time())


class ReceiptRow(NotificationTable, table=True):
    """As received, encrypted. `next_attempt_at`: None after it was applied, or after the wait for its message."""

    __tablename__ = "receipt"
    receipt_id: UUID = Field(primary_key=True)
    provider: str
    raw: bytes | None
    received_at: datetime = Field(sa_column=_time())
    state: str
    applied: int
    next_attempt_at: datetime | None = Field(sa_column=_time(nullable=True))


class TaskRow(NotificationTable, table=True):
    """For staff: no message reached this citizen."""

    __tablename__ = "task"
    task_id: UUID = Field(primary_key=True)
    notice_id: UUID
    about: str
    about_id: UUID
    kind: str
    reason: str
    raised_at: datetime = Field(sa_column=_time())
    done_at: datetime | None = Field(sa_column=_time(nullable=True))
    done_by: str | None


class LookupAttemptRow(NotificationTable, table=True):
    """Look-ups on the status page, by keyed hash of the client address or of the code."""

    __tablename__ = "lookup_attempt"
    attempt_id: UUID = Field(primary_key=True)
    key_hash: bytes
    attempted_at: datetime = Field(sa_column=_time())


class SubscriberRow(NotificationTable, table=True):
    """A partner's system. `secrets`: encrypted, the newest first."""

    __tablename__ = "subscriber"
    __table_args__ = (UniqueConstraint("name"),)
    subscriber_id: UUID = Field(primary_key=True)
    name: str
    url: str
    types: list[str] = Field(sa_column=_text_array())
    secrets: dict[str, Any] = Field(sa_column=_json())
    active: bool
    created_at: datetime = Field(sa_column=_time())
    changed_at: datetime = Field(sa_column=_time())


class WebhookDeliveryRow(NotificationTable, table=True):
    __tablename__ = "webhook_delivery"
    subscriber_id: UUID = Field(
        sa_column=Column(ForeignKey("subscriber.subscriber_id", ondelete="CASCADE"), primary_key=True)
    )
    event_id: UUID = Field(primary_key=True)
    type: str
    body: bytes | None
    state: str
    attempts: int
    status: int | None
    created_at: datetime = Field(sa_column=_time())
    ended_at: datetime | None = Field(sa_column=_time(nullable=True))

"""The tables of notifications. Personal data is encrypted; `address_hash` is the keyed hash of an address."""

from datetime import datetime
from uuid import UUID

from connector_kit.resilience.register_state import RegisterState
from sqlalchemy import Column, ForeignKey, Index, MetaData, UniqueConstraint, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel
from wanderamt.backbone.persistence.tables import id_column, model_column, text_array_column, time_column
from wanderamt.kernel.sealed import Sealed

from notifications.domain.citizen_case import OpenDueDate
from notifications.domain.traffic_weights import TrafficWeight

metadata = MetaData()


class NotificationTable(SQLModel, registry=registry(metadata=metadata)):
    pass


class NoticeRow(NotificationTable, table=True):
    """`address`, `variables`: encrypted; None after redaction."""

    __tablename__ = "notice"
    __table_args__ = (
        Index(
            "notice_once",
            "about_id",
            "kind",
            "address_hash",
            "occurrence",
            "template_version",
            "channel",
            unique=True,
        ),
        Index("notice_address_hash", "address_hash", "created_at"),
        Index("notice_provider_ref", "provider", "provider_ref", postgresql_where=text("provider_ref <> ''")),
        Index("notice_created", "created_at", postgresql_using="brin"),
    )
    id: UUID = id_column("notice_id")
    version: int
    about_id: UUID
    kind: str
    channel: str
    language: str
    state: str
    reason: str
    created_at: datetime = time_column()
    valid_until: datetime = time_column()
    ended_at: datetime | None = time_column(nullable=True)
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
    tried_channels: list[str] = text_array_column()
    contact_confirmed: bool
    changed_at: datetime = time_column()


class CitizenCaseRow(NotificationTable, table=True):
    """A case or an appointment of a citizen, projected from topics. The two may have the same id."""

    __tablename__ = "citizen_case"
    __table_args__ = (
        Index("citizen_case_code", "code"),
        Index("citizen_case_stand", "stand_id", postgresql_where=text("stand_id IS NOT NULL")),
    )
    id: UUID = id_column("about_id")
    about: str = Field(primary_key=True)
    language: str
    contact: Sealed | None = model_column(Sealed, nullable=True)
    contact_confirmed: bool
    status: str
    stage: int
    reopen_count: int
    number: str
    code: str
    stand_id: UUID | None
    place: str
    starts_at: datetime | None = time_column(nullable=True)
    ends_at: datetime | None = time_column(nullable=True)
    changed_at: datetime | None = time_column(nullable=True)
    closed_at: datetime | None = time_column(nullable=True)
    due_dates: list[OpenDueDate] = model_column(list[OpenDueDate], default="[]")


class DistrictRow(NotificationTable, table=True):
    __tablename__ = "district"
    name: str = Field(primary_key=True)
    seen_at: datetime = time_column()


class ConsentRow(NotificationTable, table=True):
    """Consent to a wording. `source`: the id of a case or appointment, or one of the status page, by `source_kind`.

    `withdrawn_by`: citizen or sms.
    """

    __tablename__ = "consent"
    __table_args__ = (Index("consent_source", "source"),)
    address_hash: bytes = Field(primary_key=True)
    channel: str
    purpose: str = Field(primary_key=True)
    source_kind: str = Field(primary_key=True)
    source: UUID = Field(primary_key=True)
    wording: str
    given_at: datetime = time_column()
    withdrawn_at: datetime | None = time_column(nullable=True)
    withdrawn_by: str | None


class PreferenceRow(NotificationTable, table=True):
    """For the messages about one case or appointment."""

    __tablename__ = "preference"
    about_id: UUID = Field(primary_key=True)
    about: str = Field(primary_key=True)
    channel: str | None
    language: str | None
    changed_at: datetime = time_column()


class SubscriptionRow(NotificationTable, table=True):
    """The citizen wants notices of stands in this district. `contact`: the one address that a code proved.

    `about`, `about_id`: the case or appointment on whose page the citizen subscribed.
    """

    __tablename__ = "subscription"
    __table_args__ = (
        Index("subscription_district", "district", "address_hash"),
        Index("subscription_address", "address_hash"),
    )
    about_id: UUID = Field(primary_key=True)
    about: str = Field(primary_key=True)
    address_hash: bytes = Field(primary_key=True)
    district: str = Field(primary_key=True)
    contact: Sealed = model_column(Sealed)
    language: str
    since: datetime = time_column()


class DistrictWishRow(NotificationTable, table=True):
    """Waits for the code that was sent to the address."""

    __tablename__ = "district_wish"
    about_id: UUID = Field(primary_key=True)
    about: str = Field(primary_key=True)
    address_hash: bytes
    channel: str
    districts: list[str] = text_array_column()
    language: str
    code_hash: bytes
    expires_at: datetime = time_column()
    tries_left: int


class ProviderRow(NotificationTable, table=True):
    """Circuit breaker, rate limit and traffic weight, changed under the lock of the row."""

    __tablename__ = "provider"
    name: str = Field(primary_key=True)
    state: RegisterState = model_column(RegisterState)
    weight: TrafficWeight = model_column(TrafficWeight)
    changed_at: datetime = time_column()


class ReceiptRow(NotificationTable, table=True):
    """As received, encrypted. `next_attempt_at`: None after it was applied, or after the wait for its message."""

    __tablename__ = "receipt"
    __table_args__ = (Index("receipt_due", "next_attempt_at", postgresql_where=text("next_attempt_at IS NOT NULL")),)
    receipt_id: UUID = Field(primary_key=True)
    provider: str
    raw: bytes | None
    received_at: datetime = time_column()
    state: str
    applied: int
    next_attempt_at: datetime | None = time_column(nullable=True)


class TaskRow(NotificationTable, table=True):
    """For staff: no message reached this citizen."""

    __tablename__ = "task"
    __table_args__ = (Index("task_open", "raised_at", postgresql_where=text("done_at IS NULL")),)
    task_id: UUID = Field(primary_key=True)
    notice_id: UUID
    about: str
    about_id: UUID
    kind: str
    reason: str
    raised_at: datetime = time_column()
    done_at: datetime | None = time_column(nullable=True)
    done_by: str | None


class SubscriberRow(NotificationTable, table=True):
    """A partner's system. `secrets`: encrypted, the newest first."""

    __tablename__ = "subscriber"
    __table_args__ = (UniqueConstraint("name"),)
    id: UUID = id_column("subscriber_id")
    name: str
    url: str
    types: list[str] = text_array_column()
    secrets: Sealed = model_column(Sealed)
    active: bool
    created_at: datetime = time_column()
    changed_at: datetime = time_column()


class WebhookDeliveryRow(NotificationTable, table=True):
    __tablename__ = "webhook_delivery"
    __table_args__ = (Index("webhook_delivery_created", "created_at", postgresql_using="brin"),)
    subscriber_id: UUID = Field(
        sa_column=Column(ForeignKey("subscriber.subscriber_id", ondelete="CASCADE"), primary_key=True)
    )
    event_id: UUID = Field(primary_key=True)
    type: str
    body: bytes | None
    state: str
    attempts: int
    status: int | None
    created_at: datetime = time_column()
    ended_at: datetime | None = time_column(nullable=True)

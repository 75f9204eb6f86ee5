"""The tables of notifications. Personal data stands here sealed only, addresses besides as keyed hashes (`person`)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Column, DateTime, ForeignKey, MetaData, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

metadata = MetaData()


class Table(SQLModel, registry=registry(metadata=metadata)):
    pass


def _time(*, nullable: bool = False) -> Any:
    return Column(DateTime(timezone=True), nullable=nullable)


def _json(*, nullable: bool = False) -> Any:
    return Column(JSONB, nullable=nullable)


def _words() -> Any:
    return Column(ARRAY(String), nullable=False)


class Notice(Table, table=True):
    """`address`, `facts`: None once they were redacted."""

    __tablename__ = "notice"
    notice_id: UUID = Field(primary_key=True)
    version: int
    about_id: UUID
    kind: str
    channel: str
    language: str
    state: str
    reason: str
    decided_at: datetime = Field(sa_column=_time())
    valid_until: datetime = Field(sa_column=_time())
    ended_at: datetime | None = Field(sa_column=_time(nullable=True))
    about: str
    occurrence: str
    template: int
    person: bytes
    address: bytes | None
    facts: bytes | None
    provider: str
    provider_ref: str
    short_ref: int
    tries: int
    maybe: bool
    superseded: bool
    tried: list[str] = Field(sa_column=_words())
    changed_at: datetime = Field(sa_column=_time())


class Subject(Table, table=True):
    """A case or an appointment, made from topics."""

    __tablename__ = "subject"
    subject_id: UUID = Field(primary_key=True)
    about: str
    language: str
    contact: dict[str, Any] | None = Field(sa_column=_json(nullable=True))
    standing: str
    stage: int
    round: int
    number: str
    code: str
    stand_id: UUID | None
    place: str
    starts_at: datetime | None = Field(sa_column=_time(nullable=True))
    ends_at: datetime | None = Field(sa_column=_time(nullable=True))
    changed_at: datetime | None = Field(sa_column=_time(nullable=True))
    closed_at: datetime | None = Field(sa_column=_time(nullable=True))


class District(Table, table=True):
    __tablename__ = "district"
    name: str = Field(primary_key=True)
    seen_at: datetime = Field(sa_column=_time())


class Consent(Table, table=True):
    """Who agreed to what wording, where (`source`: the case or page) and when; and who took it back."""

    __tablename__ = "consent"
    person: bytes = Field(primary_key=True)
    channel: str
    purpose: str = Field(primary_key=True)
    source: UUID = Field(primary_key=True)
    wording: str
    given_at: datetime = Field(sa_column=_time())
    withdrawn_at: datetime | None = Field(sa_column=_time(nullable=True))
    withdrawn_by: str | None


class Preference(Table, table=True):
    __tablename__ = "preference"
    person: bytes = Field(primary_key=True)
    channel: str | None
    language: str | None
    changed_at: datetime = Field(sa_column=_time())


class Subscription(Table, table=True):
    """Wants to hear of stands in a district."""

    __tablename__ = "subscription"
    person: bytes = Field(primary_key=True)
    district: str = Field(primary_key=True)
    contact: dict[str, Any] = Field(sa_column=_json())
    subject_id: UUID
    language: str
    since: datetime = Field(sa_column=_time())


class Provider(Table, table=True):
    """Breaker, pace and share of the traffic, changed under the row's lock."""

    __tablename__ = "provider"
    name: str = Field(primary_key=True)
    state: dict[str, Any] = Field(sa_column=_json())
    share: dict[str, Any] = Field(sa_column=_json())
    changed_at: datetime = Field(sa_column=_time())


class Receipt(Table, table=True):
    """As it came, sealed. `look_at`: when it is read (again); None: it was applied, or nobody will ever match it."""

    __tablename__ = "receipt"
    receipt_id: UUID = Field(primary_key=True)
    provider: str
    raw: bytes | None
    received_at: datetime = Field(sa_column=_time())
    state: str
    applied: int
    look_at: datetime | None = Field(sa_column=_time(nullable=True))


class Task(Table, table=True):
    """For staff: a citizen who does not know it."""

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


class DoorTry(Table, table=True):
    """Tries at the citizen's page, by keyed hash of where they came from or of the code."""

    __tablename__ = "door_try"
    try_id: UUID = Field(primary_key=True)
    door: bytes
    at: datetime = Field(sa_column=_time())


class Subscriber(Table, table=True):
    """A partner's system. `secrets`: sealed, the newest first."""

    __tablename__ = "subscriber"
    __table_args__ = (UniqueConstraint("name"),)
    subscriber_id: UUID = Field(primary_key=True)
    name: str
    url: str
    types: list[str] = Field(sa_column=_words())
    secrets: dict[str, Any] = Field(sa_column=_json())
    active: bool
    made_at: datetime = Field(sa_column=_time())
    changed_at: datetime = Field(sa_column=_time())


class Delivery(Table, table=True):
    __tablename__ = "delivery"
    subscriber_id: UUID = Field(
        sa_column=Column(ForeignKey("subscriber.subscriber_id", ondelete="CASCADE"), primary_key=True)
    )
    event_id: UUID = Field(primary_key=True)
    type: str
    body: bytes | None
    state: str
    tries: int
    status: int | None
    since: datetime = Field(sa_column=_time())
    ended_at: datetime | None = Field(sa_column=_time(nullable=True))

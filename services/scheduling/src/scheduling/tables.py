"""The tables of scheduling.

Overlap of pitch, crew, vehicle or kit is impossible by exclusion constraints. They compare a number with `=` only
under the btree_gist extension, which not every PostgreSQL has; a range of one number with `&&` needs none.
More in a slot than it takes is impossible by a check on its counter.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    MetaData,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSTZRANGE, ExcludeConstraint
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

metadata = MetaData()
RESOURCES = ("pitch", "crew", "vehicle", "kit")


class Table(SQLModel, registry=registry(metadata=metadata)):
    pass


def _time(*, nullable: bool = False) -> Any:
    return Field(sa_column=Column(DateTime(timezone=True), nullable=nullable))


def _json(*, nullable: bool = False) -> Any:
    return Field(sa_column=Column(JSONB, nullable=nullable))


def _never_twice(kind: str) -> ExcludeConstraint:
    alone: Any = (func.int8range(Column(f"{kind}_id"), Column(f"{kind}_id"), "[]"), "&&")
    return ExcludeConstraint(
        alone, ("busy", "&&"), name=f"{kind}_taken", using="gist", where=text("state NOT IN ('draft', 'cancelled')")
    )


class Resource(Table, table=True):
    __tablename__ = "resource"
    __table_args__ = (UniqueConstraint("kind", "name"),)
    resource_id: int | None = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    kind: str
    name: str
    facts: Any = _json()
    retired: bool


class Stand(Table, table=True):
    """`during`: as announced; `busy`: with set-up and tear-down."""

    __tablename__ = "stand"
    __table_args__ = tuple(_never_twice(kind) for kind in RESOURCES)
    stand_id: UUID = Field(primary_key=True)
    version: int
    state: str
    district: str
    during: Any = Field(sa_column=Column(TSTZRANGE, nullable=False))
    busy: Any = Field(sa_column=Column(TSTZRANGE, nullable=False))
    pitch_id: int = Field(sa_type=BigInteger)
    crew_id: int = Field(sa_type=BigInteger)
    vehicle_id: int = Field(sa_type=BigInteger)
    kit_id: int = Field(sa_type=BigInteger)
    services: list[str] = Field(sa_column=Column(ARRAY(String), nullable=False))
    occasion: str | None
    target_group: str | None
    setup_min: int
    teardown_min: int
    desks: int
    walk_in_share: float
    overbook: int
    latitude: float | None
    longitude: float | None
    series: str | None
    reason: str | None
    changed_at: datetime | None = _time(nullable=True)


class Slot(Table, table=True):
    """A counter for each slot of a stand: what is booked is locked here, also where nobody has booked yet."""

    __tablename__ = "slot"
    __table_args__ = (CheckConstraint("booked BETWEEN 0 AND capacity", name="never_overbooked"),)
    stand_id: UUID = Field(primary_key=True)
    starts_at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    capacity: int
    booked: int


class Appointment(Table, table=True):
    """`who`, `born`, `holder`: keyed hashes of the address, the date of birth and where a hold came from."""

    __tablename__ = "appointment"
    appointment_id: UUID = Field(primary_key=True)
    stand_id: UUID
    service: str
    starts_at: datetime = _time()
    ends_at: datetime = _time()
    state: str
    version: int
    hold_until: datetime | None = _time(nullable=True)
    language: str
    contact: Any = _json(nullable=True)
    who: bytes | None
    born: bytes | None
    holder: bytes | None
    arrived_at: datetime | None = _time(nullable=True)
    called_at: datetime | None = _time(nullable=True)
    desk: str | None
    moves: int
    code: str
    tries: int
    tried_at: datetime | None = _time(nullable=True)
    made_at: datetime = _time()


class Waiting(Table, table=True):
    """Who wants a place at a stand that is full. `ended`: booked, past or left."""

    __tablename__ = "waiting"
    waiting_id: UUID = Field(primary_key=True)
    stand_id: UUID
    service: str
    language: str
    contact: Any = _json()
    who: bytes
    born: bytes
    made_at: datetime = _time()
    ended: str | None


class Ticket(Table, table=True):
    """Walk-ins. `label` as it is printed and called, given out by devices also without a network."""

    __tablename__ = "ticket"
    __table_args__ = (UniqueConstraint("stand_id", "label"),)
    ticket_id: UUID = Field(primary_key=True)
    stand_id: UUID
    label: str
    service: str
    issued_at: datetime = _time()
    state: str
    called_at: datetime | None = _time(nullable=True)
    desk: str | None
    ended_at: datetime | None = _time(nullable=True)


class Visit(Table, table=True):
    """Demand as it was served, from the cases' topic alone: 'wanderamt rebuild scheduling' makes it again."""

    __tablename__ = "visit"
    case_id: UUID = Field(primary_key=True)
    stand_id: UUID = Field(index=True)
    service: str
    outcome: str
    opened_at: datetime | None = _time(nullable=True)
    ended_at: datetime | None = _time(nullable=True)


class Wish(Table, table=True):
    """Demand that nobody served: searched and not found, asked for at a stand, obligations that fall due."""

    __tablename__ = "wish"
    day: date = Field(primary_key=True)
    district: str = Field(primary_key=True)
    service: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    times: float


class PlanRow(Table, table=True):
    """`asked`: what the planner wants; `problem`, `answer`: what was solved, kept for comparing and for the record."""

    __tablename__ = "plan"
    plan_id: UUID = Field(primary_key=True)
    state: str
    asked: Any = _json()
    problem: Any = _json(nullable=True)
    answer: Any = _json(nullable=True)
    share: float
    worth: float
    bound: float | None
    reason: str | None
    asked_at: datetime = _time()
    ended_at: datetime | None = _time(nullable=True)

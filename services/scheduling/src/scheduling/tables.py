"""The tables of scheduling.

Exclusion constraints make overlaps of pitch, crew, vehicle or kit impossible. They would need the extension btree_gist
to compare a number with `=`; comparing a range of one number with `&&` needs no extension.
A check constraint on its counter makes an overbooked slot impossible.
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


class SchedulingTable(SQLModel, registry=registry(metadata=metadata)):
    pass


def _time(*, nullable: bool = False) -> Any:
    return Field(sa_column=Column(DateTime(timezone=True), nullable=nullable))


def _json(*, nullable: bool = False) -> Any:
    return Field(sa_column=Column(JSONB, nullable=nullable))


def _no_overlap(kind: str) -> ExcludeConstraint:
    same_resource: Any = (func.int8range(Column(f"{kind}_id"), Column(f"{kind}_id"), "[]"), "&&")
    return ExcludeConstraint(
        same_resource,
        ("busy", "&&"),
        name=f"{kind}_taken",
        using="gist",
        where=text("state NOT IN ('draft', 'cancelled')"),
    )


class ResourceRow(SchedulingTable, table=True):
    __tablename__ = "resource"
    __table_args__ = (UniqueConstraint("kind", "name"),)
    resource_id: int | None = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    kind: str
    name: str
    facts: Any = _json()
    retired: bool


class StandRow(SchedulingTable, table=True):
    """`during`: the announced window; `busy`: set-up and tear-down included."""

    __tablename__ = "stand"
    __table_args__ = tuple(_no_overlap(kind) for kind in RESOURCES)
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


class SlotRow(SchedulingTable, table=True):
    """A counter for each slot of a stand. Bookings lock this row, which also exists before the first booking."""

    __tablename__ = "slot"
    __table_args__ = (CheckConstraint("booked BETWEEN 0 AND capacity", name="never_overbooked"),)
    stand_id: UUID = Field(primary_key=True)
    starts_at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    capacity: int
    booked: int


class AppointmentRow(SchedulingTable, table=True):
    """`address_hash`, `birth_date_hash`, `holder`: keyed hashes, the last of the network address that held the time."""

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
    address_hash: bytes | None
    birth_date_hash: bytes | None
    holder: bytes | None
    arrived_at: datetime | None = _time(nullable=True)
    called_at: datetime | None = _time(nullable=True)
    desk: str | None
    moves: int
    code: str
    tries: int
    tried_at: datetime | None = _time(nullable=True)
    made_at: datetime = _time()


class WaitingRow(SchedulingTable, table=True):
    """An entry of the waiting list of a fully booked stand. `ended`: booked or past."""

    __tablename__ = "waiting"
    waiting_id: UUID = Field(primary_key=True)
    stand_id: UUID
    service: str
    language: str
    contact: Any = _json()
    address_hash: bytes
    birth_date_hash: bytes
    made_at: datetime = _time()
    ended: str | None


class TicketRow(SchedulingTable, table=True):
    """Tickets of walk-ins. `label`: as printed and called; devices issue tickets also offline."""

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


class VisitRow(SchedulingTable, table=True):
    """A projection of the cases' topic: the demand that was served. `wanderamt rebuild scheduling` rebuilds it."""

    __tablename__ = "visit"
    case_id: UUID = Field(primary_key=True)
    stand_id: UUID = Field(index=True)
    service: str
    outcome: str
    opened_at: datetime | None = _time(nullable=True)
    ended_at: datetime | None = _time(nullable=True)


class WishRow(SchedulingTable, table=True):
    """Unmet demand: searched and not found, asked for at a stand, or obligations that fall due."""

    __tablename__ = "wish"
    day: date = Field(primary_key=True)
    district: str = Field(primary_key=True)
    service: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    times: float


class PlanRow(SchedulingTable, table=True):
    """`solver_input`, `solver_result`: stored for comparisons and for the record."""

    __tablename__ = "plan"
    plan_id: UUID = Field(primary_key=True)
    state: str
    request: Any = _json()
    solver_input: Any = _json(nullable=True)
    solver_result: Any = _json(nullable=True)
    progress: float
    objective: float
    bound: float | None
    reason: str | None
    requested_at: datetime = _time()
    ended_at: datetime | None = _time(nullable=True)

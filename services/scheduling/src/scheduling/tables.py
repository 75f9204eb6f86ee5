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
    Boolean,
    CheckConstraint,
    Column,
    Float,
    Identity,
    Index,
    Integer,
    MetaData,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel
from wanderamt.backbone.persistence.tables import (
    column_of,
    id_column,
    json_column,
    model_column,
    owner_column,
    text_array_column,
    time_column,
)
from wanderamt.kernel.sealed import Sealed

from scheduling.domain.plan_job import PlanRequest, SolverInput, SolverResult

metadata = MetaData()
RESOURCES = ("pitch", "crew", "vehicle", "kit")


class SchedulingTable(SQLModel, registry=registry(metadata=metadata)):
    pass


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
    resource_id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    kind: str
    name: str
    facts: Any = json_column(default="{}")
    retired: bool = column_of(Boolean, default="false")


class StandRow(SchedulingTable, table=True):
    """`during`: the announced window; `busy`: set-up and tear-down included."""

    __tablename__ = "stand"
    __table_args__ = (
        *(_no_overlap(kind) for kind in RESOURCES),
        Index("ix_stand_begins", text("lower(during)")),
    )
    id: UUID = id_column("stand_id")
    version: int
    state: str
    district: str
    during: Range[datetime] = column_of(TSTZRANGE)
    busy: Range[datetime] = column_of(TSTZRANGE)
    pitch_id: int = Field(sa_type=BigInteger)
    crew_id: int = Field(sa_type=BigInteger)
    vehicle_id: int = Field(sa_type=BigInteger)
    kit_id: int = Field(sa_type=BigInteger)
    services: list[str] = text_array_column()
    occasion: str | None
    target_group: str | None
    setup_min: int = column_of(Integer, default="0")
    teardown_min: int = column_of(Integer, default="0")
    desks: int = column_of(Integer, default="1")
    walk_in_share: float = column_of(Float, default=text("0.3"))
    overbook: int = column_of(Integer, default="0")
    latitude: float | None
    longitude: float | None
    series: str | None
    reason: str | None
    changed_at: datetime | None = time_column(nullable=True)
    authority: str = owner_column()


class SlotRow(SchedulingTable, table=True):
    """A counter for each slot of a stand. Bookings lock this row, which also exists before the first booking."""

    __tablename__ = "slot"
    __table_args__ = (CheckConstraint("booked BETWEEN 0 AND capacity", name="never_overbooked"),)
    stand_id: UUID = Field(primary_key=True, foreign_key="stand.stand_id")
    starts_at: datetime = time_column(primary_key=True)
    capacity: int
    booked: int = column_of(Integer, default="0")


class AppointmentRow(SchedulingTable, table=True):
    """`address_hash`, `birth_date_hash`, `holder`: keyed hashes, the last of the network address that held the time."""

    __tablename__ = "appointment"
    __table_args__ = (
        Index("ix_appointment_stand_id", "stand_id", "starts_at"),
        Index(
            "ix_appointment_address_hash",
            "address_hash",
            postgresql_where=text("state IN ('held', 'booked', 'needs_rebooking')"),
        ),
        Index(
            "ix_appointment_holder", "holder", postgresql_where=text("state IN ('held', 'booked', 'needs_rebooking')")
        ),
        Index("ix_appointment_hold_until", "hold_until", postgresql_where=text("state = 'held'")),
    )
    id: UUID = id_column("appointment_id")
    stand_id: UUID
    service: str
    starts_at: datetime = time_column()
    ends_at: datetime = time_column()
    state: str
    version: int
    hold_until: datetime | None = time_column(nullable=True)
    language: str
    contact: Sealed | None = model_column(Sealed, nullable=True)
    address_hash: bytes | None
    birth_date_hash: bytes | None
    holder: bytes | None
    arrived_at: datetime | None = time_column(nullable=True)
    called_at: datetime | None = time_column(nullable=True)
    desk: str | None
    moves: int = column_of(Integer, default="0")
    confirmed_by_code: bool = column_of(Boolean, default="false")
    code: str = Field(index=True)
    made_at: datetime = time_column()


class ContactCodeRow(SchedulingTable, table=True):
    """The code that confirms a contact. `recipient`: keyed hash of the contact and of the network that asked for it;
    `code_hash`: of the recipient and the code."""

    __tablename__ = "contact_code"
    recipient: bytes = Field(primary_key=True)
    code_hash: bytes
    expires_at: datetime = time_column()
    tries_left: int


class WaitingRow(SchedulingTable, table=True):
    """An entry of the waiting list of a fully booked stand. `ended`: booked, past, or other: the contact has another
    appointment. `holder`: keyed hash of the network address that joined; `retry_at`: passed over until then."""

    __tablename__ = "waiting"
    __table_args__ = (Index("ix_waiting_stand_id", "stand_id", "made_at", postgresql_where=text("ended IS NULL")),)
    waiting_id: UUID = Field(primary_key=True)
    stand_id: UUID
    service: str
    language: str
    contact: Any = model_column(Any)  # Sealed, or {} once it is deleted
    address_hash: bytes
    birth_date_hash: bytes
    made_at: datetime = time_column()
    ended: str | None
    holder: bytes | None
    retry_at: datetime | None = time_column(nullable=True)


class TicketRow(SchedulingTable, table=True):
    """Tickets of walk-ins. `label`: as printed and called; devices issue tickets also offline."""

    __tablename__ = "ticket"
    __table_args__ = (UniqueConstraint("stand_id", "label"),)
    ticket_id: UUID = Field(primary_key=True)
    stand_id: UUID
    label: str
    service: str
    issued_at: datetime = time_column()
    state: str
    called_at: datetime | None = time_column(nullable=True)
    desk: str | None
    ended_at: datetime | None = time_column(nullable=True)


class VisitRow(SchedulingTable, table=True):
    """A projection of the cases' topic: the demand that was served. `wanderamt rebuild scheduling` rebuilds it."""

    __tablename__ = "visit"
    case_id: UUID = Field(primary_key=True)
    stand_id: UUID = Field(index=True)
    service: str
    outcome: str
    opened_at: datetime | None = time_column(nullable=True)
    ended_at: datetime | None = time_column(nullable=True)


class WishRow(SchedulingTable, table=True):
    """Unmet demand: searched and not found, asked for at a stand, or obligations that fall due."""

    __tablename__ = "wish"
    day: date = Field(primary_key=True)
    district: str = Field(primary_key=True)
    service: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    times: float


class PlanRow(SchedulingTable, table=True):
    """`solver_input`, `result`: stored for comparisons and for the record."""

    __tablename__ = "plan"
    id: UUID = id_column("plan_id")
    state: str
    request: PlanRequest = model_column(PlanRequest)
    solver_input: SolverInput | None = model_column(SolverInput, nullable=True)
    result: SolverResult | None = model_column(SolverResult, nullable=True, name="solver_result")
    progress: float = column_of(Float, default=text("0"))
    objective: float = column_of(Float, default=text("0"))
    bound: float | None
    reason: str | None
    requested_at: datetime = time_column()
    ended_at: datetime | None = time_column(nullable=True)

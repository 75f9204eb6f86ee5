"""The tables of scheduling.

Overlap of pitch, crew, vehicle or kit is impossible by exclusion constraints. They compare a number with `=` only
under the btree_gist extension, which not every PostgreSQL has; a range of one number with `&&` needs none.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Identity, MetaData, String, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY, TSTZRANGE, ExcludeConstraint
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

metadata = MetaData()
RESOURCES = ("pitch", "crew", "vehicle", "kit")


class Table(SQLModel, registry=registry(metadata=metadata)):
    pass


def _never_twice(kind: str) -> ExcludeConstraint:
    alone: Any = (func.int8range(Column(f"{kind}_id"), Column(f"{kind}_id"), "[]"), "&&")
    return ExcludeConstraint(
        alone, ("during", "&&"), name=f"{kind}_taken", using="gist", where=text("state <> 'cancelled'")
    )


class Resource(Table, table=True):
    __tablename__ = "resource"
    __table_args__ = (UniqueConstraint("kind", "name"),)
    resource_id: int | None = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    kind: str
    name: str


class Stand(Table, table=True):
    __tablename__ = "stand"
    __table_args__ = tuple(_never_twice(kind) for kind in RESOURCES)
    stand_id: UUID = Field(primary_key=True)
    version: int
    state: str
    district: str
    during: Any = Field(sa_column=Column(TSTZRANGE, nullable=False))
    pitch_id: int = Field(sa_type=BigInteger)
    crew_id: int = Field(sa_type=BigInteger)
    vehicle_id: int = Field(sa_type=BigInteger)
    kit_id: int = Field(sa_type=BigInteger)
    services: list[str] = Field(sa_column=Column(ARRAY(String), nullable=False))
    occasion: str | None
    target_group: str | None


class Visit(Table, table=True):
    """Demand as it was served, from the cases' topic alone: 'wanderamt rebuild scheduling' makes it again."""

    __tablename__ = "visit"
    case_id: UUID = Field(primary_key=True)
    stand_id: UUID = Field(index=True)
    service: str
    outcome: str
    opened_at: datetime | None = Field(sa_column=Column(DateTime(timezone=True)))
    ended_at: datetime | None = Field(sa_column=Column(DateTime(timezone=True)))

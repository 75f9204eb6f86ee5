"""The JSON of stands: planners, crews and the public see the same fields."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from wanderamt.kernel.bounded import BoundedTime
from wanderamt.kernel.line_text import AS_STORED, LineText

from scheduling.domain.plan_job import ServiceName
from scheduling.domain.stand import Stand, StandDetails


class StandDetailsIn(BaseModel):
    """Set-up and tear-down count as busy time of pitch, crew, vehicle and kit."""

    model_config = ConfigDict(extra="forbid")

    place: LineText = Field(min_length=1, max_length=200, examples=["Südbahnhofmarkt"])
    district: LineText = Field(min_length=1, max_length=100, examples=["Innere Stadt"])
    starts_at: BoundedTime
    ends_at: BoundedTime
    crew: LineText = Field(min_length=1, max_length=100, examples=["Team A"])
    vehicle: LineText = Field(min_length=1, max_length=100, examples=["Bus 1"])
    kit: LineText = Field(min_length=1, max_length=100, examples=["Koffer 2"])
    services: tuple[ServiceName, ...] = Field(min_length=1, max_length=100)
    occasion: LineText | None = Field(None, min_length=1, max_length=100, examples=["Wochenmarkt"])
    target_group: LineText | None = Field(None, min_length=1, max_length=100, examples=["Studierende"])
    setup_min: int = Field(0, ge=0, le=480, description="minutes before the announced start", examples=[45])
    teardown_min: int = Field(0, ge=0, le=480, description="minutes after the announced end", examples=[30])
    desks: int = Field(1, ge=1, le=20)
    walk_in_share: float = Field(0.3, ge=0, le=1, description="of the desks' time, for people without an appointment")
    overbook: int = Field(0, ge=0, le=10, description="appointments a slot takes beyond its capacity")
    latitude: float | None = Field(None, ge=-90, le=90, examples=[48.2999])
    longitude: float | None = Field(None, ge=-180, le=180, examples=[14.2972])

    def details(self) -> StandDetails:
        return StandDetails(**{name: getattr(self, name) for name in StandDetailsIn.model_fields})


class ScheduleStandIn(StandDetailsIn):
    stand_id: UUID = Field(description="made by the caller (UUIDv7), so that a repeated request makes one stand")
    state: Literal["draft", "planned", "confirmed"] = Field(
        "confirmed",
        description="a draft reserves nothing; a planned stand has its resources; a confirmed one is public",
    )


class ScheduledStandOut(StandDetailsIn):
    stand_id: UUID
    state: str
    version: int
    series: str | None = None
    reason: str | None = None
    changed_at: datetime | None = None


def stand_out(stand: Stand) -> ScheduledStandOut:
    fields = {
        "stand_id": stand.id,
        "state": stand.state,
        "version": stand.version,
        "series": stand.series,
        "reason": stand.reason,
        "changed_at": stand.changed_at,
    }
    return ScheduledStandOut.model_validate(fields | details_fields(stand.details), context=AS_STORED)


def details_fields(details: StandDetails) -> dict[str, Any]:
    return {name: getattr(details, name) for name in StandDetailsIn.model_fields}

"""The resources of a stand, and whether they fit together: a pitch, a crew with skills and shifts, a vehicle, a kit.

Invariants: an unknown fact forbids nothing: a crew without listed members has every skill. Days and times of the rules
are local times of the city.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from math import asin, cos, radians, sin, sqrt
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from wanderamt.kernel.bounded import MAX_INT, BoundedDay
from wanderamt.kernel.line_text import LineText

from scheduling.domain.stand import StandDetails

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
EARTH_M = 6_371_000.0

Weekday = Annotated[int, Field(ge=0, le=6)]
Names = Annotated[tuple[Annotated[LineText, Field(max_length=100)], ...], Field(max_length=100)]
Days = Annotated[tuple[BoundedDay, ...], Field(max_length=1000)]
LocalTime = Annotated[
    time,
    AfterValidator(lambda value: value.replace(tzinfo=None)),
    WithJsonSchema({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$", "examples": ["08:00"]}),
]
"""A local time of the city, without a zone of its own."""


class ResourceKind(StrEnum):
    PITCH = "pitch"
    CREW = "crew"
    VEHICLE = "vehicle"
    KIT = "kit"


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OpeningHours(_Facts):
    """Open on these weekdays (0 is Monday) from `opens` until `closes`."""

    weekdays: tuple[Weekday, ...] = Field(EVERY_DAY, max_length=7)
    opens: LocalTime
    closes: LocalTime


class Pitch(_Facts):
    """A place for a stand. `hours`: when a stand may be there; empty: always. `people`: living or working nearby."""

    district: LineText = Field("", max_length=100)
    latitude: float | None = Field(None, ge=-90, le=90)
    longitude: float | None = Field(None, ge=-180, le=180)
    address: LineText = Field("", max_length=200)
    access: LineText = Field("", max_length=200, examples=["step-free"])
    power: LineText = Field("", max_length=100, examples=["230 V, 16 A"])
    connectivity: LineText = Field("", max_length=100, examples=["5G, weak"])
    groups: Names = ()
    hours: tuple[OpeningHours, ...] = Field((), max_length=100)
    people: int = Field(0, ge=0, le=MAX_INT)
    desks: int = Field(2, ge=1, le=20)


class CrewMember(_Facts):
    """A post in a crew. `role`: such as 'driver 1', never a person's name."""

    role: LineText = Field(min_length=1, max_length=60)
    skills: Names = ()
    weekdays: tuple[Weekday, ...] = Field(EVERY_DAY, max_length=7)
    days_off: Days = ()


class Crew(_Facts):
    """`earliest`, `latest`: limits of a working day, set-up and tear-down included; a crew with a `latest` time does
    not work past midnight. `rest_h`: hours between two days.
    """

    members: tuple[CrewMember, ...] = Field((), max_length=100)
    earliest: LocalTime | None = None
    latest: LocalTime | None = None
    longest_h: float = Field(16, gt=0, le=16)
    days_a_week: int = Field(7, ge=1, le=7)
    rest_h: float = Field(0, ge=0, le=24)


class Vehicle(_Facts):
    needs: Names = Field((), examples=[["driver"]], description="skills that the crew must have")
    days_off: Days = ()


class Kit(_Facts):
    """`serves`: services that use this kit; `needs`: skills that the crew must have."""

    serves: Names = ()
    needs: Names = ()
    days_off: Days = ()


ResourceFacts = Pitch | Crew | Vehicle | Kit
FACTS_BY_KIND: dict[ResourceKind, type[Pitch] | type[Crew] | type[Vehicle] | type[Kit]] = {
    ResourceKind.PITCH: Pitch,
    ResourceKind.CREW: Crew,
    ResourceKind.VEHICLE: Vehicle,
    ResourceKind.KIT: Kit,
}


class CityBounds(_Facts):
    """The rectangle in which stands may be; the default is the whole world."""

    south: float = -90.0
    north: float = 90.0
    west: float = -180.0
    east: float = 180.0

    def contains(self, latitude: float, longitude: float) -> bool:
        return self.south <= latitude <= self.north and self.west <= longitude <= self.east


def resource_conflicts(
    details: StandDetails,
    *,
    pitch: Pitch,
    crew: Crew,
    vehicle: Vehicle,
    kit: Kit,
    zone: ZoneInfo,
    bounds: CityBounds,
) -> list[str]:
    """A sentence with resource and day for each rule that the stand breaks; empty if the stand is possible."""
    begin, end = details.busy_from.astimezone(zone), details.busy_until.astimezone(zone)
    day, weekday = begin.date(), WEEKDAYS[begin.weekday()]
    conflicts = [*_pitch_conflicts(details, pitch, zone, bounds), *_shift_conflicts(details.crew, crew, begin, end)]
    on_duty = [member for member in crew.members if _on_duty(member, day)]
    for skill in (*vehicle.needs, *kit.needs):
        if crew.members and not any(skill in member.skills for member in on_duty):
            conflicts.append(f"{details.crew} has no {skill} on {weekday}, {day:%d.%m.%Y}")
    if crew.members and not on_duty:
        conflicts.append(f"nobody of {details.crew} works on {weekday}, {day:%d.%m.%Y}")
    for name, days_off in ((details.vehicle, vehicle.days_off), (details.kit, kit.days_off)):
        if day in days_off:
            conflicts.append(f"{name} is not available on {weekday}, {day:%d.%m.%Y}")
    return conflicts


def _pitch_conflicts(details: StandDetails, pitch: Pitch, zone: ZoneInfo, bounds: CityBounds) -> list[str]:
    conflicts = []
    latitude, longitude = details.latitude or pitch.latitude, details.longitude or pitch.longitude
    if latitude is not None and longitude is not None and not bounds.contains(latitude, longitude):
        conflicts.append(f"{details.place} lies outside of the city ({latitude:.4f}, {longitude:.4f})")
    begin, end = details.starts_at.astimezone(zone), details.ends_at.astimezone(zone)
    fits = any(
        begin.weekday() in hours.weekdays
        and hours.opens <= begin.time()
        and (end.time() <= hours.closes and end.date() == begin.date())
        for hours in pitch.hours
    )
    if pitch.hours and not fits:
        weekday = WEEKDAYS[begin.weekday()]
        conflicts.append(f"{details.place} is not open on {weekday} from {begin:%H:%M} until {end:%H:%M}")
    return conflicts


def _shift_conflicts(name: str, crew: Crew, begin: datetime, end: datetime) -> list[str]:
    conflicts = []
    if crew.earliest and begin.time() < crew.earliest:
        conflicts.append(f"{name} does not work before {crew.earliest:%H:%M}, and set-up begins at {begin:%H:%M}")
    if crew.latest and (end.date() > begin.date() or end.time() > crew.latest):
        conflicts.append(f"{name} does not work after {crew.latest:%H:%M}, and tear-down ends at {end:%H:%M}")
    if (end - begin) > timedelta(hours=crew.longest_h):
        conflicts.append(f"{name} works at most {crew.longest_h:g} hours per day")
    return conflicts


def rest_conflicts(
    name: str, crew: Crew, begin: datetime, end: datetime, others: Iterable[tuple[datetime, datetime]], zone: ZoneInfo
) -> list[str]:
    """Rules between a stand of a crew and its other stands: rest between days, days per week, hours per day.

    `others`: begin and end of the crew's other stands.
    """
    conflicts, day = [], begin.astimezone(zone).date()
    week = day - timedelta(days=day.weekday())
    days, hours = {day}, end - begin
    for from_, until in others:
        other_day = from_.astimezone(zone).date()
        if week <= other_day < week + timedelta(days=7):
            days.add(other_day)
        if other_day == day:
            hours += until - from_
            continue
        gap = begin - until if until <= begin else from_ - end
        if timedelta(0) <= gap < timedelta(hours=crew.rest_h):
            first, second = min(other_day, day), max(other_day, day)
            conflicts.append(f"{name} needs {crew.rest_h:g} hours of rest between {first} and {second}")
    if len(days) > crew.days_a_week:
        conflicts.append(f"{name} works {crew.days_a_week} days per week, and {day} would be one more")
    if hours > timedelta(hours=crew.longest_h):
        conflicts.append(f"{name} works at most {crew.longest_h:g} hours per day, and has other stands on {day}")
    return conflicts


def has_skills(crew: Crew, skills: Sequence[str], day: date) -> bool:
    """Whether the members on duty that day have these skills together. Nobody on duty: False."""
    if not crew.members:
        return True
    on_duty = [member for member in crew.members if _on_duty(member, day)]
    return bool(on_duty) and all(any(skill in member.skills for member in on_duty) for skill in skills)


def distance_m(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Great-circle distance in metres between two (latitude, longitude), by the haversine formula."""
    south, north = radians(a[0]), radians(b[0])
    half = sin((north - south) / 2) ** 2 + cos(south) * cos(north) * sin(radians(b[1] - a[1]) / 2) ** 2
    return 2 * EARTH_M * asin(sqrt(half))


def _on_duty(member: CrewMember, day: date) -> bool:
    return day.weekday() in member.weekdays and day not in member.days_off

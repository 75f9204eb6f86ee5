"""What a stand needs: a pitch, a crew with skills and shift rules, a vehicle, a kit; and whether they fit together.

Kept true: what is unknown about a resource forbids nothing: a crew without members listed has every skill. Days and
times of rules are those of the clock on the wall, in the zone of the city.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from math import asin, cos, radians, sin, sqrt
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from scheduling.domain.stand import Plan

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
EARTH_M = 6_371_000.0

Weekday = Annotated[int, Field(ge=0, le=6)]
OnTheWall = Annotated[
    time,
    AfterValidator(lambda one: one.replace(tzinfo=None)),
    WithJsonSchema({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$", "examples": ["08:00"]}),
]
"""A time of the clock on the wall: it has no zone of its own."""


class Kind(StrEnum):
    PITCH = "pitch"
    CREW = "crew"
    VEHICLE = "vehicle"
    KIT = "kit"


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Hours(_Facts):
    """On these weekdays (0 is Monday) from `opens` until `closes`."""

    weekdays: tuple[Weekday, ...] = EVERY_DAY
    opens: OnTheWall
    closes: OnTheWall


class Pitch(_Facts):
    """A place. `hours`: when a stand may be there; none: always. `people`: how many live or work around it."""

    district: str = Field("", max_length=100)
    latitude: float | None = Field(None, ge=-90, le=90)
    longitude: float | None = Field(None, ge=-180, le=180)
    address: str = Field("", max_length=200)
    access: str = Field("", max_length=200, examples=["step-free"])
    power: str = Field("", max_length=100, examples=["230 V, 16 A"])
    connectivity: str = Field("", max_length=100, examples=["5G, weak"])
    groups: tuple[str, ...] = ()
    hours: tuple[Hours, ...] = ()
    people: int = Field(0, ge=0)
    desks: int = Field(2, ge=1, le=20)


class Member(_Facts):
    """Of a crew. `role`: a post such as 'driver 1', never a name."""

    role: str = Field(min_length=1, max_length=60)
    skills: tuple[str, ...] = ()
    weekdays: tuple[Weekday, ...] = EVERY_DAY
    days_off: tuple[date, ...] = ()


class Crew(_Facts):
    """`earliest`, `latest`: of a working day, set-up and tear-down included; who has a `latest` does not work past
    midnight. `rest_h`: between two days.
    """

    members: tuple[Member, ...] = ()
    earliest: OnTheWall | None = None
    latest: OnTheWall | None = None
    longest_h: float = Field(16, gt=0, le=16)
    days_a_week: int = Field(7, ge=1, le=7)
    rest_h: float = Field(0, ge=0, le=24)


class Vehicle(_Facts):
    needs: tuple[str, ...] = Field((), examples=[["driver"]], description="skills that the crew must have")
    days_off: tuple[date, ...] = ()


class Kit(_Facts):
    """`serves`: services that take this kit; `needs`: skills that the crew must have."""

    serves: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    days_off: tuple[date, ...] = ()


Facts = Pitch | Crew | Vehicle | Kit
SHAPES: dict[Kind, type[Pitch] | type[Crew] | type[Vehicle] | type[Kit]] = {
    Kind.PITCH: Pitch,
    Kind.CREW: Crew,
    Kind.VEHICLE: Vehicle,
    Kind.KIT: Kit,
}


class City(_Facts):
    """The rectangle in which stands may be; none given: everywhere."""

    south: float = -90.0
    north: float = 90.0
    west: float = -180.0
    east: float = 180.0

    def holds(self, latitude: float, longitude: float) -> bool:
        return self.south <= latitude <= self.north and self.west <= longitude <= self.east


def unfits(
    plan: Plan, *, pitch: Pitch, crew: Crew, vehicle: Vehicle, kit: Kit, zone: ZoneInfo, city: City
) -> list[str]:
    """Why these cannot make this stand, each reason with its name and day; empty: they can."""
    begin, end = plan.busy_from.astimezone(zone), plan.busy_until.astimezone(zone)
    day, weekday = begin.date(), WEEKDAYS[begin.weekday()]
    told = [*_pitch(plan, pitch, zone, city), *_hours(plan.crew, crew, begin, end)]
    for skill in (*vehicle.needs, *kit.needs):
        if crew.members and not any(skill in one.skills and _on_duty(one, day) for one in crew.members):
            told.append(f"{plan.crew} has no {skill} on {weekday}, {day:%d.%m.%Y}")
    if crew.members and not any(_on_duty(one, day) for one in crew.members):
        told.append(f"nobody of {plan.crew} works on {weekday}, {day:%d.%m.%Y}")
    for name, days_off in ((plan.vehicle, vehicle.days_off), (plan.kit, kit.days_off)):
        if day in days_off:
            told.append(f"{name} is not to be had on {weekday}, {day:%d.%m.%Y}")
    return told


def _pitch(plan: Plan, pitch: Pitch, zone: ZoneInfo, city: City) -> list[str]:
    told = []
    latitude, longitude = plan.latitude or pitch.latitude, plan.longitude or pitch.longitude
    if latitude is not None and longitude is not None and not city.holds(latitude, longitude):
        told.append(f"{plan.place} lies outside of the city ({latitude:.4f}, {longitude:.4f})")
    begin, end = plan.starts_at.astimezone(zone), plan.ends_at.astimezone(zone)
    fits = any(
        begin.weekday() in hours.weekdays
        and hours.opens <= begin.time()
        and (end.time() <= hours.closes and end.date() == begin.date())
        for hours in pitch.hours
    )
    if pitch.hours and not fits:
        told.append(f"{plan.place} is not open on {WEEKDAYS[begin.weekday()]} from {begin:%H:%M} until {end:%H:%M}")
    return told


def _hours(name: str, crew: Crew, begin: datetime, end: datetime) -> list[str]:
    told = []
    if crew.earliest and begin.time() < crew.earliest:
        told.append(f"{name} does not work before {crew.earliest:%H:%M}, and set-up begins at {begin:%H:%M}")
    if crew.latest and (end.date() > begin.date() or end.time() > crew.latest):
        told.append(f"{name} does not work after {crew.latest:%H:%M}, and tear-down ends at {end:%H:%M}")
    if (end - begin) > timedelta(hours=crew.longest_h):
        told.append(f"{name} works at most {crew.longest_h:g} hours a day")
    return told


def tired(
    name: str, crew: Crew, begin: datetime, end: datetime, others: Iterable[tuple[datetime, datetime]], zone: ZoneInfo
) -> list[str]:
    """Rules between one stand of a crew and its others: rest between days, days in a week, hours in a day."""
    told, day = [], begin.astimezone(zone).date()
    week = day - timedelta(days=day.weekday())
    days, hours = {day}, end - begin
    for from_, until in others:
        there = from_.astimezone(zone).date()
        if week <= there < week + timedelta(days=7):
            days.add(there)
        if there == day:
            hours += until - from_
            continue
        gap = begin - until if until <= begin else from_ - end
        if timedelta(0) <= gap < timedelta(hours=crew.rest_h):
            told.append(f"{name} needs {crew.rest_h:g} hours of rest between {min(there, day)} and {max(there, day)}")
    if len(days) > crew.days_a_week:
        told.append(f"{name} works {crew.days_a_week} days a week, and {day} would be one more")
    if hours > timedelta(hours=crew.longest_h):
        told.append(f"{name} works at most {crew.longest_h:g} hours a day, and has other stands on {day}")
    return told


def skilled(crew: Crew, skills: Sequence[str], day: date) -> bool:
    if not crew.members:
        return True
    there = [one for one in crew.members if _on_duty(one, day)]
    return bool(there) and all(any(skill in one.skills for one in there) for skill in skills)


def distance_m(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Over the ground, in metres, between two (latitude, longitude): haversine."""
    south, north = radians(a[0]), radians(b[0])
    half = sin((north - south) / 2) ** 2 + cos(south) * cos(north) * sin(radians(b[1] - a[1]) / 2) ** 2
    return 2 * EARTH_M * asin(sqrt(half))


def _on_duty(member: Member, day: date) -> bool:
    return day.weekday() in member.weekdays and day not in member.days_off

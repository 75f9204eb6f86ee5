"""Settings of scheduling."""

from pydantic import Field
from wanderamt.shell.settings import ServiceSettings

from scheduling.domain.resources import City

LINZ = City(south=48.20, north=48.40, west=14.20, east=14.45)


class Settings(ServiceSettings):
    time_zone: str = Field("Europe/Vienna", description="of the stands: their times are those of the clock on the wall")
    services_file: str = Field("", description="YAML of what can be booked; empty: the one shipped here")
    districts_file: str = Field("", description="CSV of districts; empty: those of Linz")
    city: City = Field(LINZ, description="rectangle in which stands may be: south, north, west, east in degrees")
    hold_min: float = Field(10, gt=0, le=120, description="minutes a time is kept for somebody who is still typing")
    open_appointments: int = Field(4, ge=1, description="appointments one address may have open at once")
    holds_at_once: int = Field(6, ge=1, description="times that may be held at once from one network address")
    missed_after_min: float = Field(60, ge=0, description="minutes after a stand's end until absence is noted")
    contact_days: float = Field(30, ge=0, description="days after an appointment until its address is forgotten")
    client_header: str = Field(
        "", description="header in which our own proxy says who asks; empty: the address that connects"
    )
    consent_wording: str = Field("2026-1", description="version of what a citizen agrees to on the booking page")
    public_url: str = Field("http://127.0.0.1:8003", description="under which the public pages are reached")
    tiles_url: str = Field(
        "", description="map tiles such as https://tiles.city.example/{z}/{x}/{y}.png; empty: a map without tiles"
    )

"""Settings of scheduling."""

from pydantic import Field
from wanderamt.kernel.bounded import VERSION_PATTERN
from wanderamt.shell.settings import CityServiceSettings, PublicUrl

from scheduling.domain.resources import CityBounds


class SchedulingSettings(CityServiceSettings):
    services_file: str = Field("", description="YAML of the bookable services; empty: those of the catalogue")
    districts_file: str = Field("", description="CSV of districts; empty: the packaged ones")
    city: CityBounds | None = Field(
        None,
        description="where stands may be: south, north, west, east in degrees; empty: as the authority says",
    )
    hold_minutes: float = Field(
        10, gt=0, le=120, description="minutes for which a time is reserved while the citizen fills in the form"
    )
    max_open_appointments: int = Field(
        4, ge=1, description="open appointments per telephone number or e-mail address; more than one need a code"
    )
    max_holds: int = Field(6, ge=1, description="times reserved at once per network address (IPv6: per /56)")
    holds_per_hour: int = Field(30, ge=1, description="times reserved per network address and hour")
    unconfirmed_per_day: int = Field(
        3, ge=0, description="bookings without a code per network address and day; more need a code each"
    )
    max_open_per_network: int = Field(12, ge=1, description="open appointments per network address, with codes too")
    stand_share: float = Field(
        0.5, gt=0, le=1, description="share of a stand's places that one network address may take"
    )
    codes_per_hour: int = Field(5, ge=1, description="codes sent per hour at the request of one network address")
    codes_per_day: int = Field(3, ge=1, description="codes sent per day to one telephone number or e-mail address")
    wishes_per_day: int = Field(3, ge=1, description="entries of the waiting list per network address and day")
    no_show_minutes: float = Field(
        60, ge=0, description="minutes after a stand's end until booked appointments become no-shows"
    )
    contact_retention_days: float = Field(30, ge=0, description="days from an appointment until its contact is deleted")
    consent_version: str = Field(
        "2026-1", pattern=VERSION_PATTERN, description="version of the consent text on the booking page"
    )
    public_url: PublicUrl = Field("http://127.0.0.1:8003", description="URL of the public pages")
    tiles_url: str = Field(
        "", description="map tiles such as https://tiles.city.example/{z}/{x}/{y}.png; empty: a map without tiles"
    )

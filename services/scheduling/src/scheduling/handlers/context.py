"""What the handlers and routes of scheduling need besides the transaction."""

from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from service_catalogue.authority import AuthorityProfile
from wanderamt.security.keys import FieldCipher

from scheduling.domain.bookable_service import BookableService
from scheduling.domain.booking_limits import BookingLimits
from scheduling.domain.city import District
from scheduling.domain.resources import CityBounds


@dataclass(frozen=True, slots=True)
class PublicAccess:
    """How the public reaches the service.

    `tiles_url`: template of the city's map tiles; empty: maps without tiles. `consent_version`: of the consent text on
    the booking page.
    """

    public_url: str = ""
    tiles_url: str = ""
    consent_version: str = ""


@dataclass(frozen=True, slots=True)
class SchedulingContext:
    """`hold`: how long a time is reserved for a citizen who is still typing.

    `no_show_grace`: after its end a booked appointment becomes a no-show. `contact_retention`: after that time the
    contact is deleted.
    """

    authority: AuthorityProfile
    cipher: FieldCipher
    services: dict[str, BookableService]
    districts: tuple[District, ...] = ()
    bounds: CityBounds = field(default_factory=CityBounds)
    hold: timedelta = timedelta(minutes=10)
    limits: BookingLimits = field(default_factory=BookingLimits)
    no_show_grace: timedelta = timedelta(hours=1)
    contact_retention: timedelta = timedelta(days=30)
    public: PublicAccess = field(default_factory=PublicAccess)

    @property
    def zone(self) -> ZoneInfo:
        return self.authority.calendar.zone

    @property
    def priors(self) -> dict[str, float]:
        """Visits per 1,000 people and hour, of services without observations."""
        return {code: service.prior for code, service in self.services.items()}

"""What every handler of scheduling stands on besides the transaction."""

from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from wanderamt.security.keys import Sealer

from scheduling.domain.city import District
from scheduling.domain.offer import Offer
from scheduling.domain.resources import City

VIENNA = ZoneInfo("Europe/Vienna")


@dataclass(frozen=True, slots=True)
class Ground:
    """`hold`: how long a time is kept for somebody who is still typing. `most_open`: appointments of one address;
    `most_holds`: times held at once from one place. `grace`: after its end an appointment nobody came to is
    missed; `kept`: and so long who it was is remembered."""

    sealer: Sealer
    offers: dict[str, Offer]
    districts: tuple[District, ...] = ()
    zone: ZoneInfo = VIENNA
    city: City = field(default_factory=City)
    hold: timedelta = timedelta(minutes=10)
    most_open: int = 4
    most_holds: int = 6
    grace: timedelta = timedelta(hours=1)
    kept: timedelta = timedelta(days=30)

    @property
    def priors(self) -> dict[str, float]:
        """Visits per 1,000 people and hour, of services nothing has been seen of yet."""
        return {code: one.prior for code, one in self.offers.items()}

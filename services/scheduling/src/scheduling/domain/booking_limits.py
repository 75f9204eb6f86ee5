"""How often one network address and one contact may hold, book and wait.

A network counts for all its users, so its limits are wide; a contact that is confirmed by a code that was sent to it is
no longer counted against the network's bookings without a code.
"""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Final

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class BookingLimits:
    """A contact is a telephone number or an e-mail address, a network what `client_network` returns.

    Per contact: `max_appointments` open ones, of which one without a code; `codes_per_day` sent to it.
    Per network: `max_holds` times held at once; `holds_per_hour`; `unconfirmed_per_day` bookings without a code;
    `max_open_per_network` open appointments; `stand_share` of the places of one stand; `codes_per_hour` sent for it;
    `wishes_per_day` entries of the waiting list.
    Per appointment: `moves_per_day`.
    """

    max_appointments: int = 4
    max_holds: int = 6
    holds_per_hour: int = 30
    unconfirmed_per_day: int = 3
    max_open_per_network: int = 12
    stand_share: float = 0.5
    codes_per_hour: int = 5
    codes_per_day: int = 3
    wishes_per_day: int = 3
    moves_per_day: int = 10

    def places_for_network(self, places: int, wanted: int) -> int:
        """How many of a stand's places one network may take. An appointment of `wanted` places is always possible."""
        return max(wanted, ceil(places * self.stand_share))


@dataclass(frozen=True, slots=True)
class NetworkBookings:
    """What one network has now: times held, open appointments, and places at one stand, held ones included."""

    held: int
    booked: int
    places_at_stand: int

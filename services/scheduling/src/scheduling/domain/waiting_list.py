"""An entry of the waiting list."""

from dataclasses import dataclass
from uuid import UUID

from wanderamt.kernel.ids import StandId

from scheduling.domain.appointment import Citizen


@dataclass(frozen=True, slots=True)
class WaitingEntry:
    """`holder`: keyed hash of the network that joined, as of an appointment; None: the service itself."""

    id: UUID
    stand_id: StandId
    service: str
    citizen: Citizen
    holder: bytes | None

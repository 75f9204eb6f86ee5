"""The data that a device needs to work at a stand without a network.

Invariants: a bundle is for one stand and one device, carries its creation time and expiry, and holds no citizen's name
or address.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from joserfc.jwk import ECKey
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.kernel.refusal import Refusal

from intake.domain.catalogue.catalogue import Catalogue, PinnedEdition
from intake.domain.enrolment import device_public_key
from intake.domain.refusals import NO_BUNDLE, STAND_OVER
from intake.domain.report import StandCopy
from intake.handlers.numbers import LeasedBlock, held_blocks
from intake.store import appointments, enrolment, stands
from intake.store.appointments import BookedAppointment

MAX_APPOINTMENTS = 500
VALID_AFTER_STAND = timedelta(hours=24)  # how long after the stand's end a bundle may be used
MAX_VALIDITY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class OfflineBundle:
    """`services`: the editions in force on the stand's day, with forms and prices. `blocks`: those of this device.

    `key`: the device's public key, for its certificate; None for a device that was enrolled without a key.
    """

    stand: StandCopy
    as_of: datetime
    expires_at: datetime
    appointments: Sequence[BookedAppointment]
    services: Sequence[PinnedEdition]
    blocks: Sequence[LeasedBlock]
    key: ECKey | None


async def build_bundle(
    stand_id: UUID, device_id: DeviceId, uow: UnitOfWork, *, catalogue: Catalogue
) -> OfflineBundle | Refusal:
    stand = await stands.find_stand(uow, StandId(stand_id))
    if not stand or not stand.starts_at or not stand.ends_at:
        return NO_BUNDLE
    if stand.cancelled or stand.ends_at + VALID_AFTER_STAND <= uow.now:
        return STAND_OVER
    day = catalogue.calendar.day_of(stand.starts_at)
    offered = [catalogue.edition_on(code, day) for code in (*stand.services, *catalogue.elsewhere)]
    device = await enrolment.find_key(uow, device_id)
    expires_at = min(stand.ends_at + VALID_AFTER_STAND, uow.now + MAX_VALIDITY)
    return OfflineBundle(
        stand,
        uow.now,
        expires_at,
        await appointments.booked_at_stand(uow, stand.stand_id, until=stand.ends_at, limit=MAX_APPOINTMENTS),
        [edition for edition in offered if isinstance(edition, PinnedEdition)],
        await held_blocks(uow, device_id=device_id),
        device_public_key(device) if device and device.public_key else None,
    )

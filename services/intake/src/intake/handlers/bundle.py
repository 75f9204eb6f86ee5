"""What a device takes to a stand, and the appointments it is made from.

Kept true: a bundle is of one stand and one device, says when it was made and until when it may be used, and holds
nobody's name or address.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from joserfc.jwk import ECKey
from wanderamt.backbone.work import Work
from wanderamt.contracts import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentMissed,
    AppointmentMoved,
    AppointmentServed,
)
from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.kernel.refusal import Refusal

from intake.domain.catalogue.book import Book, Pinned
from intake.domain.catalogue.due import VIENNA
from intake.domain.enrolment import key_of
from intake.domain.refusals import NO_BUNDLE, STAND_GONE
from intake.domain.report import Stand
from intake.handlers.numbers import Leased, held_blocks
from intake.store import appointments, enrolment, stands

MOST = 500
AFTER = timedelta(hours=24)  # the stand's end, until which a bundle may be used
LONGEST = timedelta(days=7)

AppointmentNews = AppointmentBooked | AppointmentMoved | AppointmentCancelled | AppointmentServed | AppointmentMissed


@dataclass(frozen=True, slots=True)
class Bundle:
    """`services`: the editions in force on the stand's day, with their forms and prices; `blocks`: of this device.

    `key`: of the device, for its certificate; None for one that was enrolled without.
    """

    stand: Stand
    as_of: datetime
    expires_at: datetime
    appointments: Sequence[Any]
    services: Sequence[Pinned]
    blocks: Sequence[Leased]
    key: ECKey | None


async def on_appointment(event: AppointmentNews, work: Work) -> None:
    match event:
        case AppointmentBooked():
            await appointments.book(work, event)
        case AppointmentMoved():
            await appointments.move(work, event)
        case AppointmentCancelled():
            await appointments.end(work, event.appointment_id, "cancelled")
        case AppointmentServed():
            await appointments.end(work, event.appointment_id, "served")
        case AppointmentMissed():
            await appointments.end(work, event.appointment_id, "missed")


async def make_bundle(stand_id: UUID, device_id: DeviceId, work: Work, *, book: Book) -> Bundle | Refusal:
    stand = await stands.find_stand(work, StandId(stand_id))
    if not stand or not stand.starts_at or not stand.ends_at:
        return NO_BUNDLE
    if stand.cancelled or stand.ends_at + AFTER <= work.now:
        return STAND_GONE
    day = stand.starts_at.astimezone(VIENNA).date()
    offered = [book.on(code, day) for code in await stands.services_of(work, stand.id)]
    device = await enrolment.find_key(work, device_id)
    expires_at = min(stand.ends_at + AFTER, work.now + LONGEST)
    return Bundle(
        stand,
        work.now,
        expires_at,
        await appointments.at_stand(work, stand.id, until=stand.ends_at, limit=MOST),
        [one for one in offered if isinstance(one, Pinned)],
        await held_blocks(work, device_id=device_id),
        key_of(device) if device and device.public_key else None,
    )

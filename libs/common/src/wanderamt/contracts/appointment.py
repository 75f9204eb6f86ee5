"""Topic appointment.v1, owned by scheduling: booked times of citizens at a stand, and codes that confirm a contact."""

from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime

from wanderamt.contracts.case import Language
from wanderamt.kernel.decision import Event
from wanderamt.kernel.sealed import Sealed


class AppointmentEvent(Event):
    TOPIC: ClassVar[str] = "appointment.v1"
    AGGREGATE: ClassVar[str] = "appointment_id"

    appointment_id: UUID


class AppointmentBooked(AppointmentEvent):
    """`place`: as the notice to the citizen names it. The service is never named in a notice: it may be sensitive.

    `contact_confirmed`: the citizen entered a code that was sent to the contact. Otherwise it may be a stranger's.
    """

    TYPE: ClassVar[str] = "at.wanderamt.appointment.booked.v1"

    stand_id: UUID
    service: str
    place: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    language: Language
    contact: Sealed | None = None
    contact_confirmed: bool = False
    booked_at: AwareDatetime


class AppointmentMoved(AppointmentEvent):
    """The appointment has another time, another stand, or both."""

    TYPE: ClassVar[str] = "at.wanderamt.appointment.moved.v1"

    stand_id: UUID
    place: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    moved_at: AwareDatetime


class AppointmentCancelled(AppointmentEvent):
    """`by_citizen`: the citizen cancelled, so no notice is needed."""

    TYPE: ClassVar[str] = "at.wanderamt.appointment.cancelled.v1"

    by_citizen: bool
    cancelled_at: AwareDatetime


class AppointmentServed(AppointmentEvent):
    """The crew served the citizen."""

    TYPE: ClassVar[str] = "at.wanderamt.appointment.served.v1"

    served_at: AwareDatetime


class AppointmentNoShow(AppointmentEvent):
    """The citizen did not come. `recorded_at`: when the system recorded it."""

    TYPE: ClassVar[str] = "at.wanderamt.appointment.no-show.v1"

    recorded_at: AwareDatetime


class ContactCodeRequested(Event):
    """Somebody who books asked for a code, to prove that the telephone or mailbox is theirs. It is sent to `contact`
    only, which has one address. `contact` and `code` are sealed for `request_id`."""

    TYPE: ClassVar[str] = "at.wanderamt.appointment.contact-code-requested.v1"
    TOPIC: ClassVar[str] = "appointment.v1"
    AGGREGATE: ClassVar[str] = "request_id"

    request_id: UUID
    language: Language
    contact: Sealed
    code: Sealed
    requested_at: AwareDatetime
    expires_at: AwareDatetime

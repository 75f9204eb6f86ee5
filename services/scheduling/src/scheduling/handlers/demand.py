"""Consumes the cases' topic: records the demand that was served, and marks appointments as served."""

from collections.abc import Sequence

from wanderamt.backbone.messaging.inbox import BatchHandler, Handler
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import (
    CaseCompensated,
    CaseCompleted,
    CaseNeedsVisit,
    CaseOpened,
    CaseReopened,
    CaseWithdrawn,
    Event,
)

from scheduling.domain.demand.visit_projection import ProjectedEvent, project
from scheduling.handlers.appointments import record_attendance
from scheduling.store import demand


async def on_case_events(events: Sequence[ProjectedEvent], uow: UnitOfWork) -> None:
    known = await demand.visits(uow, {event.case_id for event in events})
    await demand.save_visits(uow, project(known, events))
    for event in events:
        if isinstance(event, CaseOpened) and event.appointment_id:
            await record_attendance(event.appointment_id, uow, attended=True)  # refused if it had already ended


_on_case_events = BatchHandler(on_case_events)
EVENT_HANDLERS: dict[type[Event], Handler | BatchHandler] = {
    CaseOpened: _on_case_events,
    CaseCompleted: _on_case_events,
    CaseNeedsVisit: _on_case_events,
    CaseCompensated: _on_case_events,
    CaseWithdrawn: _on_case_events,
    CaseReopened: _on_case_events,
}

"""The events that scheduling handles: it records the demand that was served, and marks appointments as served.

Invariants: a case has an effect on an appointment of its own stand alone, and on none of a later day.
"""

from collections.abc import Sequence

from wanderamt.backbone.messaging.consumer import EventConsumer
from wanderamt.backbone.persistence import cut_offs
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import (
    CaseCompensated,
    CaseCompleted,
    CaseNeedsVisit,
    CaseOpened,
    CaseReopened,
    CaseWithdrawn,
)

from scheduling.domain.demand.visit_projection import ProjectedEvent, project
from scheduling.handlers.appointments import record_visit
from scheduling.handlers.context import SchedulingContext
from scheduling.store import demand_statements

# larger batches: demand figures are not urgent, and citizens share the machine with them
consumer = EventConsumer("scheduling", linger=True)
cut_offs.declare_followers(consumer)


@consumer.on_batch(CaseOpened, CaseCompleted, CaseNeedsVisit, CaseCompensated, CaseWithdrawn, CaseReopened)
async def on_case_events(events: Sequence[ProjectedEvent], uow: UnitOfWork, context: SchedulingContext) -> None:
    known = await demand_statements.visits(uow, {event.case_id for event in events})
    demand_statements.save_visits(uow, project(known, events))
    for event in events:
        if isinstance(event, CaseOpened) and event.appointment_id:
            await record_visit(event, event.appointment_id, uow, context=context)

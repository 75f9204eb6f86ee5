"""The events that the registry bridge handles."""

from collections.abc import Sequence

from wanderamt.backbone.messaging.consumer import EventConsumer
from wanderamt.backbone.messaging.records import ReceivedEvent
from wanderamt.backbone.persistence import cut_offs
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import (
    CaseApplicantChanged,
    CaseClosed,
    CaseCompensated,
    CaseCompleted,
    CaseDeleted,
    CaseOpened,
    CaseReopened,
    CaseTakenToStand,
    CaseWithdrawn,
    EventHeader,
    RegisterQueryRequested,
)
from wanderamt.security.assertions import EXPIRED

from registry_bridge.domain.case_copy import CaseCopyEvent
from registry_bridge.domain.request import request_from
from registry_bridge.handlers.case_copies import record_case_events
from registry_bridge.handlers.context import RegistryContext
from registry_bridge.handlers.requests import record_queries

consumer = EventConsumer("registry-bridge")
cut_offs.declare_followers(consumer)


@consumer.verify(RegisterQueryRequested)
def verify_query(event: RegisterQueryRequested, header: EventHeader, context: RegistryContext) -> str:
    """Only intake asks. An expired assertion counts here: its request is answered, not rejected, once it is called."""
    request = request_from(event, now=header.time)
    problem = context.signer.verify(request.assertion, request.expected_assertion(), now=header.time)
    return "" if problem == EXPIRED else problem


@consumer.on_batch(RegisterQueryRequested, with_headers=True)
async def on_register_queries(items: Sequence[ReceivedEvent], uow: UnitOfWork, context: RegistryContext) -> None:
    queries = [(item.event, item.header.trace) for item in items if isinstance(item.event, RegisterQueryRequested)]
    await record_queries(queries, uow, manifests=context.manifests)


@consumer.on_batch(
    CaseOpened,
    CaseApplicantChanged,
    CaseTakenToStand,
    CaseCompleted,
    CaseCompensated,
    CaseWithdrawn,
    CaseClosed,
    CaseReopened,
    CaseDeleted,
)
async def on_case_events(events: Sequence[CaseCopyEvent], uow: UnitOfWork) -> None:
    record_case_events(events, uow)

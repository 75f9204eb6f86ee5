"""Handles events of cases, documents, appointments and stands: updates the projection and decides notices.

Invariants: the events of all topics arrive in one list, in the order of arrival; each notice carries the trace of its
event.
"""

from collections.abc import Sequence
from uuid import UUID

from wanderamt.backbone.messaging.records import ReceivedEvent
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentMoved,
    CaseClosed,
    CaseCompensated,
    CaseCompleted,
    CaseHandedOver,
    CaseNeedsVisit,
    CaseOpened,
    CaseReopened,
    CaseWithdrawn,
    DocumentIssued,
    Event,
    StandCancelled,
    StandScheduled,
)

from notifications.domain.channel_decision import NoticeIntent
from notifications.domain.citizen_case import (
    CitizenCaseView,
    Projection,
    about_id_of,
    new_view,
    project,
    time_variables,
)
from notifications.domain.kinds import NoticeKind
from notifications.domain.notice import DropReason
from notifications.handlers.context import NotificationContext
from notifications.handlers.decide_notices import (
    NoticeRequest,
    TraceHeaders,
    cancel_pending_notices,
    decide_notices,
)
from notifications.store import citizens


async def on_events(items: Sequence[ReceivedEvent], uow: UnitOfWork, *, context: NotificationContext) -> None:
    views = await citizens.lock_views(uow, {id_ for item in items if (id_ := about_id_of(item.event))})
    requests: list[NoticeRequest] = []
    cancelled: set[UUID] = set()
    changed: dict[UUID, CitizenCaseView] = {}
    for item in items:
        event, affected = item.event, []
        if isinstance(event, StandScheduled):
            requests += await _requests_for_stand(event, item.header.trace, uow)
            continue
        if isinstance(event, StandCancelled):
            cancelled.add(event.stand_id)
            booked = await citizens.lock_views_of_stands(uow, [event.stand_id])
            affected = [changed.get(view.id, view) for view in booked]
        elif about_id := about_id_of(event):
            affected = [changed.get(about_id) or views.get(about_id) or new_view(event)]
        for view in affected:
            projection = project(view, event, now=uow.now)
            changed[view.id] = projection.view
            requests += _requests(projection, item.header.trace)
            if projection.cancels_pending:
                cancelled.add(view.id)
                requests = [request for request in requests if request.intent.about_id != view.id]
    await citizens.save_views(uow, changed.values())
    if cancelled:
        await cancel_pending_notices(cancelled, DropReason.WITHDRAWN, uow)
    await decide_notices(requests, uow, context)


def _requests(projection: Projection, trace: TraceHeaders) -> list[NoticeRequest]:
    view = projection.view
    if not view.contact:
        return []
    contact, language = view.contact, view.language
    requests = [NoticeRequest(intent, contact, language, trace) for intent in projection.intents]
    return requests + [
        NoticeRequest(intent, contact, language, trace, supersedes_pending=False) for intent in projection.reminders
    ]


async def _requests_for_stand(event: StandScheduled, trace: TraceHeaders, uow: UnitOfWork) -> list[NoticeRequest]:
    """One for each citizen who subscribed to stands in this district."""
    await citizens.record_districts(uow, [event.district])
    variables = time_variables(event.place, event.starts_at, event.ends_at)
    occurrence = event.starts_at.isoformat()
    intent = NoticeIntent(NoticeKind.STAND_IN_DISTRICT, event.stand_id, variables, occurrence, until=event.starts_at)
    subscriptions = await citizens.subscriptions_to(uow, event.district)
    return [
        NoticeRequest(intent, subscription.contact, subscription.language, trace, supersedes_pending=False)
        for subscription in subscriptions
    ]


CONSUMED_EVENTS: tuple[type[Event], ...] = (
    CaseOpened,
    CaseHandedOver,
    CaseNeedsVisit,
    CaseCompensated,
    CaseCompleted,
    CaseWithdrawn,
    CaseReopened,
    CaseClosed,
    DocumentIssued,
    AppointmentBooked,
    AppointmentMoved,
    AppointmentCancelled,
    StandScheduled,
    StandCancelled,
)

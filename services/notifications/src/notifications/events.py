"""The events that notifications handles: they update the projection and decide notices, or go on to partners.

Invariants: partners are a consumer of their own, so that web hooks never delay notices to citizens; the events of all
topics arrive in one list, in the order of arrival; each notice carries the trace of its event.
"""

from collections.abc import Sequence

from wanderamt.backbone.messaging.consumer import EventConsumer
from wanderamt.backbone.messaging.records import ReceivedEvent
from wanderamt.backbone.observability.tracing import message_context
from wanderamt.backbone.persistence import cut_offs
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentMoved,
    CaseClosed,
    CaseCompensated,
    CaseCompleted,
    CaseDeleted,
    CaseDueDateMet,
    CaseDueDateMissed,
    CaseDueDatesSet,
    CaseHandedOver,
    CaseNeedsVisit,
    CaseOpened,
    CaseReminderDue,
    CaseReopened,
    CaseWithdrawn,
    ContactCodeRequested,
    DocumentIssued,
    StandCancelled,
    StandScheduled,
)
from wanderamt.security.keys import UnreadableCiphertextError

from notifications.domain.channel_decision import NoticeIntent
from notifications.domain.citizen_case import (
    CitizenCaseView,
    Projection,
    new_view,
    project,
    ref_of,
    time_variables,
)
from notifications.domain.kinds import About, AboutRef, NoticeKind
from notifications.domain.notice import DropReason
from notifications.domain.partner import PUBLIC_EVENTS
from notifications.handlers.context import NotificationContext
from notifications.handlers.decide_notices import (
    NoticeRequest,
    TraceHeaders,
    cancel_pending_notices,
    decide_notices,
    settle_pending_notices,
)
from notifications.handlers.partners import deliver_public_events
from notifications.handlers.subscriptions import DISTRICT
from notifications.store import citizen_statements, citizens

consumer = EventConsumer("notifications")
cut_offs.declare_followers(consumer)
partner_consumer = EventConsumer("notifications", name="notifications-partners", linger=True)


@consumer.on_batch(
    CaseOpened,
    CaseHandedOver,
    CaseNeedsVisit,
    CaseCompensated,
    CaseCompleted,
    CaseWithdrawn,
    CaseReopened,
    CaseClosed,
    CaseDueDatesSet,
    CaseReminderDue,
    CaseDueDateMet,
    CaseDueDateMissed,
    CaseDeleted,
    DocumentIssued,
    AppointmentBooked,
    AppointmentMoved,
    AppointmentCancelled,
    ContactCodeRequested,
    StandScheduled,
    StandCancelled,
    with_headers=True,
)
async def on_events(items: Sequence[ReceivedEvent], uow: UnitOfWork, context: NotificationContext) -> None:
    new = {ref: new_view(ref) for item in items if (ref := ref_of(item.event))}
    views = await citizen_statements.lock_or_add_views(uow, new)
    requests: list[NoticeRequest] = []
    cancelled: dict[AboutRef, TraceHeaders] = {}
    settled: dict[AboutRef, set[tuple[NoticeKind, str]]] = {}
    deleted: set[AboutRef] = set()
    changed: dict[AboutRef, CitizenCaseView] = {}
    for item in items:
        event, affected = item.event, []
        with message_context(item.header.trace):
            if isinstance(event, StandScheduled):
                requests += await _requests_for_stand(event, uow)
                continue
            if isinstance(event, ContactCodeRequested):
                requests += _requests_for_code(event, uow, context)
                continue
            if isinstance(event, StandCancelled):
                cancelled[AboutRef(About.STAND, event.stand_id)] = item.header.trace
                booked = await citizens.lock_views_of_stands(uow, [event.stand_id])
                affected = [changed.get(view.ref, view) for view in booked]
            elif ref := ref_of(event):
                affected = [changed.get(ref) or views[ref]]
            if isinstance(event, CaseDeleted):
                deleted.add(affected[0].ref)
            for view in affected:
                projection = project(view, event, now=uow.now)
                changed[view.ref] = projection.view
                if projection.settles:
                    settled.setdefault(view.ref, set()).update(projection.settles)
                    requests = [request for request in requests if not _settles(projection, request)]
                requests += _requests(projection)
                if projection.cancels_pending:
                    cancelled[view.ref] = item.header.trace
                    requests = [request for request in requests if request.intent.ref != view.ref]
    citizen_statements.save_views(uow, changed.values())
    if cancelled:
        await cancel_pending_notices(cancelled, DropReason.WITHDRAWN, uow)
    if settled:
        await settle_pending_notices(settled, uow)
    if deleted:
        await uow.flush()  # the views of other events
        await citizens.delete_cases(uow, deleted)
    await decide_notices(requests, uow, context)


@partner_consumer.on_batch(*PUBLIC_EVENTS.values(), with_headers=True)
async def on_public_events(items: Sequence[ReceivedEvent], uow: UnitOfWork) -> None:
    await deliver_public_events(items, uow)


def _settles(projection: Projection, request: NoticeRequest) -> bool:
    intent = request.intent
    return intent.ref == projection.view.ref and (intent.kind, intent.occurrence) in projection.settles


def _requests(projection: Projection) -> list[NoticeRequest]:
    view = projection.view
    if not view.contact:
        return []
    contact, language, confirmed = view.contact, view.language, view.contact_confirmed
    requests = [NoticeRequest(intent, contact, language, confirmed) for intent in projection.intents]
    return requests + [
        NoticeRequest(intent, contact, language, confirmed, supersedes_pending=False) for intent in projection.reminders
    ]


def _requests_for_code(
    event: ContactCodeRequested, uow: UnitOfWork, context: NotificationContext
) -> list[NoticeRequest]:
    """None for a code that cannot be read or is no longer valid: the citizen asks for another one."""
    try:
        code = context.cipher.open(event.code).decode()
    except UnreadableCiphertextError:
        return []
    if event.expires_at <= uow.now:
        return []
    variables = {"contact_code": code}
    intent = NoticeIntent(NoticeKind.CONTACT_CODE, event.request_id, variables, until=event.expires_at)
    return [NoticeRequest(intent, event.contact, event.language, contact_confirmed=False)]


async def _requests_for_stand(event: StandScheduled, uow: UnitOfWork) -> list[NoticeRequest]:
    """One for each citizen who subscribed to stands in this district."""
    await citizens.record_district(uow, event.district)
    variables = time_variables(event.place, event.starts_at, event.ends_at) | {DISTRICT: event.district}
    occurrence = event.starts_at.isoformat()
    intent = NoticeIntent(NoticeKind.STAND_IN_DISTRICT, event.stand_id, variables, occurrence, until=event.starts_at)
    subscriptions = await citizens.subscriptions_to(uow, event.district)
    return [
        NoticeRequest(
            intent, subscription.contact, subscription.language, contact_confirmed=True, supersedes_pending=False
        )
        for subscription in subscriptions
    ]

"""Which trace an event of a notice carries: always that of its own citizen."""

from collections.abc import Sequence
from uuid import UUID

from notifications.events import on_events
from notifications_fixtures import NotificationsEnv, OpenNotificationsEnv
from wanderamt.backbone.messaging.dead_letter import RawRecord
from wanderamt.backbone.messaging.records import ReceivedEvent
from wanderamt.contracts import CitizenUnreached, DocumentIssued, NoticeFailed
from wanderamt_testing.waiting import wait_until

TRACES = (
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "00-1bf7651916cd43dd8448eb211c80319d-c7ad6b7169203332-00",
)
REFUSED = ("+436605550001", "+436605550002")


async def deliver_in_one_batch(env: NotificationsEnv, events: Sequence[DocumentIssued]) -> None:
    items = [
        ReceivedEvent(
            RawRecord("t", 0, number, b"", b"", ()),
            env.header(event)._replace(trace={"traceparent": TRACES[number]}),
            event,
        )
        for number, event in enumerate(events)
    ]
    async with env.database.unit_of_work() as uow:
        await on_events(items, uow, context=env.context)


async def traces_by_citizen(env: NotificationsEnv, type_: str) -> dict[UUID, set[str]]:
    """Trace ids of the events of this type, by the case that their notice is about."""
    rows = await env.rows(
        """
        SELECT about_id, array_agg(DISTINCT split_part(traceparent, '-', 2)) AS traces
        FROM outbox JOIN notice ON notice_id = aggregate WHERE type = $1 GROUP BY about_id
        """,
        type_,
    )
    return {row["about_id"]: set(row["traces"]) for row in rows}


def expected_for(events: Sequence[DocumentIssued]) -> dict[UUID, set[str]]:
    return {event.case_id: {trace.split("-")[1]} for event, trace in zip(events, TRACES, strict=True)}


async def test_two_notices_that_fail_at_the_provider_in_one_batch_keep_their_own_traces(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env:
        env.gate.faults = env.gate.faults.model_copy(update={"refused_numbers": list(REFUSED)})
        events = [env.document_issued(phone=phone) for phone in REFUSED]
        await deliver_in_one_batch(env, events)
        await wait_until(lambda: env.has_states({"failed": 2}))
        for type_ in (NoticeFailed.TYPE, CitizenUnreached.TYPE):
            assert await traces_by_citizen(env, type_) == expected_for(events)


async def test_two_notices_that_fail_when_they_are_decided_keep_their_own_traces(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", components=()) as env:
        events = [env.document_issued(phone=phone) for phone in ("12", "13")]
        await deliver_in_one_batch(env, events)
        assert await env.states() == {"failed": 2}
        for type_ in (NoticeFailed.TYPE, CitizenUnreached.TYPE):
            assert await traces_by_citizen(env, type_) == expected_for(events)


async def test_the_jobs_of_two_notices_carry_the_traces_of_their_events(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", components=()) as env:
        events = [env.document_issued(phone=phone) for phone in REFUSED]
        await deliver_in_one_batch(env, events)
        rows = await env.rows(
            "SELECT about_id, trace_context FROM job JOIN notice ON notice_id::text = body ->> 'notice_id'"
        )
        assert {row["about_id"]: {row["trace_context"]["traceparent"].split("-")[1]} for row in rows} == expected_for(
            events
        )

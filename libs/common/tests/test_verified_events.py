"""Events that need a proof: what lacks it has no effect and takes nothing from what has it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.messaging import dead_letter_queries, rejected, replay
from wanderamt.backbone.messaging.consumer import EventConsumer, InvalidConsumerError
from wanderamt.backbone.messaging.dead_letter import DeadLetterState, RawRecord
from wanderamt.backbone.messaging.dead_letter_queries import DeadLetterFilter, FailureGroup
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.messaging.records import FOREIGN
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import AppointmentServed, EventHeader, StandCancelled, StandMoved, encode
from wanderamt_testing.databases import OpenDatabase

NOW = "2026-05-04T09:30:00+02:00"
PROVEN = "the true reason"


def cancelled(stand_id: UUID, reason: str = PROVEN) -> StandCancelled:
    return StandCancelled.model_validate({"stand_id": stand_id, "reason": reason, "cancelled_at": NOW})


@dataclass
class ProvenStands:
    """A consumer that accepts a cancelled stand with one reason only, which stands for a proof."""

    database: Database
    accepted: str = PROVEN
    handled: list[UUID] = field(default_factory=list)
    offsets: Callable[[], int] = field(default_factory=lambda: count().__next__)

    def __post_init__(self) -> None:
        consumer = EventConsumer("scheduling", name="listener")

        @consumer.verify(StandCancelled)
        def verify_stand(event: StandCancelled, header: EventHeader, context: "ProvenStands") -> str:
            if event.reason == "breaks the check":
                raise KeyError
            return "" if event.reason == context.accepted else "wrong reason"

        @consumer.on(StandCancelled)
        async def on_cancelled(event: StandCancelled, _: UnitOfWork) -> None:
            self.handled.append(event.stand_id)

        self.inbox = Inbox(consumer.bind(self), self.database, "nowhere:9092", Topics())

    def record(self, event: StandCancelled, *, id_: UUID | None = None, sequence: int = 1, **changes: Any) -> RawRecord:
        header = EventHeader(
            id_ or uuid7(), event.TYPE, "/wanderamt/scheduling", event.stand_id, utc_now(), sequence, {}
        )
        key, value, headers = encode(event, header)
        return RawRecord("stand.v1", 0, self.offsets(), key, value, headers)._replace(**changes)

    async def receive(self, *records: RawRecord) -> None:
        await self.inbox.process_batch(records)

    async def rows(self, sql: str) -> list[dict[str, Any]]:
        async with self.database.unit_of_work() as uow:
            return [dict(row) for row in await uow.db.fetch(sql)]

    async def dead_letters(self) -> list[tuple[str, str]]:
        return [(row["state"], row["reason"]) for row in await self.rows("SELECT * FROM dead_letter ORDER BY id")]

    async def groups(self) -> list[FailureGroup]:
        async with self.database.unit_of_work() as uow:
            return await dead_letter_queries.list_groups(uow)


@pytest_asyncio.fixture
async def stands(open_database: OpenDatabase) -> ProvenStands:
    return ProvenStands(await open_database("scheduling"))


async def test_a_forged_event_has_no_effect_and_takes_nothing_from_the_true_one(stands: ProvenStands) -> None:
    """It has the id, the aggregate and a higher version, and arrives first."""
    stand_id, event_id = uuid7(), uuid7()
    with capture_logs() as logs:
        await stands.receive(stands.record(cancelled(stand_id, "forged"), id_=event_id, sequence=9))
    assert stands.handled == []
    assert await stands.dead_letters() == [("rejected", "wrong reason")]
    assert (
        await stands.rows("SELECT * FROM inbox UNION ALL SELECT consumer, aggregate, seen_at FROM inbox_version") == []
    )
    [line] = [line for line in logs if line["event"] == "consumer.record_rejected"]
    assert (line["event_id"], line["records"], line["type"]) == (str(event_id), 1, StandCancelled.TYPE)
    assert "forged" not in str(line)
    await stands.receive(stands.record(cancelled(stand_id), id_=event_id))
    assert stands.handled == [stand_id]


async def test_an_event_of_another_authority_is_refused_and_blocks_nothing(stands: ProvenStands) -> None:
    """One without an authority comes from an earlier release."""
    inbox = Inbox(stands.inbox.declared, stands.database, "nowhere:9092", Topics(), authority="at-linz")
    stand_id = uuid7()
    for sequence, authority in enumerate(("at-wels", "", "at-linz"), 1):
        event = cancelled(stand_id)
        header = EventHeader(
            uuid7(), event.TYPE, "/wanderamt/scheduling", stand_id, utc_now(), sequence, {}, authority=authority
        )
        await inbox.process_batch([RawRecord("stand.v1", 0, stands.offsets(), *encode(event, header))])
    assert stands.handled == [stand_id, stand_id]
    assert await stands.dead_letters() == [("rejected", FOREIGN)]


async def test_forged_and_true_events_of_one_aggregate_in_one_batch(stands: ProvenStands) -> None:
    stand_id = uuid7()
    await stands.receive(
        stands.record(cancelled(stand_id, "forged")),
        stands.record(cancelled(stand_id)),
        stands.record(cancelled(stand_id, "forged"), sequence=2),
        stands.record(cancelled(stand_id), sequence=2),
    )
    assert stands.handled == [stand_id, stand_id]
    assert await stands.dead_letters() == [("rejected", "wrong reason")] * 2


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'{"stand_id": 5}', b'{"stand_id": "x", "reason": []}'])
async def test_a_value_that_is_not_valid_blocks_nobody(stands: ProvenStands, value: bytes | None) -> None:
    stand_id = uuid7()
    await stands.receive(stands.record(cancelled(stand_id), value=value))
    [(state, reason)] = await stands.dead_letters()
    assert state == "rejected"
    assert "the value is not a" in reason
    await stands.receive(stands.record(cancelled(stand_id)))
    assert stands.handled == [stand_id]


async def test_a_check_that_breaks_rejects_its_event_and_the_batch_goes_on(stands: ProvenStands) -> None:
    stand_id = uuid7()
    await stands.receive(stands.record(cancelled(uuid7(), "breaks the check")), stands.record(cancelled(stand_id)))
    assert await stands.dead_letters() == [("rejected", "its check failed with KeyError")]
    assert stands.handled == [stand_id]


async def test_the_same_record_again_is_dropped_and_a_copy_under_another_id_is_rejected(stands: ProvenStands) -> None:
    stand_id, event_id = uuid7(), uuid7()
    await stands.receive(stands.record(cancelled(stand_id), id_=event_id))
    await stands.receive(stands.record(cancelled(stand_id), id_=event_id))
    assert await stands.dead_letters() == []
    copy = stands.record(cancelled(stand_id))
    await stands.receive(copy, stands.record(cancelled(stand_id)))
    assert await stands.dead_letters() == [("rejected", rejected.REPLAYED)] * 2
    await stands.receive(copy)
    assert len(await stands.dead_letters()) == 2  # an offset that was delivered before
    assert stands.handled == [stand_id]


@pytest.mark.parametrize("in_one_batch", [False, True])
async def test_a_copy_of_an_old_event_cannot_take_the_id_of_one_that_is_still_to_come(
    stands: ProvenStands, in_one_batch: bool
) -> None:
    old, new, event_id = uuid7(), uuid7(), uuid7()
    await stands.receive(stands.record(cancelled(old)))
    copy = stands.record(cancelled(old), id_=event_id)
    true = stands.record(cancelled(new), id_=event_id)
    for batch in [[copy, true]] if in_one_batch else [[copy], [true]]:
        await stands.receive(*batch)
    assert stands.handled == [old, new]
    assert await stands.dead_letters() == [("rejected", rejected.REPLAYED)]


async def test_an_event_of_another_topic_is_unreadable_and_uses_up_no_version(open_database: OpenDatabase) -> None:
    """Who may write to one topic must not speak for another."""
    handled: list[UUID] = []
    consumer = EventConsumer("intake", name="listener")

    @consumer.on(AppointmentServed, StandCancelled)
    async def on_either(event: AppointmentServed | StandCancelled, _: UnitOfWork) -> None:
        handled.append(event.aggregate)

    database = await open_database("intake")
    inbox, stand_id = Inbox(consumer, database, "nowhere:9092", Topics()), uuid7()
    header = EventHeader(uuid7(), StandCancelled.TYPE, "/wanderamt/scheduling", stand_id, utc_now(), 9, {})
    key, value, headers = encode(cancelled(stand_id), header)
    await inbox.process_batch([RawRecord("appointment.v1", 0, 0, key, value, headers)])
    async with database.unit_of_work() as uow:
        [row] = await uow.db.fetch("SELECT state, reason, aggregate FROM dead_letter")
    assert (row["state"], row["aggregate"]) == (DeadLetterState.UNREADABLE, None)
    assert "another topic" in row["reason"]
    await inbox.process_batch([RawRecord("stand.v1", 0, 0, key, value, headers)])
    assert handled == [stand_id]


async def test_a_flood_of_rejected_records_is_counted_and_not_stored(
    stands: ProvenStands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejected, "MAX_REJECTED", 3)

    def forged(number: int) -> Sequence[RawRecord]:
        return [stands.record(cancelled(uuid7(), "forged")) for _ in range(number)]

    await stands.receive(*forged(2))
    await stands.receive(*forged(5), stands.record(cancelled(uuid7()), value=b"{"))
    await stands.receive(*forged(4))
    assert {(g.state, g.rows, g.not_stored) for g in await stands.groups()} == {("rejected", 3, 8), ("rejected", 1, 0)}
    async with stands.database.unit_of_work() as uow:
        shown = await dead_letter_queries.list_rows(uow, limit=10)
    assert [row.not_stored for row in shown if row.reason == "wrong reason"] == [8, 0, 0]
    await stands.receive(stands.record(cancelled(stand_id := uuid7())))
    assert stands.handled == [stand_id]


async def test_events_that_were_rejected_for_a_wrong_key_take_effect_when_they_are_retried(
    stands: ProvenStands,
) -> None:
    """Also after later events of their aggregate."""
    stand_id, other = uuid7(), uuid7()
    await stands.receive(
        stands.record(cancelled(stand_id, "new")),
        stands.record(cancelled(stand_id), sequence=2),
        stands.record(cancelled(other, "forged")),
    )
    assert stands.handled == [stand_id]
    stands.accepted = "new"
    [summary] = [s async for s in replay.replay(stands.inbox, DeadLetterFilter(), who="night shift", rate=None)][-1:]
    assert (summary.replayed, summary.stale, summary.failed) == (1, 0, 1)
    assert summary.reasons == {"wrong reason"}
    assert stands.handled == [stand_id, stand_id]
    assert await stands.dead_letters() == [("rejected", "wrong reason")]


def test_a_check_that_cannot_work_is_refused_when_it_is_declared() -> None:
    consumer = EventConsumer("scheduling", name="listener")

    @consumer.on(StandCancelled)
    async def on_cancelled(event: StandCancelled, _: UnitOfWork) -> None: ...

    with pytest.raises(InvalidConsumerError, match="plain function"):

        @consumer.verify(StandCancelled)  # type: ignore[type-var]
        async def verify_later(event: StandCancelled, header: EventHeader) -> str:
            return ""

    with pytest.raises(InvalidConsumerError, match="plain function"):

        @consumer.verify(StandCancelled)
        def verify_too_little(event: StandCancelled) -> str:
            return ""

    @consumer.verify(StandCancelled)
    def verify_in_context(event: StandCancelled, header: EventHeader, context: str) -> str:
        return context

    with pytest.raises(InvalidConsumerError, match="verified by another"):
        consumer.verify(StandCancelled)(verify_in_context)
    with pytest.raises(InvalidConsumerError, match="takes a context"):
        assert consumer.verifiers
    assert consumer.bind("not proven").verifiers.keys() == {StandCancelled}

    @consumer.verify(StandMoved)
    def verify_moved(event: StandMoved, header: EventHeader) -> str:
        return ""

    with pytest.raises(InvalidConsumerError, match="nothing handles StandMoved"):
        assert consumer.bind("").verifiers

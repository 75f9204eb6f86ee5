"""Who is cut off, as the services that follow intake learn it: only with a proof, and never out of order."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from types import SimpleNamespace
from uuid import UUID

import pytest
import pytest_asyncio
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.messaging import rejected
from wanderamt.backbone.messaging.consumer import EventConsumer
from wanderamt.backbone.messaging.dead_letter import RawRecord
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.persistence import cut_offs
from wanderamt.backbone.persistence.database import Database
from wanderamt.contracts import AccessCutOff, AccessRestored, CutOffKind, EventHeader, access_id_of, encode
from wanderamt_testing.databases import OpenDatabase

EVENTS = {event.TYPE: event for event in (AccessCutOff, AccessRestored)}


def keyed_hash(plain: bytes) -> bytes:
    return hmac.digest(b"the key of the services", plain, hashlib.sha256)


@dataclass
class Services:
    """Intake, which decides, and a service that follows it."""

    intake: Database
    follower: Database
    offsets: Callable[[], int] = field(default_factory=lambda: count().__next__)

    def __post_init__(self) -> None:
        consumer = EventConsumer("scheduling", name="listener")

        cut_offs.declare_followers(consumer)
        self.inbox = Inbox(
            consumer.bind(SimpleNamespace(cipher=SimpleNamespace(keyed_hash=keyed_hash))),
            self.follower,
            "nowhere:9092",
            Topics(),
        )

    async def decide(self, id_: str, *, cut: bool, kind: CutOffKind = CutOffKind.DEVICE) -> RawRecord:
        """The record of the decision, which the follower has not received yet."""
        async with self.intake.unit_of_work() as uow:
            decide = cut_offs.cut_off if cut else cut_offs.restore
            await decide(uow, kind, id_, by="operator", reason="stolen", keyed_hash=keyed_hash)
        async with self.intake.unit_of_work() as uow:
            [row] = await uow.db.fetch("SELECT * FROM outbox ORDER BY id DESC LIMIT 1")
        event = EVENTS[row["type"]].model_validate_json(row["value"])
        return self.record(event, sequence=row["version"], id_=row["event_id"])

    def record(self, event: AccessCutOff | AccessRestored, *, sequence: int, id_: UUID | None = None) -> RawRecord:
        header = EventHeader(id_ or uuid7(), event.TYPE, "/wanderamt/intake", event.access_id, utc_now(), sequence, {})
        return RawRecord("access.v1", 0, self.offsets(), *encode(event, header))

    async def refused(self) -> list[str]:
        async with self.follower.unit_of_work() as uow:
            return [row["id"] for row in await uow.db.fetch("SELECT id FROM cut_off WHERE active ORDER BY id")]

    async def rejected(self) -> list[str]:
        async with self.follower.unit_of_work() as uow:
            rows = await uow.db.fetch("SELECT state, reason FROM dead_letter ORDER BY id")
        assert {row["state"] for row in rows} <= {"rejected"}
        return [row["reason"] for row in rows]


@pytest_asyncio.fixture
async def services(open_database: OpenDatabase) -> Services:
    return Services(await open_database("intake"), await open_database("scheduling"))


def altered(services: Services, record: RawRecord, *, sequence: int, **changes: object) -> RawRecord:
    """The record with another content, under another event id."""
    kind = next(event for event in EVENTS.values() if ("ce_type", event.TYPE.encode()) in record.headers)
    event = kind.model_validate_json(record.value or b"").model_copy(update=changes)
    return services.record(event, sequence=sequence)


async def test_what_intake_decides_is_followed(services: Services) -> None:
    for kind in CutOffKind:
        await services.inbox.process_batch([await services.decide(f"a {kind}", cut=True, kind=kind)])
    assert await services.refused() == ["a device", "a officer", "a session"]
    await services.inbox.process_batch([await services.decide("a device", cut=False)])
    assert await services.refused() == ["a officer", "a session"]
    await services.inbox.process_batch([await services.decide("a device", cut=True)])
    assert await services.refused() == ["a device", "a officer", "a session"]
    assert await services.rejected() == []


async def test_a_restore_without_proof_or_with_that_of_something_else_admits_nobody(services: Services) -> None:
    stolen = str(uuid7())
    cut = await services.decide(stolen, cut=True)
    other_cut = await services.decide("other", cut=True)
    other_restored = await services.decide("other", cut=False)
    await services.inbox.process_batch([cut, other_cut, other_restored])
    access_id = access_id_of(CutOffKind.DEVICE, stolen)
    forged = AccessRestored(access_id=access_id, kind=CutOffKind.DEVICE, id=stolen, restored_at=utc_now())
    proof = AccessRestored.model_validate_json(other_restored.value or b"").proof
    cut_proof = AccessCutOff.model_validate_json(cut.value or b"").proof
    for record, reason in (
        (services.record(forged, sequence=2), cut_offs.PROOF_MISSING),
        (services.record(forged.model_copy(update={"proof": ""}), sequence=2), cut_offs.PROOF_MISSING),
        (services.record(forged.model_copy(update={"proof": proof}), sequence=2), cut_offs.PROOF_INVALID),
        (services.record(forged.model_copy(update={"proof": cut_proof}), sequence=1), cut_offs.PROOF_INVALID),
        (services.record(forged.model_copy(update={"proof": "\u00fc" * 64}), sequence=2), cut_offs.PROOF_INVALID),
        (altered(services, other_restored, sequence=2, id=stolen, access_id=access_id), cut_offs.PROOF_INVALID),
        (altered(services, other_restored, sequence=2, kind=CutOffKind.OFFICER), cut_offs.PROOF_INVALID),
    ):
        await services.inbox.process_batch([record])
        assert (await services.rejected())[-1] == reason
    assert await services.refused() == [stolen]


async def test_a_true_restore_that_is_repeated_admits_nobody_who_was_cut_off_again(services: Services) -> None:
    records = [await services.decide("tablet", cut=cut) for cut in (True, False, True)]
    await services.inbox.process_batch(records)
    restored = records[1]
    await services.inbox.process_batch([restored._replace(offset=services.offsets())])
    await services.inbox.process_batch([altered(services, restored, sequence=2)])
    await services.inbox.process_batch([altered(services, restored, sequence=4)])
    assert await services.refused() == ["tablet"]
    assert (await services.rejected())[-1] == cut_offs.PROOF_INVALID


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'{"kind": "device"}'])
async def test_records_that_nobody_can_read_hold_up_no_revocation(services: Services, value: bytes | None) -> None:
    cut = await services.decide("tablet", cut=True)
    await services.inbox.process_batch([cut._replace(offset=services.offsets(), value=value)])
    assert len(await services.rejected()) == 1
    await services.inbox.process_batch([cut._replace(offset=services.offsets())])
    assert await services.refused() == ["tablet"]


@pytest.mark.parametrize(
    ("name", "value"),
    [*((name, None) for name in ("ce_id", "ce_sequence", "ce_specversion", "traceparent")), ("ce_time", b"2026-05-04")],
)
async def test_a_header_without_a_value_holds_up_no_revocation(
    services: Services, name: str, value: bytes | None
) -> None:
    """Kafka knows headers with a name alone."""
    cut = await services.decide("tablet", cut=True)
    headers = (*(header for header in cut.headers if header[0] != name), (name, value))
    await services.inbox.process_batch([cut._replace(offset=services.offsets(), headers=headers)])
    await services.inbox.process_batch([cut._replace(offset=services.offsets())])
    assert await services.refused() == ["tablet"]


async def test_a_revocation_that_arrives_after_its_end_changes_nothing(services: Services) -> None:
    """A rejected event may be handled after later ones."""
    cut, restored = await services.decide("tablet", cut=True), await services.decide("tablet", cut=False)
    await services.inbox.process_batch([restored])
    await services.inbox.process_batch([cut])
    assert await services.refused() == []


async def test_of_a_rejected_flood_a_bounded_number_of_rows_is_kept(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejected, "MAX_REJECTED", 3)
    cut = await services.decide("tablet", cut=True)
    flood = [cut._replace(offset=services.offsets(), value=b"{%d" % number) for number in range(9)]
    await services.inbox.process_batch([*flood, cut._replace(offset=services.offsets())])
    assert len(await services.rejected()) == 3
    assert await services.refused() == ["tablet"]

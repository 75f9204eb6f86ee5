"""The officers, devices and sessions that are refused everything. Intake decides; the other services follow events.

Invariants: an event has an effect only with a proof, a keyed hash over all that it says and over its sequence, made
with the key that seals personal data. Who may write to the topic but has no key of a service can neither admit somebody
again, nor repeat what was true before, nor hold up what is true.
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeAlias

import orjson

from wanderamt.backbone.messaging.consumer import EventConsumer
from wanderamt.backbone.messaging.records import ReceivedEvent
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import AccessCutOff, AccessRestored, CutOffKind, EventHeader, access_id_of

KeyedHash: TypeAlias = Callable[[bytes], bytes]
AccessEvent: TypeAlias = AccessCutOff | AccessRestored
PROOF_MISSING = "proof_missing"
PROOF_INVALID = "proof_invalid"


@dataclass(frozen=True, slots=True)
class CutOff:
    kind: CutOffKind
    id: str
    cut_by: str
    reason: str
    since: datetime


class ServiceKeys(Protocol):
    """The part of a service's cipher that proves: see security.keys.FieldCipher."""

    @property
    def keyed_hash(self) -> KeyedHash: ...


class FollowerContext(Protocol):
    """What the context of a consumer has, in a service that follows intake's decisions."""

    @property
    def cipher(self) -> ServiceKeys: ...


def declare_followers(consumer: EventConsumer) -> None:
    """Declares the handlers and the check of intake's decisions. The context of the consumer is a FollowerContext."""

    @consumer.verify(AccessCutOff)
    @consumer.verify(AccessRestored)
    def verify_access(event: AccessEvent, header: EventHeader, context: FollowerContext) -> str:
        """Only intake decides who is cut off: who else may write to the topic has no key."""
        return check_proof(event, header, context.cipher.keyed_hash)

    consumer.on_batch(AccessCutOff, AccessRestored, with_headers=True)(follow)


async def cut_off(uow: UnitOfWork, kind: CutOffKind, id_: str, *, by: str, reason: str, keyed_hash: KeyedHash) -> None:
    """Effective with the commit in this service, and in the others when its event arrives there."""
    version = await _decide(uow, kind, id_, active=True, by=by, reason=reason)
    event = AccessCutOff(access_id=access_id_of(kind, id_), kind=kind, id=id_, since=uow.now)
    _emit(uow, event, version, keyed_hash)


async def restore(uow: UnitOfWork, kind: CutOffKind, id_: str, *, by: str, reason: str, keyed_hash: KeyedHash) -> bool:
    """False: it was not cut off."""
    active = await uow.db.fetchval("SELECT active FROM cut_off WHERE kind = $1 AND id = $2 FOR UPDATE", kind, id_)
    if not active:
        return False
    version = await _decide(uow, kind, id_, active=False, by=by, reason=reason)
    event = AccessRestored(access_id=access_id_of(kind, id_), kind=kind, id=id_, restored_at=uow.now)
    _emit(uow, event, version, keyed_hash)
    return True


def check_proof(event: AccessEvent, header: EventHeader, keyed_hash: KeyedHash) -> str:
    """An empty text when intake decided exactly this, in this place of the order; else the code of the reason."""
    if not event.proof:
        return PROOF_MISSING
    expected = _proof(event, header.sequence, keyed_hash)
    return "" if hmac.compare_digest(event.proof.encode(), expected.encode()) else PROOF_INVALID


async def follow(items: Sequence[ReceivedEvent], uow: UnitOfWork) -> None:
    """In a service that does not decide: what intake told, whose proof was checked. An event older than what is known
    changes nothing."""
    for item in items:
        if isinstance(event := item.event, AccessEvent):
            active = isinstance(event, AccessCutOff)
            await uow.db.execute(
                """
                INSERT INTO cut_off (kind, id, active, version, cut_by, reason, since)
                VALUES ($1, $2, $3, $4, 'intake', '', $5)
                ON CONFLICT (kind, id) DO UPDATE
                    SET active = excluded.active, version = excluded.version, since = excluded.since
                    WHERE cut_off.version < excluded.version
                """,
                event.kind,
                event.id,
                active,
                item.header.sequence,
                _decided_at(event),
            )


async def active_cut_offs(uow: UnitOfWork, *, limit: int) -> list[CutOff]:
    """The newest first."""
    rows = await uow.db.fetch(
        "SELECT kind, id, cut_by, reason, since FROM cut_off WHERE active ORDER BY since DESC, kind, id LIMIT $1", limit
    )
    return [CutOff(CutOffKind(kind), id_, cut_by, reason, since) for kind, id_, cut_by, reason, since in rows]


async def _decide(uow: UnitOfWork, kind: CutOffKind, id_: str, *, active: bool, by: str, reason: str) -> int:
    """The version of the decision."""
    version: int = await uow.db.fetchval(
        """
        INSERT INTO cut_off (kind, id, active, version, cut_by, reason, since) VALUES ($1, $2, $3, 1, $4, $5, $6)
        ON CONFLICT (kind, id) DO UPDATE SET active = excluded.active, version = cut_off.version + 1,
            cut_by = excluded.cut_by, reason = excluded.reason, since = excluded.since
        RETURNING version
        """,
        kind,
        id_,
        active,
        by,
        reason,
        uow.now,
    )
    return version


def _emit(uow: UnitOfWork, event: AccessEvent, version: int, keyed_hash: KeyedHash) -> None:
    uow.emit(event.model_copy(update={"proof": _proof(event, version, keyed_hash)}), version=version)


def _decided_at(event: AccessEvent) -> datetime:
    return event.since if isinstance(event, AccessCutOff) else event.restored_at


def _proof(event: AccessEvent, version: int, keyed_hash: KeyedHash) -> str:
    at = _decided_at(event).astimezone(UTC).isoformat()
    fields = ["access", event.TYPE, str(event.access_id), event.kind, event.id, at, version]
    return keyed_hash(orjson.dumps(fields)).hex()

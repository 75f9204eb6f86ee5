"""Partners' systems that hear of events by web hook: what they may hear, when it is tried again, how it ends. Pure.

Kept true: nothing sealed and nobody's account name leaves the house; each event goes to a partner under its own id, so
that one that comes twice is known again.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit
from uuid import UUID

from pydantic_core import to_json
from wanderamt.contracts import EVENTS, Event
from wanderamt.kernel.decision import Job
from wanderamt.kernel.refusal import Refusal
from wanderamt.kernel.sealed import Sealed

from notifications.domain.refusals import BAD_TYPE, BAD_URL

# Svix's schedule: at once, then so many seconds after each failure; after the last it is left to a replay.
SCHEDULE_S: Final = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 36_000.0)
AT_ONCE: Final = 4  # to one partner at the same time: a slow one holds up nobody else
TOPICS: Final = frozenset({"case.v1", "document.v1", "stand.v1", "appointment.v1", "notice.v1"})
OURS: Final = frozenset({"question", "answer", "contact", "officer", "owner", "assertion"})
INTERNAL: Final = frozenset({"at.wanderamt.case.register-requested.v1"})
PUBLIC: Final[Mapping[str, type[Event]]] = {
    one.TYPE: one for one in EVENTS if one.TOPIC in TOPICS and one.TYPE not in INTERNAL
}


class DeliveryState(StrEnum):
    """held: the partner is paused. failed: tried to the end; a replay tries again."""

    WAITING = "waiting"
    HELD = "held"
    DONE = "done"
    FAILED = "failed"


class DeliverHook(Job):
    QUEUE: ClassVar[str] = "deliver-hook"
    KEY: ClassVar[str] = "lane"
    DEADLINE_S: ClassVar[int] = 10 * 86_400

    subscriber_id: UUID
    event_id: UUID
    lane: str


@dataclass(frozen=True, slots=True)
class Subscriber:
    """`secrets`: sealed; the newest first, an older one signs too until it is dropped."""

    id: UUID
    name: str
    url: str
    types: tuple[str, ...]
    secrets: Sealed
    active: bool
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    subscriber_id: UUID
    event_id: UUID
    type: str
    body: bytes
    state: DeliveryState
    tries: int
    since: datetime


@dataclass(frozen=True, slots=True)
class HookTask:
    """`secrets`: opened for this call alone."""

    url: str
    event_id: UUID
    body: bytes
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Posted:
    """The partner answered."""

    status: int


@dataclass(frozen=True, slots=True)
class NotPosted:
    """It did not, or it may not be asked: a word for the operator."""

    code: str


def job_of(subscriber_id: UUID, event_id: UUID) -> DeliverHook:
    return DeliverHook(subscriber_id=subscriber_id, event_id=event_id, lane=f"{subscriber_id}/{event_id}")


def body_of(event: Event, *, at: datetime) -> bytes:
    """As Standard Webhooks wants it: type, timestamp, data."""
    hidden = {name for name, field in type(event).model_fields.items() if name in OURS or _is_sealed(field.annotation)}
    told = {"type": event.TYPE, "timestamp": at.isoformat(), "data": event.model_dump(mode="json", exclude=hidden)}
    return to_json(told)


def after_post(tries: int, outcome: Posted | NotPosted) -> float | DeliveryState:
    """Seconds until the next try, or how it ended. `tries`: with this one."""
    if isinstance(outcome, Posted) and 200 <= outcome.status < 300:
        return DeliveryState.DONE
    if isinstance(outcome, Posted) and outcome.status == 410:  # gone: the partner wants no more
        return DeliveryState.HELD
    return SCHEDULE_S[tries - 1] if tries <= len(SCHEDULE_S) else DeliveryState.FAILED


def wrong_subscription(url: str, types: Sequence[str], networks: Sequence[str]) -> Refusal | None:
    """`networks`: of our own house that hooks may go to, CIDR; over plain http there alone."""
    where = urlsplit(url)
    if not where.hostname or where.username or where.scheme not in {"http", "https"}:
        return BAD_URL
    if where.scheme == "http" and not allowed(where.hostname, networks, own=True):
        return BAD_URL
    if _literal(where.hostname) and not allowed(where.hostname, networks):
        return BAD_URL
    return None if types and set(types) <= PUBLIC.keys() else BAD_TYPE


def allowed(address: str, networks: Sequence[str], *, own: bool = False) -> bool:
    """Whether a hook may go to this IP address. `own`: only to one of the networks."""
    literal = _literal(address)
    if literal is None:
        return False
    inside = any(literal in ipaddress.ip_network(one) for one in networks)
    return inside or (not own and literal.is_global)


def _literal(host: str) -> Any:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_sealed(annotation: Any) -> bool:
    return annotation is Sealed or Sealed in getattr(annotation, "__args__", ())

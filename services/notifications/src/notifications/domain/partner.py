"""Webhooks to partners' systems: which events they may get, the retry schedule, the end of a delivery. Pure.

Invariants: no encrypted field and no account name of staff leaves the city; an event goes to a partner under its own
id, so that the partner recognises a repetition.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from pydantic_core import to_json
from wanderamt.contracts import EVENTS, CaseApplicantChanged, Event, RegisterQueryRequested
from wanderamt.kernel.decision import Job
from wanderamt.kernel.refusal import Refusal
from wanderamt.kernel.sealed import Sealed

from notifications.domain.refusals import BAD_TYPE, BAD_URL

# Svix's schedule: one attempt at once, then one this many seconds after each failure; after the last, only a replay.
SCHEDULE_S: Final = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 36_000.0)
MAX_CONCURRENT: Final = 4  # deliveries to one partner: a slow partner must not delay the others
TOPICS: Final = frozenset({"case.v1", "document.v1", "stand.v1", "appointment.v1", "notice.v1"})
HIDDEN_FIELDS: Final = frozenset(
    {"question", "answer", "contact", "officer", "owner", "assertion", "queries", "applicant_hash"}
)
# IPv4-compatible, IPv4-translated, NAT64, 6to4
TRANSLATED: Final = tuple(map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "2002::/16")))
INTERNAL_TYPES: Final = frozenset({CaseApplicantChanged.TYPE, RegisterQueryRequested.TYPE})
PUBLIC_EVENTS: Final[Mapping[str, type[Event]]] = {
    event.TYPE: event for event in EVENTS if event.TOPIC in TOPICS and event.TYPE not in INTERNAL_TYPES
}


class WebhookState(StrEnum):
    """held: the partner is paused. failed: no attempt is left; a replay starts again."""

    WAITING = "waiting"
    HELD = "held"
    DONE = "done"
    FAILED = "failed"


class DeliverWebhook(Job):
    QUEUE: ClassVar[str] = "deliver-webhook"
    KEY: ClassVar[str] = "delivery_key"
    DEADLINE_S: ClassVar[int] = 10 * 86_400

    subscriber_id: UUID
    event_id: UUID
    delivery_key: str


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A partner's system. `secrets`: encrypted; the newest first, the one before it also signs."""

    id: UUID
    name: str
    url: str
    types: tuple[str, ...]
    secrets: Sealed
    active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    subscriber_id: UUID
    event_id: UUID
    type: str
    body: bytes
    state: WebhookState
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DeliverySummary:
    """A delivery as operators see it, without its body. `status`: HTTP status of the partner's last answer."""

    event_id: UUID
    type: str
    state: WebhookState
    attempts: int
    status: int | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class WebhookTask:
    """`secrets`: decrypted for this call."""

    url: str
    event_id: UUID
    body: bytes
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WebhookAnswered:
    """The partner answered with this HTTP status."""

    status: int


@dataclass(frozen=True, slots=True)
class WebhookNotAnswered:
    """No answer, or the address is not allowed. `code`: for the operator."""

    code: str


def delivery_job(subscriber_id: UUID, event_id: UUID) -> DeliverWebhook:
    return DeliverWebhook(subscriber_id=subscriber_id, event_id=event_id, delivery_key=f"{subscriber_id}/{event_id}")


def webhook_body(event: Event, *, at: datetime) -> bytes:
    """In the form of Standard Webhooks: type, timestamp, data."""
    hidden = {
        name
        for name, field in type(event).model_fields.items()
        if name in HIDDEN_FIELDS or _is_sealed(field.annotation)
    }
    return to_json(
        {"type": event.TYPE, "timestamp": at.isoformat(), "data": event.model_dump(mode="json", exclude=hidden)}
    )


def after_attempt(attempts: int, outcome: WebhookAnswered | WebhookNotAnswered) -> float | WebhookState:
    """Seconds until the next attempt, or the final state. `attempts` includes this one."""
    if isinstance(outcome, WebhookAnswered) and 200 <= outcome.status < 300:
        return WebhookState.DONE
    if isinstance(outcome, WebhookAnswered) and outcome.status == 410:  # Gone: the partner wants no more events
        return WebhookState.HELD
    return SCHEDULE_S[attempts - 1] if attempts <= len(SCHEDULE_S) else WebhookState.FAILED


def check_subscription(url: str, types: Sequence[str], networks: Sequence[str]) -> Refusal | None:
    """`networks`: the city's own networks (CIDR) that webhooks may reach; plain http is allowed there only."""
    target = _split_url(url)
    if not target or not target.hostname or target.username or target.scheme not in {"http", "https"}:
        return BAD_URL
    if target.scheme == "http" and not is_allowed_address(target.hostname, networks, own_networks_only=True):
        return BAD_URL
    if _ip_address(target.hostname) and not is_allowed_address(target.hostname, networks):
        return BAD_URL
    return None if types and set(types) <= PUBLIC_EVENTS.keys() else BAD_TYPE


def is_allowed_address(address: str, networks: Sequence[str], *, own_networks_only: bool = False) -> bool:
    """Whether a webhook may go to this IP address: a public one, or one in `networks`."""
    ip_address = _ip_address(address)
    if ip_address is None:
        return False
    inside = any(ip_address in ipaddress.ip_network(network) for network in networks)
    return inside or (not own_networks_only and _is_public(ip_address))


def _is_public(address: Any) -> bool:
    """Not a group of hosts, and not an IPv6 address that a gateway translates: it leads to any IPv4 address."""
    translated = any(address.version == 6 and address in network for network in TRANSLATED)
    return bool(address.is_global) and not address.is_multicast and not translated


def _split_url(url: str) -> SplitResult | None:
    """None for what no HTTP client takes: a wrong port, a bracket left open, a sign that must be encoded."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        (parts.hostname or "").encode("idna")  # as the resolver does: refuses an empty or a long label
        return parts if parts.port != 0 else None
    except ValueError:
        return None


def _ip_address(host: str) -> Any:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_sealed(annotation: Any) -> bool:
    return annotation is Sealed or Sealed in getattr(annotation, "__args__", ())

"""Builds notifications: settings, providers, texts, handlers, jobs, api."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from wanderamt.backbone.bulk import Bulk
from wanderamt.backbone.clock import Clock
from wanderamt.backbone.inbox import Inbox, Many
from wanderamt.backbone.on_demand import OnDemand
from wanderamt.contracts import Channel
from wanderamt.security.keys import Sealer
from wanderamt.shell.service import Ground as Floor
from wanderamt.shell.service import Service

from notifications import handlers
from notifications.api.routes import add_routes
from notifications.domain.deciding import House
from notifications.domain.notice import JOB_OF
from notifications.domain.partner import PUBLIC, DeliverHook
from notifications.domain.quiet import read_hours
from notifications.handlers.citizen import forget
from notifications.handlers.events import on_events
from notifications.handlers.ground import Ground, Line, Retention
from notifications.handlers.partners import any_partner, claim_hooks, on_public, record_hooks
from notifications.handlers.receipts import apply_due, end_unconfirmed, keep_receipts
from notifications.handlers.sending import claim_notices, may_go, record_calls
from notifications.handlers.weather import measure
from notifications.jobs.partners import post
from notifications.jobs.sending import Desk, send
from notifications.providers.connected import Callers, Contract, connect
from notifications.providers.hooks import TIMEOUT_S as HOOK_TIMEOUT_S
from notifications.providers.hooks import HookWire
from notifications.settings import Settings
from notifications.texts import Texts

NAME = "notifications"
HOOKS_AT_ONCE = 16
BEFORE_AND_AFTER_S = 5.0  # of a call: its moment, and writing down how it ended


def build(settings: Settings | None = None) -> "Office":
    settings = settings or Settings()
    floor = Floor.lay(NAME, "notifications", settings)
    zone = ZoneInfo(settings.time_zone)
    texts = Texts(settings.sender, settings.inquiries, f"{settings.public_url}/status", zone)
    house = House(settings.day_budget, zone, read_hours(settings.quiet_hours, zone), texts.newest)

    async def keep(provider: str, bodies: Sequence[bytes]) -> None:
        async with floor.database.work() as work:
            await keep_receipts(provider, bodies, work, ground=ground)

    callers = connect(settings.providers, sender=settings.sender, keep=keep)
    ground = Ground(
        house,
        Sealer(settings.sealing_key),
        _lines(callers, settings.providers),
        _retention(settings),
        timedelta(seconds=settings.return_every_s),
    )

    def now() -> datetime:
        return floor.database.sources.clock()

    networks = settings.partner_networks
    add_routes(
        floor.http,
        floor.database,
        ground,
        wording=settings.consent_wording,
        client_header=settings.client_header,
        networks=networks,
    )
    wire = HookWire(networks)
    desk = Desk(texts, ground.sealer, now)
    lanes = [_lane(channel, ground, callers, desk, slots=settings.slots) for channel in Channel]
    hooks = Bulk(
        job=DeliverHook,
        claim=partial(claim_hooks, ground=ground),
        call=partial(post, wire=wire, clock=now),
        record=record_hooks,
        slots=HOOKS_AT_ONCE,
        timeout_s=2 * HOOK_TIMEOUT_S,
    )
    events = Many(partial(on_events, ground=ground), whole=True)
    database = floor.database
    return Office(
        floor,
        {
            "relay": floor.relay(),
            "providers": callers,
            "hooks": wire,
            "jobs": floor.jobs([*lanes, hooks]),
            "inbox": floor.inbox(dict.fromkeys(handlers.ON, events)),
            "partners": OnDemand(_partner_inbox(floor), any_partner),
            "receipts": Clock(database, "receipts", partial(apply_due, ground=ground), every_s=1),
            "unconfirmed": Clock(database, "unconfirmed", partial(end_unconfirmed, ground=ground), every_s=300),
            "retention": Clock(database, "retention", partial(forget, ground=ground), every_s=600),
            "gauges": Clock(database, "gauges", partial(measure, ground=ground), every_s=5),
        },
        notices=ground,
    )


@dataclass
class Office(Service):
    """The service with what its commands need."""

    notices: Ground = field(kw_only=True)


def _partner_inbox(floor: Floor) -> Inbox:
    """A consumer of its own: what partners hear must not slow down what citizens do."""
    many = Many(on_public, whole=True)
    servers, topics = floor.settings.kafka_bootstrap_servers, floor.topics
    return Inbox(f"{NAME}-partners", dict.fromkeys(PUBLIC.values(), many), floor.database, servers, topics)


def _lane(channel: Channel, ground: Ground, callers: Callers, desk: Desk, *, slots: int) -> Bulk:
    timeouts = [one.manifest.longest_timeout_s for one in ground.of_channel(channel).values()]
    return Bulk(
        job=JOB_OF[channel],
        claim=partial(claim_notices, channel=channel, ground=ground),
        call=partial(send, callers=callers.connected, desk=desk),
        record=partial(record_calls, channel=channel, ground=ground),
        gate=partial(may_go, channel=channel, ground=ground),
        slots=slots,
        timeout_s=max(timeouts, default=10.0) * 2 + BEFORE_AND_AFTER_S,
    )


def _lines(callers: Callers, contracts: dict[str, Contract]) -> dict[str, Line]:
    return {
        name: Line(
            name=name,
            channel=one.channel,
            manifest=one.manifest,
            weight=contracts[name].weight,
            teller=one.adapter if one.receipts else None,
            receipt_key=one.receipt_key,
        )
        for name, one in callers.connected.items()
    }


def _retention(settings: Settings) -> Retention:
    return Retention(
        timedelta(days=settings.content_days),
        timedelta(days=settings.silent_days),
        timedelta(hours=settings.receipt_hours),
    )

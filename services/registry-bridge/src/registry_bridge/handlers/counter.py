"""Lookups at the counter: before the call, and after it."""

import json
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from connector_kit.cache import Kept, good_now
from connector_kit.manifest import Manifest
from connector_kit.policy import Ended, after
from connector_kit.register import ended, learned
from connector_kit.weather import weather
from wanderamt.backbone.work import Work
from wanderamt.kernel.decision import Pause
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import Sealer

from registry_bridge.domain.lookup import Found, Freshness, KeptAnswer, Lookup, may_look
from registry_bridge.domain.reading import Reading, Source, delivered
from registry_bridge.domain.refusals import NO_BRIDGE, TOO_MANY_LOOKUPS
from registry_bridge.domain.request import Answer, Called, answer_of
from registry_bridge.handlers.requests import DELIVERS, keeping
from registry_bridge.handlers.weather import Manifests, remember, take_moment
from registry_bridge.store import readings, registers, requests


@dataclass(frozen=True, slots=True)
class Begun:
    """`kept`: good to be given now. Else `wait_s`: until the call's moment; none when no call may go.

    `otherwise`: what is said when no answer comes in time.
    """

    kept: Kept[KeptAnswer] | None
    wait_s: float | None
    otherwise: Found
    stale: Kept[KeptAnswer] | None = None


async def begin_lookup(
    lookup: Lookup, fingerprint: bytes, call_id: UUID, work: Work, *, manifests: Manifests, an_hour: int
) -> Begun | Refusal:
    """Takes a moment of the register's pace, and a place of the counter's, when a call shall go."""
    manifest = manifests.get(lookup.register)
    if not manifest:
        return NO_BRIDGE
    if refusal := may_look(lookup, manifest):
        return refusal
    if await readings.count_readings(work, lookup.officer, since=work.now - timedelta(hours=1)) >= an_hour:
        return TOO_MANY_LOOKUPS
    rules = manifest.operations[lookup.operation].cache
    kept = await readings.find_kept(work, lookup.register, lookup.operation, fingerprint)
    state, _ = await registers.find_register(work, manifest.id)
    waits = await requests.waiting_for(work, manifest.id)
    down = Found(Freshness.DOWN, wait_s=weather(manifest, state, waits, now=work.now).wait_s)
    stale = good_now(kept, rules, down=True, now=work.now)
    if fresh := good_now(kept, rules, down=False, now=work.now):
        return Begun(fresh, None, down)
    wait_s = await take_moment(work, manifest, str(call_id), counter=True) if fingerprint else None
    return Begun(None, None if isinstance(wait_s, Pause) else wait_s, down, stale)


async def end_lookup(
    lookup: Lookup, call_id: UUID, called: Called, work: Work, *, manifest: Manifest, sealer: Sealer
) -> None:
    """Also of calls for which nobody waits any more: the next who asks finds the answer."""
    state, _ = await registers.lock_register(work, manifest.id)
    state = ended(state, str(call_id))
    await remember(work, manifest, learned(state, manifest, called.verdict, took_s=called.took_s, now=work.now))
    given = answer_in(called, manifest, lookup.operation)
    if given and given.verdict in DELIVERS and manifest.operations[lookup.operation].cache:
        sql, args = keeping(manifest.id, lookup.operation, called.fingerprint, given, work, sealer)
        await work.save(sql, *args)


async def deliver(
    lookup: Lookup, found: Called | Kept[KeptAnswer], work: Work, *, manifest: Manifest, sealer: Sealer
) -> Found | None:
    """What the officer is shown, written down with it. None when the call ended without an answer."""
    if isinstance(found, Called):
        given = answer_in(found, manifest, lookup.operation)
        if not given:
            return None
        shown = Found(Freshness.FRESH, given.verdict, _read(given.details), work.now, given.code)
        source = Source.REGISTER
        details = given.details
    else:
        details = sealer.open(found.answer.details) if found.answer.details else None
        shown = Found(Freshness.KEPT, found.answer.verdict, _read(details), found.as_of)
        source = Source.KEPT
    assert shown.verdict  # noqa: S101 -- both ways set it
    reading = Reading(
        officer=lookup.officer,
        purpose=lookup.purpose,
        case_id=lookup.case_id,
        request_id=None,
        register=lookup.register,
        operation=lookup.operation,
        verdict=shown.verdict,
        delivered=delivered(manifest, lookup.operation, details),
        source=source,
        as_of=shown.as_of or work.now,
    )
    sql, args = readings.reading_added(work, reading)
    await work.save(sql, *args)
    return shown


def answer_in(called: Called, manifest: Manifest, operation: str) -> Answer | None:
    step = after(manifest.operations[operation], called.verdict, called.attempt)
    return answer_of(step) if isinstance(step, Ended) else None


def _read(details: bytes | None) -> dict[str, object] | None:
    return json.loads(details) if details else None

"""A burst of notices on the real stack while one provider fails: how soon the other has them, and that nobody is told
twice; then how the traffic comes back, as the metrics show it."""

import asyncio
import re
from collections import Counter
from datetime import datetime

import httpx
from pydantic import SecretStr
from uuid_utils.compat import uuid7
from wanderamt.backbone.relay import new_producer
from wanderamt.backbone.sources import utc_now
from wanderamt.contracts import Head, headers_of
from wanderamt.security.keys import Sealer
from wanderamt.security.roles import Role

from wanderamt_bench.door import Untraced, whole_system
from wanderamt_bench.notices import issued
from wanderamt_bench.stage import Stage, quantile

NOTICES = 10_000
IN_TIME_S = 10.0
LIMITS = {"gate": {"rate_per_s": 2000.0, "concurrency": 32.0}, "smsc": {"rate_per_s": 5000.0, "concurrency": 400.0}}
RETURN_EVERY_S = 2
PAPER = re.compile(r"MB-2026-\d+")


async def bench_burst(stage: Stage) -> None:
    count = stage.rows(NOTICES)
    settings = {"WANDERAMT_RETURN_EVERY_S": str(RETURN_EVERY_S)}
    async with whole_system(stage, limits=LIMITS, carriers=("gate", "smsc", "post"), settings=settings) as (system, _):
        await system.turn("smsc", {"receipts": False})
        await _send(stage, system, 200, first=0)  # so that every process has done it once
        await _all_arrived(system, 200)
        before = await _points(system)
        await system.turn("gate", {"error_share": 1.0})
        told = await _send(stage, system, count, first=1000)
        await _all_arrived(system, 200 + count)
        arrived, times = await _seen(system)
        delays = [arrived[paper][0] - at.timestamp() for paper, at in told.items()]
        by = Counter(arrived[paper][1] for paper in told)
        shifted = await _points(system)
        await system.turn("gate", {"error_share": 0.0})
        returned = await _until_returned(stage, system)
    load = f"{count} documents issued at once, provider A answers 503 to everything; four services, simulators, servers"
    in_time = sum(delay <= IN_TIME_S for delay in delays) / count
    stage.note_alone("burst: notices handed over within 10 s of their event", 100 * in_time, "%", load)
    stage.note_alone("burst: p50 from event to provider", quantile(delays, 0.5), "s", load)
    stage.note_alone("burst: p99 from event to provider", quantile(delays, 0.99), "s", load)
    stage.note_alone("burst: by provider B", 100 * by["smsc"] / count, "%", load)
    stage.note_alone("burst: notices told twice", sum(number - 1 for number in times.values()), "notices", load)
    for name, points in (("before", before), ("while A fails", shifted), ("after A is well", returned)):
        stage.note_alone(f"burst: A's share of 50 {name}", points["gate"], "points", "GET /metrics of notifications")


async def _send(stage: Stage, system: Untraced, count: int, *, first: int) -> dict[str, datetime]:
    """By the document's number: when its event happened."""
    sealer = Sealer(SecretStr(system.state.secrets.sealing_key))
    producer = new_producer(stage.kafka.bootstrap_servers)
    await producer.start()
    told: dict[str, datetime] = {}
    try:
        for number in range(first, first + count):
            event = issued(sealer, number, at=utc_now())
            head = Head(uuid7(), event.TYPE, "/wanderamt/intake", event.document_id, utc_now(), 1, {})
            key, topic = str(event.document_id).encode(), f"{system.own}.document.v1"
            told[event.number] = head.time
            await producer.send(topic, event.model_dump_json().encode(), key=key, headers=list(headers_of(head)))
        await producer.flush()
    finally:
        await producer.stop()
    return told


async def _all_arrived(system: Untraced, count: int) -> None:
    """Asked of the service, not of the simulators: they have enough to do."""
    operator = system.token("operator@linz", Role.OPERATOR, audience="notifications")
    async with httpx.AsyncClient(timeout=30, headers={"Authorization": f"Bearer {operator}"}) as client:
        async with asyncio.timeout(180):
            while True:
                reply = await client.get(f"{system.url('notifications')}/notices/counts")
                counts = reply.json()
                if counts.get("sent", 0) + counts.get("delivered", 0) >= count:
                    return
                await asyncio.sleep(0.5)


async def _seen(system: Untraced) -> tuple[dict[str, tuple[float, str]], Counter[tuple[str, str]]]:
    """When each paper's text arrived and by which provider, and how often each citizen got each text."""
    received = await system.messengers()
    arrived: dict[str, tuple[float, str]] = {}
    times: Counter[tuple[str, str]] = Counter()
    for provider in ("gate", "smsc"):
        for one in received[provider]["messages"]:
            found = PAPER.search(one["text"])
            if found:
                arrived.setdefault(found.group(), (one["at"], provider))
            times[one["to"], one["text"]] += 1
    return arrived, times


async def _points(system: Untraced) -> dict[str, float]:
    """As an operator's scraper reads them."""
    await asyncio.sleep(6)  # the gauges look every five seconds
    operator = system.token("scraper@linz", Role.OPERATOR, audience="notifications")
    async with httpx.AsyncClient(timeout=30, headers={"Authorization": f"Bearer {operator}"}) as client:
        text = (await client.get(f"{system.url('notifications')}/metrics")).text
    found = re.findall(r'^notices_provider_points\{.*?provider="(\w+)".*?\} ([0-9.]+)$', text, re.MULTILINE)
    return {name: float(points) for name, points in found}


async def _until_returned(stage: Stage, system: Untraced) -> dict[str, float]:
    """A few notices a second, until A has its whole share or a minute is over."""
    points = await _points(system)
    sent = 0
    for step in range(8):
        await _send(stage, system, 30, first=500_000 + 1000 * step)
        sent += 30
        points = await _points(system)
        if points["gate"] >= 50:
            break
    return points

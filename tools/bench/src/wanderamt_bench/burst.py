"""A burst of notices in the whole system while one provider fails: how soon the other provider has them, whether a citizen
gets a message twice, and how the traffic returns afterwards, as the metrics show it."""

import asyncio
import re
from collections import Counter
from datetime import datetime

import httpx
from pydantic import SecretStr
from service_catalogue.authority import shipped_profile
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.messaging.relay import new_producer
from wanderamt.contracts import EventHeader, to_headers
from wanderamt.security.keys import FieldCipher
from wanderamt.security.roles import Role

from wanderamt_bench.bench_environment import BenchEnvironment, quantile
from wanderamt_bench.notices import document_issued
from wanderamt_bench.sync_endpoint import UntracedSystem, whole_system

NOTICES = 10_000
IN_TIME_S = 10.0
LIMITS = {
    "gate": {"rate_per_s": 2000.0, "max_concurrent_calls": 32.0},
    "smsc": {"rate_per_s": 5000.0, "max_concurrent_calls": 400.0},
}
REBALANCE_INTERVAL_S = 2
DOCUMENT_NUMBER = re.compile(r"MB-2026-\d+")


async def bench_burst(bench: BenchEnvironment) -> None:
    count = bench.scaled(NOTICES)
    settings = {"WANDERAMT_REBALANCE_INTERVAL_S": str(REBALANCE_INTERVAL_S)}
    async with whole_system(bench, limits=LIMITS, provider_names=("gate", "smsc", "post"), settings=settings) as (
        system,
        _,
    ):
        await system.set_faults("smsc", {"receipts": False})
        warm_up = bench.scaled(200, quick=20)
        await _send(bench, system, warm_up, first=0)  # warms up all processes
        await _all_arrived(system, warm_up)
        before = await _weights(system)
        await system.set_faults("gate", {"error_share": 1.0})
        sent_at = await _send(bench, system, count, first=1000)
        await _all_arrived(system, warm_up + count)
        arrived, times = await _received(system)
        delays = [arrived[number][0] - at.timestamp() for number, at in sent_at.items()]
        by_provider = Counter(arrived[number][1] for number in sent_at)
        shifted = await _weights(system)
        await system.set_faults("gate", {"error_share": 0.0})
        returned = await _until_returned(bench, system)
    load = f"{count} documents issued at once, provider A answers 503 to everything; four services, simulators, servers"
    in_time = sum(delay <= IN_TIME_S for delay in delays) / count
    bench.record_value("burst: notices sent within 10 s of their event", 100 * in_time, "%", load)
    bench.record_value("burst: p50 from event to provider", quantile(delays, 0.5), "s", load)
    bench.record_value("burst: p99 from event to provider", quantile(delays, 0.99), "s", load)
    bench.record_value("burst: by provider B", 100 * by_provider["smsc"] / count, "%", load)
    bench.record_value("burst: messages received twice", sum(count - 1 for count in times.values()), "notices", load)
    for name, weights in (("before", before), ("while A fails", shifted), ("after A recovered", returned)):
        bench.record_value(
            f"burst: weight of A of 50 {name}", weights["gate"], "points", "GET /metrics of notifications"
        )


async def _send(bench: BenchEnvironment, system: UntracedSystem, count: int, *, first: int) -> dict[str, datetime]:
    """Publishes the events; returns document number → time of its event."""
    cipher = FieldCipher(SecretStr(system.state.secrets.encryption_key), authority=shipped_profile().code)
    producer = new_producer(bench.kafka.bootstrap_servers)
    await producer.start()
    sent_at: dict[str, datetime] = {}
    try:
        for number in range(first, first + count):
            event = document_issued(cipher, number, at=utc_now())
            header = EventHeader(uuid7(), event.TYPE, "/wanderamt/intake", event.document_id, utc_now(), 1, {})
            key, topic = str(event.document_id).encode(), f"{system.prefix}.document.v1"
            sent_at[event.number] = header.time
            await producer.send(topic, event.model_dump_json().encode(), key=key, headers=list(to_headers(header)))
        await producer.flush()
    finally:
        await producer.stop()
    return sent_at


async def _all_arrived(system: UntracedSystem, count: int) -> None:
    """Waits for the counts of the service; polling the simulators would slow them down."""
    operator = system.token("operator@linz", Role.OPERATOR, audience="notifications")
    async with httpx.AsyncClient(timeout=30, headers={"Authorization": f"Bearer {operator}"}) as client:
        async with asyncio.timeout(180):
            while True:
                reply = await client.get(f"{system.url('notifications')}/notices/counts")
                counts = reply.json()
                if counts.get("sent", 0) + counts.get("delivered", 0) >= count:
                    return
                await asyncio.sleep(0.5)


async def _received(system: UntracedSystem) -> tuple[dict[str, tuple[float, str]], Counter[tuple[str, str]]]:
    """(document number → arrival time and provider of its message, (phone number, text) → how often it arrived)."""
    received = await system.received_messages()
    arrived: dict[str, tuple[float, str]] = {}
    times: Counter[tuple[str, str]] = Counter()
    for provider in ("gate", "smsc"):
        for message in received[provider]["messages"]:
            number = DOCUMENT_NUMBER.search(message["text"])
            if number:
                arrived.setdefault(number.group(), (message["at"], provider))
            times[message["to"], message["text"]] += 1
    return arrived, times


async def _weights(system: UntracedSystem) -> dict[str, float]:
    """The traffic weights by provider, read from GET /metrics."""
    await asyncio.sleep(6)  # services update these gauges every five seconds
    operator = system.token("scraper@linz", Role.OPERATOR, audience="notifications")
    async with httpx.AsyncClient(timeout=30, headers={"Authorization": f"Bearer {operator}"}) as client:
        text = (await client.get(f"{system.url('notifications')}/metrics")).text
    samples = re.findall(r'^notifications_provider_weight\{.*?provider="(\w+)".*?\} ([0-9.]+)$', text, re.MULTILINE)
    return {name: float(points) for name, points in samples}


async def _until_returned(bench: BenchEnvironment, system: UntracedSystem) -> dict[str, float]:
    """Sends a few notices per second until A has its whole weight again, or a minute has passed."""
    weights: dict[str, float] = {}
    for step in range(1 if bench.quick else 9):
        await _send(bench, system, 30, first=500_000 + 1000 * step)
        weights = await _weights(system)
        if weights["gate"] >= 50:
            break
    return weights

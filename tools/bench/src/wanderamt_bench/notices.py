"""Notices from their events on Kafka to the socket of a provider, compared with a bare loop."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer
from connector_kit.transports.smpp.connection import SmppConnection, SmppTarget
from connector_kit.transports.smpp.pdu import Pdu, SubmitMessage, submit_body
from notifications.app import build
from notifications.domain.kinds import NoticeKind
from notifications.message_templates import MessageTemplates
from notifications.providers.connections import ProviderConfig
from notifications.settings import NotificationSettings
from pydantic import SecretStr
from service_catalogue.authority import shipped_profile
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.messaging.relay import new_producer
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.contracts import Channel, DocumentIssued, EventHeader, to_headers
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.keys import FieldCipher
from wanderamt_local.processes import ProcessSpec, accepts_connections
from wanderamt_local.state import Secrets, free_port

from wanderamt_bench.bench_environment import BenchEnvironment, rate, wait_until

NOTICES = 20_000
WINDOW = 400
WORKERS = 16
PASSWORD = "bench"
SECRETS = Secrets.generate()


async def bench_notices(bench: BenchEnvironment) -> None:
    count = bench.scaled(NOTICES)
    pairs: list[tuple[float, float]] = []
    bulk: list[tuple[float, float]] = []
    async with providers(bench) as ports:
        for _ in range(bench.rounds):
            topics = await bench.topics()
            await fill(bench, topics, count)
            bare = await _bare(bench, topics, count, ports[1])
            ours = await _ours(bench, topics, count, ports[1])
            pairs.append((bare, ours))
            bulk.append((await _bare_bulk(bench, topics, count, ports[1]), ours))
    load = f"{count} documents issued, an SMS each over SMPP, receipts off, simulator and servers on the same cores"
    name = "notices from their event to the provider's socket"
    bench.record(f"{name} / a durable loop by hand", "notices/s", pairs, f"{load}; by hand: {WORKERS} workers")
    bench.record(f"{name} / in bulk by hand, without a promise", "notices/s", bulk, load)


@asynccontextmanager
async def providers(bench: BenchEnvironment) -> AsyncIterator[tuple[int, int, int]]:
    """The simulators of the message providers in their own process: (HTTP port, SMPP port, SMTP port)."""
    ports = free_port(), free_port(), free_port()

    async def ready() -> bool:
        return await accepts_connections("127.0.0.1", ports[0]) and await accepts_connections("127.0.0.1", ports[1])

    flags = [f"--{name}-port={port}" for name, port in zip(("sms", "smpp", "smtp"), ports, strict=True)]
    await bench.supervisor.start(
        ProcessSpec(
            name="message-simulators",
            argv=[
                sys.executable,
                *("-m", "notifications.providers.simulators", *flags, "--mails", str(bench.folder / "mails")),
            ],
            env={"WANDERAMT_SMPP_PASSWORD": PASSWORD, "WANDERAMT_RECEIPT_KEY": PASSWORD},
            log=bench.folder / "message-simulators.log",
            ready=ready,
        )
    )
    async with httpx.AsyncClient() as client:
        reply = await client.post(f"http://127.0.0.1:{ports[0]}/smsc/_simulator", json={"receipts": False})
        reply.raise_for_status()
    yield ports


def document_issued(cipher: FieldCipher, number: int, *, at: datetime) -> DocumentIssued:
    case_id = uuid7()
    contact = {"phone": f"+4366{number % 10**9:09}", "consent": "2026-1", "born": "1980-05-04"}
    return DocumentIssued(
        document_id=uuid7(),
        case_id=case_id,
        service="active_pass",
        stand_id=case_id,
        number=f"MB-2026-{number:06}",
        sha256="0" * 64,
        language="de",
        contact=cipher.seal(case_id, json.dumps(contact).encode()),
        issued_at=at,
    )


async def fill(bench: BenchEnvironment, topics: Topics, count: int) -> None:
    """Writes `count` DocumentIssued events to the topic, as intake does."""
    cipher = FieldCipher(SecretStr(SECRETS.encryption_key), authority=shipped_profile().code)
    producer = new_producer(bench.kafka.bootstrap_servers)
    await producer.start()
    try:
        for number in range(count):
            event = document_issued(cipher, number, at=utc_now())
            head = EventHeader(uuid7(), event.TYPE, "/wanderamt/intake", event.document_id, utc_now(), 1, {})
            topic, key = topics.name("document.v1"), str(event.document_id).encode()
            await producer.send(topic, event.model_dump_json().encode(), key=key, headers=list(to_headers(head)))
        await producer.flush()
    finally:
        await producer.stop()


async def _ours(bench: BenchEnvironment, topics: Topics, count: int, smpp_port: int) -> float:
    async with bench.database("notifications") as database:
        service = build(
            NotificationSettings(
                database_url=SecretStr(database.url),
                kafka_bootstrap_servers=bench.kafka.bootstrap_servers,
                topic_prefix=topics.prefix,
                trusted_proxies="none",
                token_public_key=SECRETS.token_public_key,
                encryption_key=SecretStr(SECRETS.encryption_key),
                quiet_hours="",
                providers={
                    "smsc": ProviderConfig(
                        bridge="smsc",
                        url=f"smpp://city@127.0.0.1:{smpp_port}",
                        secrets={"password": SecretStr(PASSWORD)},
                        rate_per_s=10_000,
                        max_concurrent_calls=WINDOW,
                    )
                },
            )
        )
        components = [service.components[name] for name in ("relay", "providers", "jobs", "inbox")]
        await service.context.database.start()

        async def drain() -> None:
            for component in components:
                await component.start()
            jobs: Any = service.components["jobs"]
            await wait_until(lambda: _reached(jobs, count), interval_s=0.05)

        try:
            return await rate(count, drain)
        finally:
            for component in reversed(components):
                await component.stop()
            await service.context.database.stop()


async def _reached(jobs: Any, count: int) -> bool:
    return bool(jobs.done >= count)


async def _bare(bench: BenchEnvironment, topics: Topics, count: int, smpp_port: int) -> float:
    """The bare loop, like the bare job queue: inserts each batch in one statement; sixteen workers claim one notice each
    (SKIP LOCKED), send it and delete it. No daily limit, preference, consent, traffic weight, breaker, rate limit, trace
    or event."""

    async def worker(pool: Any, send: Send, done: list[int]) -> None:
        while done[0] < count:
            row = await pool.fetchrow(
                """
                UPDATE bare_notice SET claimed_at = now() WHERE event_id = (
                    SELECT event_id FROM bare_notice WHERE claimed_at IS NULL ORDER BY seq LIMIT 1 FOR UPDATE SKIP LOCKED)
                RETURNING event_id, body
                """
            )
            if not row:
                await asyncio.sleep(0.005)
                continue
            answer = await send(json.loads(row["body"]))
            assert answer is not None
            assert not answer.status
            await pool.execute("DELETE FROM bare_notice WHERE event_id = $1", row["event_id"])
            done[0] += 1

    async with _by_hand(bench, topics, smpp_port) as (pool, consumer, send):
        done = [0]

        async def drain() -> None:
            await consumer.start()
            workers = [asyncio.create_task(worker(pool, send, done)) for _ in range(WORKERS)]
            while done[0] < count:
                await _insert(await _next_records(consumer), pool)
                await consumer.commit()
            await asyncio.gather(*workers)

        return await rate(count, drain)


async def _bare_bulk(bench: BenchEnvironment, topics: Topics, count: int, smpp_port: int) -> float:
    """The bare loop in bulk: inserts a batch, sends all of it at once, deletes it. After a crash outcomes are unknown."""
    async with _by_hand(bench, topics, smpp_port) as (pool, consumer, send):

        async def drain() -> None:
            await consumer.start()
            done = 0
            while done < count:
                records = await _next_records(consumer)
                fresh = await _insert(records, pool)
                answered = await asyncio.gather(*(send(body) for body in fresh.values()))
                assert not any(answer is None or answer.status for answer in answered)
                await pool.execute("DELETE FROM bare_notice WHERE event_id = ANY($1::uuid[])", list(fresh))
                await consumer.commit()
                done += len(records)

        return await rate(count, drain)


Send = Callable[[dict[str, Any]], Awaitable[Pdu | None]]


@asynccontextmanager
async def _by_hand(
    bench: BenchEnvironment, topics: Topics, smpp_port: int
) -> AsyncIterator[tuple[Any, AIOKafkaConsumer, Send]]:
    async with bench.database("notifications") as database:
        pool = await asyncpg.create_pool(database.url, min_size=WORKERS, max_size=WORKERS)
        await pool.execute(
            """
            CREATE TABLE bare_notice (event_id uuid PRIMARY KEY, seq bigint GENERATED ALWAYS AS IDENTITY,
                                      body json, claimed_at timestamptz)
            """
        )
        await pool.execute("CREATE INDEX ON bare_notice (seq) WHERE claimed_at IS NULL")
        consumer = AIOKafkaConsumer(
            topics.name("document.v1"),
            bootstrap_servers=bench.kafka.bootstrap_servers,
            group_id=f"{topics.prefix}bare-{uuid7().hex}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        authority = shipped_profile()
        cipher = FieldCipher(SecretStr(SECRETS.encryption_key), authority=authority.code)
        texts = MessageTemplates.of(authority)
        connection = await SmppConnection.bind(
            SmppTarget("127.0.0.1", smpp_port, "city", PASSWORD), _ignore, timeout_s=5
        )

        async def send(body: dict[str, Any]) -> Pdu | None:
            contact = json.loads(cipher.open(Sealed.model_validate(body["contact"])))
            facts = {"reference": body["number"], "code": body["case_id"][-10:]}
            text = texts.render(NoticeKind.DOCUMENT_READY, Channel.SMS, body["language"], facts)
            return await connection.submit(submit_body(SubmitMessage("Linz", contact["phone"], text.body)))

        try:
            yield pool, consumer, send
        finally:
            await consumer.stop()
            await connection.unbind()
            await pool.close()


async def _next_records(consumer: AIOKafkaConsumer) -> list[Any]:
    batches = await consumer.getmany(timeout_ms=100, max_records=500)
    return [record for batch in batches.values() for record in batch]


async def _insert(records: Sequence[Any], pool: Any) -> dict[UUID, dict[str, Any]]:
    """The new records, by event id."""
    events = {UUID(dict(record.headers)["ce_id"].decode()): record.value.decode() for record in records}
    rows = await pool.fetch(
        """
        INSERT INTO bare_notice (event_id, body) SELECT * FROM unnest($1::uuid[], $2::json[])
        ON CONFLICT DO NOTHING RETURNING event_id
        """,
        list(events),
        list(events.values()),
    )
    return {row["event_id"]: json.loads(events[row["event_id"]]) for row in rows}


async def _ignore(_: Sequence[bytes]) -> None:
    return None

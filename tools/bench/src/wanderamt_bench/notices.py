"""Notices from their events on Kafka to the socket of a provider, beside a loop by hand."""

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
from connector_kit.smpp.link import Address, Link
from connector_kit.smpp.pdu import Pdu, Submit, submit_body
from notifications.app import build
from notifications.domain.kinds import Kind
from notifications.providers.connected import Contract
from notifications.settings import Settings
from notifications.texts import Texts
from pydantic import SecretStr
from uuid_utils.compat import uuid7
from wanderamt.backbone.relay import new_producer
from wanderamt.backbone.sources import utc_now
from wanderamt.backbone.topics import Topics
from wanderamt.contracts import Channel, DocumentIssued, Head, headers_of
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.keys import Sealer
from wanderamt_local.processes import Command, answers
from wanderamt_local.state import Secrets, free_port

from wanderamt_bench.stage import Stage, rate, until

NOTICES = 20_000
WINDOW = 400
WORKERS = 16
PASSWORD = "bench"
SECRETS = Secrets.make()


async def bench_notices(stage: Stage) -> None:
    count = stage.rows(NOTICES)
    pairs: list[tuple[float, float]] = []
    barest: list[tuple[float, float]] = []
    async with providers(stage) as ports:
        for _ in range(stage.rounds):
            topics = await stage.topics()
            await fill(stage, topics, count)
            bare = await _bare(stage, topics, count, ports[1])
            ours = await _ours(stage, topics, count, ports[1])
            pairs.append((bare, ours))
            barest.append((await _barest(stage, topics, count, ports[1]), ours))
    load = f"{count} documents issued, an SMS each over SMPP, receipts off, simulator and servers on the same cores"
    name = "notices from their event to the provider's socket"
    stage.note(f"{name} / a durable loop by hand", "notices/s", pairs, f"{load}; by hand: {WORKERS} workers")
    stage.note(f"{name} / in bulk by hand, without a promise", "notices/s", barest, load)


@asynccontextmanager
async def providers(stage: Stage) -> AsyncIterator[tuple[int, int, int]]:
    """The messengers' simulators in a process of their own: (HTTP port, SMPP port, SMTP port)."""
    ports = free_port(), free_port(), free_port()

    async def ready() -> bool:
        return await answers("127.0.0.1", ports[0]) and await answers("127.0.0.1", ports[1])

    flags = [f"--{name}-port={port}" for name, port in zip(("sms", "smpp", "smtp"), ports, strict=True)]
    await stage.children.start(
        Command(
            name="messengers",
            argv=[
                sys.executable,
                *("-m", "notifications.providers.simulators", *flags, "--mails", str(stage.folder / "mails")),
            ],
            env={"WANDERAMT_SMPP_PASSWORD": PASSWORD, "WANDERAMT_RECEIPT_KEY": PASSWORD},
            log=stage.folder / "messengers.log",
            ready=ready,
        )
    )
    async with httpx.AsyncClient() as client:
        reply = await client.post(f"http://127.0.0.1:{ports[0]}/smsc/_simulator", json={"receipts": False})
        reply.raise_for_status()
    yield ports


def issued(sealer: Sealer, number: int, *, at: datetime) -> DocumentIssued:
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
        contact=sealer.seal(case_id, json.dumps(contact).encode()),
        issued_at=at,
    )


async def fill(stage: Stage, topics: Topics, count: int) -> None:
    """Documents of so many citizens, as intake tells of them."""
    sealer = Sealer(SecretStr(SECRETS.sealing_key))
    producer = new_producer(stage.kafka.bootstrap_servers)
    await producer.start()
    try:
        for number in range(count):
            event = issued(sealer, number, at=utc_now())
            head = Head(uuid7(), event.TYPE, "/wanderamt/intake", event.document_id, utc_now(), 1, {})
            topic, key = topics.name("document.v1"), str(event.document_id).encode()
            await producer.send(topic, event.model_dump_json().encode(), key=key, headers=list(headers_of(head)))
        await producer.flush()
    finally:
        await producer.stop()


async def _ours(stage: Stage, topics: Topics, count: int, smpp_port: int) -> float:
    async with stage.database("notifications") as database:
        service = build(
            Settings(
                database_url=SecretStr(database.url),
                kafka_bootstrap_servers=stage.kafka.bootstrap_servers,
                topic_prefix=topics.prefix,
                token_public_key=SECRETS.token_public_key,
                sealing_key=SecretStr(SECRETS.sealing_key),
                quiet_hours="",
                providers={
                    "smsc": Contract(
                        bridge="smsc",
                        url=f"smpp://city@127.0.0.1:{smpp_port}",
                        secrets={"password": SecretStr(PASSWORD)},
                        rate_per_s=10_000,
                        concurrency=WINDOW,
                    )
                },
            )
        )
        parts = [service.parts[name] for name in ("relay", "providers", "jobs", "inbox")]
        await service.ground.database.start()

        async def drain() -> None:
            for part in parts:
                await part.start()
            jobs: Any = service.parts["jobs"]
            await until(lambda: _reached(jobs, count), every_s=0.05)

        try:
            return await rate(count, drain)
        finally:
            for part in reversed(parts):
                await part.stop()
            await service.ground.database.stop()


async def _reached(jobs: Any, count: int) -> bool:
    return bool(jobs.done >= count)


async def _bare(stage: Stage, topics: Topics, count: int, smpp_port: int) -> float:
    """By hand, as the job queue's bare version: what came is inserted in one statement a batch; sixteen workers claim one
    each (SKIP LOCKED), send it and delete it. No budget, preference, consent, share, breaker, pace, trace or event."""

    async def worker(pool: Any, send: Send, done: list[int]) -> None:
        while done[0] < count:
            row = await pool.fetchrow(
                """
                UPDATE bare_notice SET lease = now() WHERE event_id = (
                    SELECT event_id FROM bare_notice WHERE lease IS NULL ORDER BY seq LIMIT 1 FOR UPDATE SKIP LOCKED)
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

    async with _by_hand(stage, topics, smpp_port) as (pool, consumer, send):
        done = [0]

        async def drain() -> None:
            await consumer.start()
            workers = [asyncio.create_task(worker(pool, send, done)) for _ in range(WORKERS)]
            while done[0] < count:
                await _insert(await _some(consumer), pool)
                await consumer.commit()
            await asyncio.gather(*workers)

        return await rate(count, drain)


async def _barest(stage: Stage, topics: Topics, count: int, smpp_port: int) -> float:
    """By hand and in bulk: a batch is inserted, all of it sent at once, and marked as sent. Nobody knows after a crash."""
    async with _by_hand(stage, topics, smpp_port) as (pool, consumer, send):

        async def drain() -> None:
            await consumer.start()
            done = 0
            while done < count:
                records = await _some(consumer)
                fresh = await _insert(records, pool)
                answered = await asyncio.gather(*(send(body) for body in fresh.values()))
                assert not any(answer is None or answer.status for answer in answered)
                await pool.execute("DELETE FROM bare_notice WHERE event_id = ANY($1::uuid[])", list(fresh))
                await consumer.commit()
                done += len(records)

        return await rate(count, drain)


Send = Callable[[dict[str, Any]], Awaitable[Pdu | None]]


@asynccontextmanager
async def _by_hand(stage: Stage, topics: Topics, smpp_port: int) -> AsyncIterator[tuple[Any, AIOKafkaConsumer, Send]]:
    async with stage.database("notifications") as database:
        pool = await asyncpg.create_pool(database.url, min_size=WORKERS, max_size=WORKERS)
        await pool.execute(
            """
            CREATE TABLE bare_notice (event_id uuid PRIMARY KEY, seq bigint GENERATED ALWAYS AS IDENTITY,
                                      body json, lease timestamptz)
            """
        )
        await pool.execute("CREATE INDEX ON bare_notice (seq) WHERE lease IS NULL")
        consumer = AIOKafkaConsumer(
            topics.name("document.v1"),
            bootstrap_servers=stage.kafka.bootstrap_servers,
            group_id=f"{topics.prefix}bare-{uuid7().hex}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        sealer, texts = Sealer(SecretStr(SECRETS.sealing_key)), Texts()
        link = await Link.bind(Address("127.0.0.1", smpp_port, "city", PASSWORD), _ignore, timeout_s=5)

        async def send(body: dict[str, Any]) -> Pdu | None:
            contact = json.loads(sealer.open(Sealed.model_validate(body["contact"])))
            facts = {"reference": body["number"], "code": body["case_id"][-10:]}
            text = texts.render(Kind.DOCUMENT_READY, Channel.SMS, body["language"], facts)
            return await link.submit(submit_body(Submit("Linz", contact["phone"], text.body)))

        try:
            yield pool, consumer, send
        finally:
            await consumer.stop()
            await link.unbind()
            await pool.close()


async def _some(consumer: AIOKafkaConsumer) -> list[Any]:
    found = await consumer.getmany(timeout_ms=100, max_records=500)
    return [record for batch in found.values() for record in batch]


async def _insert(records: Sequence[Any], pool: Any) -> dict[UUID, dict[str, Any]]:
    """Those that are new, by the event's id."""
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

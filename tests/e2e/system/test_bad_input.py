"""Every bad record on a topic becomes a dead letter with a reason; no partition stops and memory stays bounded."""

import asyncio
import json
from collections.abc import AsyncIterator

import asyncpg
import httpx
import psutil
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from aiokafka.structs import RecordMetadata
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.messaging.relay import new_producer
from wanderamt.backbone.messaging.topics import TOPIC_OWNERS
from wanderamt.contracts import EVENTS
from wanderamt_local.contracts import CONSUMED_EVENTS
from wanderamt_local.field_entries import RECEIPT_SERIES, LeasedNumbers, open_case_entry, whole_case
from wanderamt_local.system import SERVICES, System, database_of

MEGABYTES = 2 * 1024 * 1024
MAX_RSS_BYTES = 450 * 1024 * 1024
CONSUMERS = {topic: {s for s in SERVICES for e in CONSUMED_EVENTS[s] if topic == e.TOPIC} for topic in TOPIC_OWNERS}
BadRecord = tuple[str, int, bytes | None, list[tuple[str, bytes]]]
"""Topic, partition, value, headers."""


def header(topic: str, type_: str) -> dict[str, bytes]:
    return {
        "ce_specversion": b"1.0",
        "ce_id": str(uuid7()).encode(),
        "ce_type": type_.encode(),
        "ce_source": f"/wanderamt/{TOPIC_OWNERS[topic]}".encode(),
        "ce_subject": str(uuid7()).encode(),
        "ce_time": b"2026-05-04T09:30:00+00:00",
        "ce_sequence": b"1",
    }


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
values = st.one_of(
    st.none(),
    st.binary(max_size=300),
    anything.map(lambda value: json.dumps(value).encode()),
    st.just(b'{"case_id": "' + b"x" * MEGABYTES + b'"}'),
    st.just(b"[" * 50_000),
    st.just(b'{"case_id": 10' + b"0" * 5000 + b"}"),
)
broken_headers = st.one_of(
    st.dictionaries(st.text(max_size=12), st.binary(max_size=40), max_size=4).map(lambda fields: ("replace", fields)),
    st.sampled_from(
        ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_sequence"]
    ).flatmap(
        lambda name: st.one_of(
            st.just(("drop", str(name))),
            st.sampled_from([b"", b"\xff\xfe", b"\x00", b"x" * 5000, b"-1", b"0", b"9" * 40, b"nan"]).map(
                lambda raw: ("set", {name: raw})
            ),
        )
    ),
    st.integers(2, 99).map(lambda number: ("version", number)),
)


@st.composite
def bad_records(draw: st.DrawFn) -> BadRecord:
    topic = draw(st.sampled_from(sorted(TOPIC_OWNERS)))
    type_ = draw(st.sampled_from([event.TYPE for event in EVENTS if topic == event.TOPIC]))
    fields = header(topic, type_)
    match draw(st.none() | broken_headers):
        case ("replace", dict(replacement)):
            fields = replacement
        case ("drop", str(name)):
            del fields[name]
        case ("set", dict(change)):
            fields |= change
        case ("version", int(number)):
            fields["ce_type"] = f"{type_.rsplit('.', 1)[0]}.v{number}".encode()
    return topic, draw(st.integers(0, 11)), draw(values), list(fields.items())


@pytest_asyncio.fixture
async def producer(running_system: System) -> AsyncIterator[AIOKafkaProducer]:
    assert running_system.kafka
    producer = new_producer(running_system.kafka.bootstrap_servers)
    await producer.start()
    yield producer
    await producer.stop()


async def fetch(system: System, service: str, sql: str) -> list[asyncpg.Record]:
    assert system.postgres
    connection = await asyncpg.connect(system.postgres.database_url(database_of(service)))
    try:
        return list(await connection.fetch(sql))
    finally:
        await connection.close()


@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(records=st.lists(bad_records(), min_size=25, max_size=25))
async def test_every_bad_record_on_every_topic_becomes_a_dead_letter_with_a_reason(
    running_system: System, producer: AIOKafkaProducer, records: list[BadRecord]
) -> None:
    system = running_system
    sent: list[tuple[RecordMetadata, list[tuple[str, bytes]]]] = []
    for topic, partition, value, headers in records:
        key = None if value is not None else b"key"
        report = await producer.send_and_wait(topic, value, key=key, partition=partition, headers=headers)
        sent.append((report, headers))
    last: dict[tuple[str, int], int] = {}
    for report, _ in sent:
        last[report.topic, report.partition] = report.offset
    for service in SERVICES:
        async with asyncio.timeout(60):
            while True:
                watermarks = {
                    (row["topic"], row["partition"]): row["next_offset"]
                    for row in await fetch(system, service, "SELECT * FROM inbox_watermark")
                }
                consumed = {part: offset for part, offset in last.items() if service in CONSUMERS[part[0]]}
                if all(watermarks.get(part, 0) > offset for part, offset in consumed.items()):
                    break
                await asyncio.sleep(0.1)
    dead_letters: dict[tuple[str, int, int], set[str]] = {}
    for service in SERVICES:
        for row in await fetch(system, service, 'SELECT topic, partition, "offset", reason, value FROM dead_letter'):
            assert row["reason"]
            dead_letters.setdefault((row["topic"], row["partition"], row["offset"]), set()).add(service)
    for report, headers in sent:
        type_ = dict(headers).get("ce_type", b"").decode(errors="replace")
        consumers = {s for s in CONSUMERS[report.topic] for event in CONSUMED_EVENTS[s] if type_ == event.TYPE}
        known = any(type_ == event.TYPE for event in EVENTS)
        readers = consumers if known else CONSUMERS[report.topic]
        assert readers <= dead_letters.get((report.topic, report.partition, report.offset), set()), headers


async def test_afterwards_a_case_still_completes_and_memory_is_bounded(running_system: System) -> None:
    system = running_system
    device_id, stand_id, case_id = uuid7(), uuid7(), uuid7()
    clerk = {"Authorization": f"Bearer {await system.enrol(device_id, stand_id)}"}
    numbers = LeasedNumbers()
    async with httpx.AsyncClient(base_url=system.url("intake"), timeout=20) as http:
        await numbers.lease(http, series=RECEIPT_SERIES, block_id=uuid7(), headers=clerk)
    body = whole_case(
        "registration_confirmation",
        language="de",
        applicant={"given_name": "A", "family_name": "B", "birth_date": "1980-01-01"},
        numbers=numbers,
    )
    entry = open_case_entry(uuid7(), case_id, stand_id, device_seq=1, captured_at=utc_now(), body=body)
    async with httpx.AsyncClient(base_url=system.url("intake"), timeout=20) as http:
        (await http.post("/sync", json={"entries": [entry]}, headers=clerk)).raise_for_status()
        async with asyncio.timeout(60):
            while (await http.get(f"/cases/{case_id}", headers=clerk)).json()["document_id"] is None:
                await asyncio.sleep(0.2)
    for service in SERVICES:
        assert psutil.Process(system.supervisor.pid(service)).memory_info().rss < MAX_RSS_BYTES

"""Reads the final state of databases, topics and simulators, and audits it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from wanderamt.backbone.messaging.relay import BATCH as RELAY_BATCH
from wanderamt.backbone.messaging.topics import TOPIC_OWNERS
from wanderamt.contracts import InvalidEventError, decode_header
from wanderamt_local.contracts import CONSUMED_EVENTS
from wanderamt_local.system import SERVICES, database_of

from wanderamt_faults.audit import Findings, PublishedRecord, audit_log, audit_once
from wanderamt_faults.devices import SimulatedDevice
from wanderamt_faults.system_under_test import SystemUnderTest

TABLE_QUERIES = {
    "intake": {
        "cases": "SELECT case_id::text AS id, event_version AS version, state FROM case_file",
        "documents": "SELECT document_id::text AS id, case_id::text, number, pdf IS NOT NULL AS rendered FROM document",
        "entries": "SELECT entry_id::text AS id FROM entry",
    },
    "registry-bridge": {"requests": "SELECT request_id::text AS id, case_id::text, state FROM request"},
    "scheduling": {"visits": "SELECT case_id::text AS id, outcome FROM visit"},
    "notifications": {
        "notices": "SELECT notice_id::text AS id, about_id::text AS case_id, kind, channel, state, reason, version FROM notice"
    },
}
LEFT_OVER = """
    SELECT (SELECT count(*) FROM outbox) AS outbox, (SELECT count(*) FROM dead_letter) AS dead_letters,
           (SELECT count(*) FROM job WHERE status = 'failed') AS failed_jobs,
           (SELECT count(*) FROM job WHERE status NOT IN ('failed', 'succeeded')) AS jobs
"""
NEXT_ATTEMPT = """
    SELECT coalesce(extract(epoch FROM max(run_at) - now()), 0)::float8 FROM job
    WHERE status IN ('todo', 'outcome_unknown') AND run_at < now() + make_interval(secs => $1)
"""
LONGEST_BACKOFF_S = 600.0
Rows = list[dict[str, Any]]


@dataclass
class Evidence:
    """`next_attempt_s`: until the last of the jobs that wait for their next attempt is due; 0 if none waits."""

    tables: dict[str, Rows]
    left_over: dict[str, int]
    next_attempt_s: float
    records: list[PublishedRecord]
    sms: Counter[str]
    mails: Counter[str]

    @property
    def quiet(self) -> bool:
        """No work is left, neither in a database nor on a topic."""
        return not self.waiting

    @property
    def waiting(self) -> dict[str, int]:
        counts = {
            "cases": sum(row["state"] == "provisional" for row in self.tables["cases"]),
            "documents": sum(not row["rendered"] for row in self.tables["documents"]),
            "requests": sum(row["state"] == "waiting" for row in self.tables["requests"]),
            "notices": sum(row["state"] in {"created", "sending"} for row in self.tables["notices"]),
            "visits": sum(row["outcome"] == "open" for row in self.tables["visits"]),
            "unconsumed": len(self.tables["cases"]) - len(self.tables["visits"]),
            **self.left_over,
        }
        return {name: number for name, number in counts.items() if number}


async def gather(system: SystemUnderTest, *, topics: bool) -> Evidence:
    """Reads directly from the servers, not through the proxies. `topics`: also reads every topic from offset 0."""
    tables: dict[str, Rows] = {}
    left_over: Counter[str] = Counter()
    next_attempt_s = 0.0
    assert system.kafka
    ends = await log_ends(system.kafka.bootstrap_servers, TOPIC_OWNERS)
    for service in SERVICES:
        assert system.postgres
        connection = await asyncpg.connect(system.postgres.database_url(database_of(service)), timeout=10)
        try:
            async with connection.transaction():
                left_over.update(dict(await connection.fetchrow(LEFT_OVER)))
                next_attempt_s = max(next_attempt_s, await connection.fetchval(NEXT_ATTEMPT, LONGEST_BACKOFF_S))
                watermarks = await connection.fetch("SELECT topic, partition, next_offset FROM inbox_watermark")
                left_over["unread"] += _unread(service, ends, watermarks)
                for name, query in TABLE_QUERIES[service].items():
                    tables[name] = [dict(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()
    received = await system.received_messages()
    return Evidence(
        tables=tables,
        left_over=dict(left_over),
        next_attempt_s=next_attempt_s,
        records=await read_log(system.kafka.bootstrap_servers, TOPIC_OWNERS) if topics else [],
        sms=Counter(message["reference"] for message in received["gate"]["messages"]),
        mails=Counter({mail_id.split("@")[0]: times for mail_id, times in received["post"]["mails"].items()}),
    )


def _unread(service: str, ends: dict[TopicPartition, int], watermarks: Rows) -> int:
    """How many records of the topics that a service consumes are still beyond its watermarks."""
    next_offsets = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in watermarks}
    consumed = {event.TOPIC for event in CONSUMED_EVENTS[service]}
    return sum(max(0, end - next_offsets.get(tp, 0)) for tp, end in ends.items() if tp.topic in consumed)


async def log_ends(bootstrap_servers: str, names: Iterable[str]) -> dict[TopicPartition, int]:
    async with _reader(bootstrap_servers, names) as consumer:
        return await _ends(consumer)


async def read_log(bootstrap_servers: str, names: Iterable[str]) -> list[PublishedRecord]:
    """Every record of these topics, from offset 0 to their current ends."""
    records: list[PublishedRecord] = []
    async with _reader(bootstrap_servers, names) as consumer, asyncio.timeout(120):
        ends = await _ends(consumer)
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=1000, max_records=2000)).values():
                records += [_record(raw) for raw in batch]
    return records


async def _ends(consumer: Any) -> dict[TopicPartition, int]:
    return dict(await consumer.end_offsets(consumer.assignment()))


@asynccontextmanager
async def _reader(bootstrap_servers: str, names: Iterable[str]) -> AsyncIterator[Any]:
    consumer = AIOKafkaConsumer(
        *names, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest", group_id=None
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


def _record(raw: Any) -> PublishedRecord:
    try:
        header = decode_header(raw.headers)
    except InvalidEventError as error:
        return PublishedRecord(raw.topic, raw.partition, raw.offset, f"unreadable: {error}", "?", raw.offset, "?")
    return PublishedRecord(
        raw.topic, raw.partition, raw.offset, str(header.id), str(header.subject), header.sequence, header.type
    )


def audit(devices: Iterable[SimulatedDevice], evidence: Evidence, *, faults: int) -> Findings:
    """Compares the history of the devices with the evidence. Each fault may make a relay send one batch again."""
    tables = evidence.tables
    entries = [entry for device in devices for entry in device.entries]
    findings = Findings()
    for name, number in evidence.waiting.items():
        for _ in range(number):
            findings.report("stuck", name)
    for device in devices:
        for entry in device.waiting.values():
            findings.report("stuck", f"entry {entry.entry_id} got no answer")
        for refusal in device.refused:
            findings.report("lost", f"entry was refused: {refusal}")
    cases = {str(entry.case_id) for entry in entries}
    queried = {str(entry.case_id) for entry in entries if entry.channels}
    expected_notices: set[Hashable] = {
        (str(entry.case_id), "document_ready", channel) for entry in entries for channel in entry.channels
    }
    notices = tables["notices"]
    unknown: set[Hashable] = {row["id"] for row in notices if row["state"] == "unknown"}
    sent: dict[str, set[str]] = {
        channel: {row["id"] for row in notices if row["channel"] == channel and row["state"] != "dropped"}
        for channel in ("sms", "email")
    }
    for row in notices:
        superseded = row["reason"] == "superseded" and row["kind"] == "case_opened"
        if row["state"] == "failed" or (row["state"] == "dropped" and not superseded):
            findings.report("lost", f"notice {row['id']} is {row['state']}: {row['reason']}")
    checks = (
        ("entry", {str(entry.entry_id) for entry in entries}, _count(tables["entries"], "id")),
        ("case", cases, _count(tables["cases"], "id")),
        ("document of case", cases, _count(tables["documents"], "case_id")),
        ("document number", (), _count(tables["documents"], "number")),
        ("request of case", queried, _count(tables["requests"], "case_id")),
        ("visit of case", cases, _count(tables["visits"], "id")),
        (
            "notice",
            expected_notices,
            _count(notices, "case_id", "kind", "channel"),
        ),  # a notice of kind case_opened may exist or not
        ("sms", sent["sms"], evidence.sms),
        ("mail", sent["email"], evidence.mails),
    )
    for what, expected, counts in checks:
        findings.add(audit_once(what, expected, counts, unknown=unknown))
    for row in tables["cases"]:
        if row["state"] != "final":
            findings.report("lost", f"case {row['id']} is {row['state']}")
    for row in tables["visits"]:
        if row["outcome"] != "completed":
            findings.report("lost", f"in scheduling, case {row['id']} is {row['outcome']}")
    versions = {
        **{row["id"]: row["version"] for row in tables["cases"]},
        **{row["id"]: 1 for row in tables["documents"] if row["rendered"]},
        **{row["id"]: 1 for row in tables["requests"] if row["state"] == "answered"},
        **{row["id"]: row["version"] for row in notices},
    }
    findings.add(audit_log(evidence.records, versions, second_deliveries=faults * RELAY_BATCH))
    return findings


def _count(rows: Rows, *columns: str) -> Counter[Hashable]:
    return Counter(row[columns[0]] if len(columns) == 1 else tuple(row[name] for name in columns) for row in rows)

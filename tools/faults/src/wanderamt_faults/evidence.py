"""What databases, topics and simulators hold when all is quiet, and the audit of it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from wanderamt.backbone.relay import BATCH as RELAY_BATCH
from wanderamt.backbone.topics import OWNERS
from wanderamt.contracts import Undecodable, decode_head
from wanderamt_local.contracts import HEARS
from wanderamt_local.system import SERVICES, database_of

from wanderamt_faults.audit import Findings, Record, audit_log, audit_once
from wanderamt_faults.load import Device
from wanderamt_faults.rig import Rig

PRIVATE = {
    "intake": {
        "cases": "SELECT case_id::text AS id, told AS version, state FROM case_file",
        "documents": "SELECT document_id::text AS id, case_id::text, number, pdf IS NOT NULL AS made FROM document",
        "entries": "SELECT entry_id::text AS id FROM entry",
    },
    "registry-bridge": {"requests": "SELECT request_id::text AS id, case_id::text, state FROM request"},
    "scheduling": {"visits": "SELECT case_id::text AS id, outcome FROM visit"},
    "notifications": {
        "notices": "SELECT notice_id::text AS id, about_id::text AS case_id, kind, channel, state, reason, version FROM notice"
    },
}
LEFT_OVER = """
    SELECT (SELECT count(*) FROM outbox) AS outbox, (SELECT count(*) FROM parked) AS parked,
           (SELECT count(*) FROM job WHERE dead) AS dead_jobs, (SELECT count(*) FROM job WHERE NOT dead) AS jobs
"""
Rows = list[dict[str, Any]]


@dataclass
class Evidence:
    tables: dict[str, Rows]
    left_over: dict[str, int]
    records: list[Record]
    sms: Counter[str]
    mails: Counter[str]

    @property
    def quiet(self) -> bool:
        """Nothing is under way any more: not in a database, and not on a topic."""
        return not self.waiting

    @property
    def waiting(self) -> dict[str, int]:
        waits = {
            "cases": sum(row["state"] == "provisional" for row in self.tables["cases"]),
            "documents": sum(not row["made"] for row in self.tables["documents"]),
            "requests": sum(row["state"] == "waiting" for row in self.tables["requests"]),
            "notices": sum(row["state"] in {"decided", "sending"} for row in self.tables["notices"]),
            "visits": sum(row["outcome"] == "open" for row in self.tables["visits"]),
            "unheard": len(self.tables["cases"]) - len(self.tables["visits"]),
            **self.left_over,
        }
        return {name: number for name, number in waits.items() if number}


async def gather(rig: Rig, *, topics: bool) -> Evidence:
    """Straight from the servers, past all routes. `topics`: also read every topic from 0."""
    tables: dict[str, Rows] = {}
    left: Counter[str] = Counter()
    assert rig.kafka
    ends = await log_ends(rig.kafka.bootstrap_servers, OWNERS)
    for service in SERVICES:
        assert rig.postgres
        connection = await asyncpg.connect(rig.postgres.database_url(database_of(service)), timeout=10)
        try:
            async with connection.transaction():
                left.update(dict(await connection.fetchrow(LEFT_OVER)))
                marks = await connection.fetch("SELECT topic, partition, next_offset FROM inbox_mark")
                left["unread"] += _unread(service, ends, marks)
                for name, query in PRIVATE[service].items():
                    tables[name] = [dict(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()
    seen = await rig.messengers()
    return Evidence(
        tables=tables,
        left_over=dict(left),
        records=await read_log(rig.kafka.bootstrap_servers, OWNERS) if topics else [],
        sms=Counter(message["reference"] for message in seen["gate"]["messages"]),
        mails=Counter({mail_id.split("@")[0]: times for mail_id, times in seen["post"]["mails"].items()}),
    )


def _unread(service: str, ends: dict[TopicPartition, int], marks: Rows) -> int:
    """Records a service hears that are not behind its marks: on the topic, and not yet in its database."""
    read = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in marks}
    heard = {event.TOPIC for event in HEARS[service]}
    return sum(max(0, end - read.get(tp, 0)) for tp, end in ends.items() if tp.topic in heard)


async def log_ends(bootstrap_servers: str, names: Iterable[str]) -> dict[TopicPartition, int]:
    async with _reader(bootstrap_servers, names) as consumer:
        return await _ends(consumer)


async def read_log(bootstrap_servers: str, names: Iterable[str]) -> list[Record]:
    """Every record of these topics, from 0 to the end they have now."""
    records: list[Record] = []
    async with _reader(bootstrap_servers, names) as consumer, asyncio.timeout(120):
        ends = await _ends(consumer)
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=1000, max_records=2000)).values():
                records += [_record(one) for one in batch]
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


def _record(raw: Any) -> Record:
    try:
        head = decode_head(raw.headers)
    except Undecodable as error:
        return Record(raw.topic, raw.partition, raw.offset, f"unreadable: {error}", "?", raw.offset, "?")
    return Record(raw.topic, raw.partition, raw.offset, str(head.id), str(head.subject), head.sequence, head.type)


def audit(devices: Iterable[Device], evidence: Evidence, *, faults: int) -> Findings:
    """The devices' history against everything that is there. Each fault may make a relay send one batch again."""
    tables = evidence.tables
    entries = [entry for device in devices for entry in device.entries]
    findings = Findings()
    for name, number in evidence.waiting.items():
        for _ in range(number):
            findings.report("stuck", name)
    for device in devices:
        for entry in device.waiting.values():
            findings.report("stuck", f"entry {entry.entry_id} got no answer")
        for refused in device.refused:
            findings.report("lost", f"entry {refused} was refused")
    cases = {str(entry.case_id) for entry in entries}
    asked = {str(entry.case_id) for entry in entries if entry.channels}
    told: set[Hashable] = {
        (str(entry.case_id), "document_ready", channel) for entry in entries for channel in entry.channels
    }
    notices = tables["notices"]
    unsure: set[Hashable] = {row["id"] for row in notices if row["state"] == "unknown"}
    sent: dict[str, set[str]] = {
        channel: {row["id"] for row in notices if row["channel"] == channel and row["state"] != "dropped"}
        for channel in ("sms", "email")
    }
    for row in notices:
        overtaken = row["reason"] == "superseded" and row["kind"] == "case_opened"
        if row["state"] == "failed" or (row["state"] == "dropped" and not overtaken):
            findings.report("lost", f"notice {row['id']} is {row['state']}: {row['reason']}")
    checks = (
        ("entry", {str(entry.entry_id) for entry in entries}, _count(tables["entries"], "id")),
        ("case", cases, _count(tables["cases"], "id")),
        ("document of case", cases, _count(tables["documents"], "case_id")),
        ("document number", (), _count(tables["documents"], "number")),
        ("request of case", asked, _count(tables["requests"], "case_id")),
        ("visit of case", cases, _count(tables["visits"], "id")),
        ("notice", told, _count(notices, "case_id", "kind", "channel")),  # and of its opening one, or none
        ("sms", sent["sms"], evidence.sms),
        ("mail", sent["email"], evidence.mails),
    )
    for what, wanted, found in checks:
        findings.add(audit_once(what, wanted, found, maybe=unsure))
    for row in tables["cases"]:
        if row["state"] != "final":
            findings.report("lost", f"case {row['id']} is {row['state']}")
    for row in tables["visits"]:
        if row["outcome"] != "finished":
            findings.report("lost", f"scheduling believes case {row['id']} is {row['outcome']}")
    versions = {
        **{row["id"]: row["version"] for row in tables["cases"]},
        **{row["id"]: 1 for row in tables["documents"] if row["made"]},
        **{row["id"]: 1 for row in tables["requests"] if row["state"] == "answered"},
        **{row["id"]: row["version"] for row in notices},
    }
    findings.add(audit_log(evidence.records, versions, second_deliveries=faults * RELAY_BATCH))
    return findings


def _count(rows: Rows, *columns: str) -> Counter[Hashable]:
    return Counter(row[columns[0]] if len(columns) == 1 else tuple(row[name] for name in columns) for row in rows)

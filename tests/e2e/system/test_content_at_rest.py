"""After the work on a case, no disk holds its papers or a citizen's data in clear: not a table, a log or a topic.

The searched texts are ASCII without a character that JSON or SQL would escape. Compressed content would hide them, so
tables and topics are also read through their servers.
"""

import asyncio
import base64
import random
from hashlib import sha256
from pathlib import Path

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.messaging.topics import PARTITIONS, TOPIC_OWNERS
from wanderamt_local.field_entries import RECEIPT_SERIES, LeasedNumbers, case_entry, open_case_entry, whole_case
from wanderamt_local.system import SERVICES, System, database_of
from wanderamt_testing.waiting import wait_until

NAME = "Geheimnachname"
OTHER_NAME = "Zweitgeheimname"
PHONE = "436605559917"
MAIL = "geheime.adresse"
PHOTO_TEXT = "Geheimes-Foto-47110815"
PDF_HEADER = "%PDF-1."  # longer than the signature, so that no random bytes are equal to it
CONTROL = "Tablet-Kontrollwort"  # the label of the device lies in clear: a search that misses it proves nothing
MARKERS = (CONTROL, NAME, OTHER_NAME, PHONE, MAIL, PHOTO_TEXT, PDF_HEADER)
PHOTO = b"\xff\xd8\xff\xe0" + PHOTO_TEXT.encode() + random.Random(3).randbytes(150_000)
SCAN = b"%PDF-1.7\n" + PHOTO_TEXT.encode() * 100
STRANGERS = ("mails", "sftp-keys", "secrets", "env")  # what the simulated mail server received, and keys of the run

Found = tuple[str, str]
"""(place, text)."""


async def work_on_cases(system: System) -> None:
    """A case to its document and its notice, with papers that arrive, wait, conflict and are refused."""
    device_id, stand_id, case_id = uuid7(), uuid7(), uuid7()
    clerk = {"Authorization": f"Bearer {await system.enrol(device_id, stand_id, label=CONTROL)}"}
    numbers = LeasedNumbers()
    applicant = {"given_name": NAME, "family_name": NAME, "birth_date": "1971-12-31"}
    contact = {"phone": f"+{PHONE}", "email": f"{MAIL}@mail.example", "prefer": "sms"}
    async with httpx.AsyncClient(base_url=system.url("intake"), timeout=30, headers=clerk) as http:
        await numbers.lease(http, series=RECEIPT_SERIES, block_id=uuid7(), headers=clerk)
        body = whole_case("registration_confirmation", applicant=applicant, contact=contact, numbers=numbers)
        opened = open_case_entry(uuid7(), case_id, stand_id, device_seq=1, captured_at=utc_now(), body=body)
        waits = case_entry(
            "case.fill",
            uuid7(),
            uuid7(),
            stand_id,
            device_seq=2,
            case_seq=2,
            captured_at=utc_now(),
            body={"applicant": {"family_name": OTHER_NAME}},
        )
        unreadable = opened | {"entry_id": str(uuid7()), "device_seq": 3, "body": {"service": OTHER_NAME, "x": NAME}}
        results = (await http.post("/sync", json={"entries": [opened, waits, unreadable]})).json()["results"]
        assert [result["status"] for result in results] == ["accepted", "held", "refused"]
        for content, kind in ((PHOTO, "image/jpeg"), (SCAN, "application/pdf")):
            await upload(http, content, case_id=str(case_id), kind=kind)

        async def documented() -> bool:
            return bool((await http.get(f"/cases/{case_id}")).json()["document_id"])

        await wait_until(documented, timeout_s=60, interval_s=0.2)
        document_id = (await http.get(f"/cases/{case_id}")).json()["document_id"]
        pdf = (await http.get(f"/documents/{document_id}.pdf")).content
        assert pdf.startswith(PDF_HEADER.encode())
        page = await http.post("/verify.html?lang=en", files={"file": ("paper.pdf", pdf)})
        assert NAME in page.text

    async def informed() -> bool:
        received = await system.received_messages()
        return any(PHONE in sms["to"] for name in ("gate", "smsc") for sms in received[name]["messages"])

    await wait_until(informed, timeout_s=60, interval_s=0.2)


async def upload(http: httpx.AsyncClient, content: bytes, *, case_id: str, kind: str) -> None:
    fields = {
        "attachment_id": str(uuid7()),
        "case_id": case_id,
        "sha256": sha256(content).hexdigest(),
        "filetype": kind,
    }
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in fields.items())
    about = {"Upload-Length": str(len(content)), "Upload-Metadata": metadata}
    (await http.post("/attachments", headers=about)).raise_for_status()
    sent = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    (await http.patch(f"/attachments/{fields['attachment_id']}", content=content, headers=sent)).raise_for_status()


async def test_no_disk_holds_papers_or_personal_data_in_clear(running_system: System) -> None:
    system = running_system
    await work_on_cases(system)
    assert system.postgres
    hits: list[Found] = []
    for service in SERVICES:
        connection = await asyncpg.connect(system.postgres.database_url(database_of(service)))
        try:
            hits += [(f"{service}: {place}", text) for place, text in await in_tables(connection)]
            if service == SERVICES[-1]:
                await connection.execute("CHECKPOINT")
                hits += await in_files_of_postgres(connection)
        finally:
            await connection.close()
    hits += await in_topics(system)
    hits += await asyncio.to_thread(in_files, system.state.folder)
    assert "intake: device.label" in {place for place, text in hits if text == CONTROL}
    assert {place.split("/")[0] for place, text in hits if text == CONTROL} >= {"base", "pg_wal"}
    assert [place for place in hits if place[1] != CONTROL] == []


async def in_tables(connection: asyncpg.Connection) -> list[Found]:
    """Each column that holds one of the texts."""
    columns = await connection.fetch(
        """
        SELECT c.relname AS relation, a.attname AS name, a.atttypid = 'bytea'::regtype AS binary
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
        """
    )
    hits: list[Found] = []
    for relation, name, binary in columns:
        value, text = (f'"{name}"', "convert_to(m, 'UTF8')") if binary else (f'"{name}"::text', "m")
        rows = await connection.fetch(
            f'SELECT m FROM unnest($1::text[]) AS m WHERE EXISTS (SELECT 1 FROM "{relation}" '
            f"WHERE position({text} IN {value}) > 0)",
            MARKERS,
        )
        hits += [(f"{relation}.{name}", row["m"]) for row in rows]
    return hits


async def in_files_of_postgres(connection: asyncpg.Connection) -> list[Found]:
    """The server reads its own files: tables, indexes and the write-ahead log of all databases."""
    rows = await connection.fetch(
        """
        WITH RECURSIVE entry(path) AS (
            SELECT unnest(ARRAY['base', 'pg_wal', 'log'])
            UNION ALL
            SELECT path || '/' || name
            FROM entry CROSS JOIN LATERAL pg_ls_dir(CASE WHEN (pg_stat_file(path, true)).isdir THEN path END) AS name
        ),
        content AS MATERIALIZED (
            SELECT path, pg_read_binary_file(path, true) AS bytes FROM entry
            WHERE NOT (pg_stat_file(path, true)).isdir AND (pg_stat_file(path, true)).size > 0
        )
        SELECT path, m FROM content CROSS JOIN unnest($1::text[]) AS m
        WHERE position(convert_to(m, 'UTF8') IN bytes) > 0
        """,
        MARKERS,
        timeout=300,
    )
    return [(row["path"], row["m"]) for row in rows]


async def in_topics(system: System) -> list[Found]:
    """Key, value and headers of every record."""
    assert system.kafka
    consumer = AIOKafkaConsumer(bootstrap_servers=system.kafka.bootstrap_servers, group_id=None)
    await consumer.start()
    hits: list[Found] = []
    read = 0
    try:
        partitions = [TopicPartition(topic, number) for topic in TOPIC_OWNERS for number in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
            for tp, records in (await consumer.getmany(timeout_ms=1000)).items():
                for record in records:
                    read += 1
                    content = b"\0".join([record.key or b"", record.value or b"", *(raw for _, raw in record.headers)])
                    hits += [(f"{tp.topic}@{record.offset}", text) for text in MARKERS if text.encode() in content]
    finally:
        await consumer.stop()
    assert read
    return hits


def in_files(folder: Path) -> list[Found]:
    """Logs, traces, temporary files, and the log of Kafka. PostgreSQL reads its own files."""
    names = {path.name for path in folder.iterdir()}
    assert {"logs", "traces", "tmp"} <= names
    paths: list[Path] = []
    for name in names - {*STRANGERS, "postgres"}:
        top = folder / name
        paths += [path for path in top.rglob("*") if path.is_file()] if top.is_dir() else [top]
    return [(str(path), text) for path in paths for text in _texts_in(path)]


def _texts_in(path: Path) -> list[str]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:  # Kafka deletes its snapshots
        return []
    return [text for text in MARKERS if text.encode() in content]

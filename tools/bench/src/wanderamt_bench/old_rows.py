"""Fills the tables of a service with rows of past years: one row every two minutes, with UUIDv7 ids."""

import asyncpg

ROW_AGE = "(n - {rows}) * interval '2 minutes'"
BACKBONE_ROWS = (
    "INSERT INTO inbox (consumer, event_id) SELECT 'old', uuidv7({ago}) FROM generate_series(1, {rows}) n",
    "INSERT INTO inbox_version (consumer, topic, aggregate, version)"
    " SELECT 'old', 'case.v1', uuidv7({ago}), 1 FROM generate_series(1, {rows}) n",
)
SERVICE_ROWS = {
    "intake": (
        """
        INSERT INTO case_file (case_id, version, event_version, service, edition, stand_id, device_id, language, state,
                               captured_at, application_day, opened_at, owner, reason, finished_at, progress, changed)
        SELECT uuidv7({ago}), 7, 3, 'dog_registration', 'dog_registration@2024-12-01', uuidv7({ago}), uuidv7({ago}),
               'de', 'final', now(), now()::date, now(), 'intake', '', now(), '{{}}', n
        FROM generate_series(1, {rows}) n
        """,
        """
        INSERT INTO entry (entry_id, device_id, device_seq, case_id, case_seq, type, payload_hash, captured_at,
                           received_at, status)
        SELECT uuidv7({ago}), uuidv7({ago}), n, uuidv7({ago}), 1, 'case.open', '', now(), now(), 'applied'
        FROM generate_series(1, {rows}) n
        """,
        """
        INSERT INTO case_history (case_id, version, content, officer, happened_at)
        SELECT uuidv7({ago}), 7, '{{}}', 'clerk', now() FROM generate_series(1, {rows}) n
        """,
        """
        INSERT INTO document (document_id, case_id, number, version, ordered_at, issued_at, pdf, status_index)
        SELECT uuidv7({ago}), uuidv7({ago}), 'OLD-' || n, 2, now(), now(), '', 1000000000 + n
        FROM generate_series(1, {rows}) n
        """,
        """
        INSERT INTO payment (receipt, case_id, stand_id, device_id, officer, method, cents, noted_at)
        SELECT 'OLD-' || n, uuidv7({ago}), uuidv7({ago}), uuidv7({ago}), 'clerk', 'cash', 100, now()
        FROM generate_series(1, {rows}) n
        """,
    ),
    "registry_bridge": (
        """
        INSERT INTO request (request_id, case_id, register_name, operation, question, purpose, officer, state, outcome,
                             asked_at, answered_at)
        SELECT uuidv7({ago}), uuidv7({ago}), 'residents', 'confirm', '{{}}', 'old', 'clerk', 'answered', 'yes', now(), now()
        FROM generate_series(1, {rows}) n
        """,
    ),
    "notifications": (
        """
        INSERT INTO notice (notice_id, version, about, about_id, kind, occurrence, template_version, channel, language,
                            address_hash, state, reason, created_at, valid_until, ended_at, provider, provider_ref,
                            short_ref, attempts, outcome_unknown, superseded, tried_channels, contact_confirmed,
                            changed_at)
        SELECT uuidv7({ago}), 2, 'case', uuidv7({ago}), 'document_ready', '', 1, 'sms', 'de', sha256(n::text::bytea),
               'sent', '', now(), now(), now(), 'gate', '', 0, 1, false, false, '{{}}', true, now()
        FROM generate_series(1, {rows}) n
        """,
    ),
}


async def insert_old_rows(url: str, package: str, rows: int) -> None:
    """Inserts `rows` old rows into each table that grows, then analyses the tables and writes them to disk."""
    connection = await asyncpg.connect(url)
    try:
        for statement in (*BACKBONE_ROWS, *SERVICE_ROWS.get(package, ())):
            await connection.execute(statement.format(ago=ROW_AGE.format(rows=rows), rows=rows), timeout=600)
        await connection.execute("VACUUM ANALYZE", timeout=600)
        await connection.execute("CHECKPOINT", timeout=600)
    finally:
        await connection.close()

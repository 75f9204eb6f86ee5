"""The tables of the backbone, in the database of each service.

Tables used as queues carry their own autovacuum settings: the defaults do not keep up with tables that fill and empty
all day. Tables that keep rows for weeks (`inbox`, `inbox_version`) have settings for inserts.
"""

from string import Template

from alembic import op

revision = "0001"
down_revision = None

_QUEUE = Template("""
ALTER TABLE $table SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000
)""")

TABLES: tuple[str, ...] = (
    # the parts of an event's header; the relay builds the record headers from them
    """
    CREATE TABLE outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        event_id uuid NOT NULL DEFAULT uuidv7(),
        shard smallint NOT NULL,
        aggregate uuid NOT NULL,
        version integer NOT NULL,
        value bytea NOT NULL,
        type text NOT NULL,
        traceparent text NOT NULL DEFAULT '',
        emitted_at timestamptz NOT NULL
    )""",
    # the third part of a type names its topic: a case and a document may have the same id
    "CREATE UNIQUE INDEX outbox_version ON outbox (aggregate, version, split_part(type, '.', 3))",
    _QUEUE.substitute(table="outbox"),
    "CREATE TABLE relay_heartbeat (backend integer PRIMARY KEY, heartbeat_at timestamptz NOT NULL)",
    """
    CREATE TABLE inbox (
        consumer text NOT NULL,
        event_id uuid NOT NULL,
        handled_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (consumer, event_id)
    )""",
    "CREATE INDEX inbox_handled ON inbox USING brin (handled_at) WITH (pages_per_range = 16)",
    "ALTER TABLE inbox SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05)",
    """
    CREATE TABLE inbox_version (
        consumer text NOT NULL,
        topic text NOT NULL,
        aggregate uuid NOT NULL,
        version integer NOT NULL,
        seen_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (consumer, topic, aggregate)
    )""",
    "CREATE INDEX inbox_version_seen ON inbox_version USING brin (seen_at) WITH (pages_per_range = 16)",
    "ALTER TABLE inbox_version SET (autovacuum_vacuum_scale_factor = 0.02, fillfactor = 80)",
    """
    CREATE TABLE inbox_watermark (
        consumer text NOT NULL,
        topic text NOT NULL,
        partition integer NOT NULL,
        next_offset bigint NOT NULL,
        PRIMARY KEY (consumer, topic, partition)
    )""",
    """
    CREATE TABLE dead_letter (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        kind text NOT NULL DEFAULT 'event' CHECK (kind IN ('event', 'job')),
        consumer text NOT NULL,
        topic text CHECK ((topic IS NOT NULL) = (kind = 'event')),
        partition integer CHECK ((partition IS NOT NULL) = (kind = 'event')),
        "offset" bigint CHECK (("offset" IS NOT NULL) = (kind = 'event')),
        aggregate uuid,
        key bytea,
        value bytea,
        headers bytea CHECK ((headers IS NOT NULL) = (kind = 'event')),
        job_id uuid UNIQUE CHECK ((job_id IS NOT NULL) = (kind = 'job')),
        state text NOT NULL CHECK (state IN ('failed', 'blocked', 'unreadable', 'rejected')),
        reason text NOT NULL,
        stored_at timestamptz NOT NULL DEFAULT now(),
        type text NOT NULL DEFAULT '',
        fingerprint text NOT NULL DEFAULT '',
        attempts integer NOT NULL DEFAULT 1,
        not_stored bigint NOT NULL DEFAULT 0,
        UNIQUE (consumer, topic, partition, "offset")
    )""",
    "CREATE INDEX dead_letter_aggregate ON dead_letter (consumer, topic, aggregate) WHERE aggregate IS NOT NULL",
    "CREATE INDEX dead_letter_fingerprint ON dead_letter (consumer, fingerprint, id)",
    """
    CREATE TABLE audit_record (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT now(),
        who text NOT NULL,
        action text NOT NULL,
        subject_id text NOT NULL DEFAULT '',
        outcome text NOT NULL DEFAULT 'allowed',
        reason text NOT NULL DEFAULT '',
        device_id uuid,
        stand_id uuid,
        times integer NOT NULL DEFAULT 1,
        details jsonb NOT NULL DEFAULT '{}'
    )""",
    "CREATE INDEX audit_record_who ON audit_record (who, id)",
    "CREATE INDEX audit_record_subject ON audit_record (subject_id, id) WHERE subject_id <> ''",
    """
    CREATE TABLE cut_off (
        kind text NOT NULL CHECK (kind IN ('officer', 'device', 'session')),
        id text NOT NULL,
        active boolean NOT NULL,
        version integer NOT NULL,
        cut_by text NOT NULL,
        reason text NOT NULL,
        since timestamptz NOT NULL,
        PRIMARY KEY (kind, id)
    )""",
    # keyed hashes: of a client's network, a telephone number or a code
    """
    CREATE TABLE rate_limit_use (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key_hash bytea NOT NULL, used_at timestamptz NOT NULL
    )""",
    "CREATE INDEX rate_limit_use_key ON rate_limit_use (key_hash, used_at)",
    "CREATE INDEX rate_limit_use_age ON rate_limit_use USING brin (used_at) WITH (pages_per_range = 16)",
    _QUEUE.substitute(table="rate_limit_use"),
    """
    CREATE TABLE job (
        id uuid PRIMARY KEY,
        seq bigint GENERATED ALWAYS AS IDENTITY,
        queue text NOT NULL,
        key text NOT NULL,
        body jsonb NOT NULL,
        trace_context jsonb NOT NULL,
        run_at timestamptz NOT NULL,
        deadline timestamptz NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        status text NOT NULL DEFAULT 'todo'
            CHECK (status IN ('todo', 'running', 'outcome_unknown', 'succeeded', 'failed', 'blocked')),
        lease_token uuid,
        lease_expires_at timestamptz,
        last_error text NOT NULL DEFAULT '',
        created_at timestamptz NOT NULL DEFAULT now(),
        finished_at timestamptz
    )""",
    "CREATE INDEX job_head ON job (queue, key, seq) WHERE status <> 'succeeded'",
    "CREATE INDEX job_due ON job (queue, run_at, seq) WHERE status IN ('todo', 'outcome_unknown', 'running')",
    "CREATE INDEX job_failed ON job (queue, key) WHERE status = 'failed'",
    "CREATE INDEX job_finished ON job USING brin (finished_at) WITH (pages_per_range = 16)",
    _QUEUE.substitute(table="job"),
    # filled by each request with a proof, emptied a few minutes later; see persistence/used_proofs.py
    "CREATE UNLOGGED TABLE used_proof (proof bytea PRIMARY KEY, expires_at timestamptz NOT NULL)",
    "CREATE INDEX used_proof_expires ON used_proof USING brin (expires_at) WITH (pages_per_range = 16)",
    _QUEUE.substitute(table="used_proof"),
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)

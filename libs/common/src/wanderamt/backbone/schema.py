"""Tables of the backbone, created by each service's first migration in its own database.

Queue tables get their own autovacuum settings: the defaults fail on tables that are filled and emptied all day.
"""

from string import Template

_QUEUE = Template("""
ALTER TABLE $table SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000
)""")

CREATE: tuple[str, ...] = (
    """
    CREATE TABLE outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        event_id uuid NOT NULL UNIQUE,
        shard smallint NOT NULL,
        topic text NOT NULL,
        aggregate uuid NOT NULL,
        version integer NOT NULL,
        key bytea NOT NULL,
        value bytea NOT NULL,
        headers jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (aggregate, version)
    )""",
    _QUEUE.substitute(table="outbox"),
    """
    CREATE TABLE inbox (
        consumer text NOT NULL,
        event_id uuid NOT NULL,
        handled_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (consumer, event_id)
    )""",
    """
    CREATE TABLE inbox_version (
        consumer text NOT NULL,
        aggregate uuid NOT NULL,
        version integer NOT NULL,
        PRIMARY KEY (consumer, aggregate)
    )""",
    """
    CREATE TABLE parked (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        consumer text NOT NULL,
        topic text NOT NULL,
        partition integer NOT NULL,
        "offset" bigint NOT NULL,
        aggregate uuid,
        key bytea,
        value bytea,
        headers jsonb NOT NULL,
        state text NOT NULL CHECK (state IN ('parked', 'behind', 'quarantined')),
        reason text NOT NULL,
        parked_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (consumer, topic, partition, "offset")
    )""",
    "CREATE INDEX parked_aggregate ON parked (consumer, aggregate) WHERE aggregate IS NOT NULL",
    """
    CREATE TABLE job (
        id uuid PRIMARY KEY,
        seq bigint GENERATED ALWAYS AS IDENTITY,
        queue text NOT NULL,
        key text NOT NULL,
        body jsonb NOT NULL,
        trace jsonb NOT NULL,
        run_at timestamptz NOT NULL,
        deadline timestamptz NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        lease uuid,
        leased_until timestamptz,
        dead boolean NOT NULL DEFAULT false,
        reason text NOT NULL DEFAULT '',
        created_at timestamptz NOT NULL DEFAULT now()
    )""",
    "CREATE INDEX job_head ON job (queue, key, seq)",
    "CREATE INDEX job_due ON job (queue, run_at) WHERE NOT dead",
    _QUEUE.substitute(table="job"),
)

# Second step: a heartbeat of relays, the offsets a consumer has behind it, and parked rows that can be replayed.
REPLAYABLE: tuple[str, ...] = (
    # the writer stores what a head is made of; the relay makes the headers
    """
    ALTER TABLE outbox
        ADD COLUMN type text, ADD COLUMN traceparent text NOT NULL DEFAULT '', ADD COLUMN emitted_at timestamptz
    """,
    """
    UPDATE outbox SET type = headers->>'ce_type', traceparent = coalesce(headers->>'traceparent', ''),
                      emitted_at = (headers->>'ce_time')::timestamptz
    """,
    """
    ALTER TABLE outbox
        DROP COLUMN headers, DROP COLUMN key, DROP COLUMN topic, DROP COLUMN created_at,
        DROP CONSTRAINT outbox_event_id_key,
        ALTER COLUMN type SET NOT NULL, ALTER COLUMN emitted_at SET NOT NULL
    """,
    "CREATE TABLE relay_beat (backend integer PRIMARY KEY, beaten_at timestamptz NOT NULL)",
    """
    CREATE TABLE inbox_mark (
        consumer text NOT NULL,
        topic text NOT NULL,
        partition integer NOT NULL,
        next_offset bigint NOT NULL,
        PRIMARY KEY (consumer, topic, partition)
    )""",
    "CREATE INDEX inbox_handled ON inbox USING brin (handled_at) WITH (pages_per_range = 16)",
    "ALTER TABLE inbox SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05)",
    "ALTER TABLE inbox_version ADD COLUMN seen_at timestamptz NOT NULL DEFAULT now()",
    "CREATE INDEX inbox_version_seen ON inbox_version USING brin (seen_at) WITH (pages_per_range = 16)",
    "ALTER TABLE inbox_version SET (autovacuum_vacuum_scale_factor = 0.02, fillfactor = 80)",
    """
    ALTER TABLE parked
        ALTER COLUMN headers TYPE bytea USING convert_to(headers::text, 'UTF8'),
        ADD COLUMN type text NOT NULL DEFAULT '',
        ADD COLUMN fingerprint text NOT NULL DEFAULT '',
        ADD COLUMN attempts integer NOT NULL DEFAULT 1
    """,
    "CREATE INDEX parked_fingerprint ON parked (consumer, fingerprint, id)",
    """
    CREATE TABLE operator_action (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT now(),
        who text NOT NULL,
        action text NOT NULL,
        details jsonb NOT NULL
    )""",
    "ALTER TABLE job ADD COLUMN unsure boolean NOT NULL DEFAULT false",
    "ALTER TABLE job ADD COLUMN behind boolean NOT NULL DEFAULT false",
    "DROP INDEX job_due",
    "CREATE INDEX job_due ON job (queue, run_at, seq) WHERE NOT dead AND NOT behind",
    "CREATE INDEX job_dead ON job (queue, key) WHERE dead",
)

# Third step: an event gets its id in the database, in the statement that writes it.
EVENT_IDS: tuple[str, ...] = ("ALTER TABLE outbox ALTER COLUMN event_id SET DEFAULT uuidv7()",)

"""The tables of notifications."""

from alembic import op

revision = "0001"
down_revision = None

TABLES = (
    """
    CREATE TABLE notice (
        notice_id uuid PRIMARY KEY, version integer NOT NULL, about_id uuid NOT NULL, kind varchar NOT NULL,
        channel varchar NOT NULL, language varchar NOT NULL, state varchar NOT NULL, reason varchar NOT NULL,
        created_at timestamptz NOT NULL, valid_until timestamptz NOT NULL, ended_at timestamptz,
        about varchar NOT NULL, occurrence varchar NOT NULL, template_version integer NOT NULL,
        address_hash bytea NOT NULL, address bytea, variables bytea, provider varchar NOT NULL,
        provider_ref varchar NOT NULL, short_ref integer NOT NULL, attempts integer NOT NULL,
        outcome_unknown boolean NOT NULL, superseded boolean NOT NULL, tried_channels varchar[] NOT NULL,
        contact_confirmed boolean NOT NULL, changed_at timestamptz NOT NULL
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02)""",
    """
    CREATE UNIQUE INDEX notice_once
        ON notice (about_id, kind, address_hash, occurrence, template_version, channel)""",
    "CREATE INDEX notice_address_hash ON notice (address_hash, created_at)",
    "CREATE INDEX notice_provider_ref ON notice (provider, provider_ref) WHERE provider_ref <> ''",
    "CREATE INDEX notice_created ON notice USING brin (created_at)",
    """
    CREATE TABLE citizen_case (
        about_id uuid NOT NULL, about varchar NOT NULL, language varchar NOT NULL, contact jsonb,
        contact_confirmed boolean NOT NULL,
        status varchar NOT NULL, stage integer NOT NULL, reopen_count integer NOT NULL, number varchar NOT NULL,
        code varchar NOT NULL, stand_id uuid, place varchar NOT NULL, starts_at timestamptz, ends_at timestamptz,
        changed_at timestamptz, closed_at timestamptz, PRIMARY KEY (about_id, about)
    )""",
    "CREATE INDEX citizen_case_code ON citizen_case (code)",
    "CREATE INDEX citizen_case_stand ON citizen_case (stand_id) WHERE stand_id IS NOT NULL",
    "CREATE TABLE district (name varchar PRIMARY KEY, seen_at timestamptz NOT NULL)",
    """
    CREATE TABLE consent (
        address_hash bytea NOT NULL, channel varchar NOT NULL, purpose varchar NOT NULL,
        source_kind varchar NOT NULL, source uuid NOT NULL, wording varchar NOT NULL, given_at timestamptz NOT NULL,
        withdrawn_at timestamptz, withdrawn_by varchar, PRIMARY KEY (address_hash, purpose, source_kind, source)
    )""",
    "CREATE INDEX consent_source ON consent (source)",
    """
    CREATE TABLE preference (
        about_id uuid NOT NULL, about varchar NOT NULL, channel varchar, language varchar,
        changed_at timestamptz NOT NULL, PRIMARY KEY (about_id, about)
    )""",
    """
    CREATE TABLE subscription (
        address_hash bytea NOT NULL, district varchar NOT NULL, contact jsonb NOT NULL,
        about varchar NOT NULL, about_id uuid NOT NULL, language varchar NOT NULL, since timestamptz NOT NULL,
        PRIMARY KEY (about_id, about, address_hash, district)
    )""",
    "CREATE INDEX subscription_district ON subscription (district, address_hash)",
    "CREATE INDEX subscription_address ON subscription (address_hash)",
    """
    CREATE TABLE district_wish (
        about_id uuid NOT NULL, about varchar NOT NULL, address_hash bytea NOT NULL, channel varchar NOT NULL,
        districts varchar[] NOT NULL, language varchar NOT NULL, code_hash bytea NOT NULL,
        expires_at timestamptz NOT NULL, tries_left integer NOT NULL, PRIMARY KEY (about_id, about)
    )""",
    """
    CREATE TABLE provider (
        name varchar PRIMARY KEY, state jsonb NOT NULL, weight jsonb NOT NULL, changed_at timestamptz NOT NULL
    )""",
    """
    CREATE TABLE receipt (
        receipt_id uuid PRIMARY KEY, provider varchar NOT NULL, raw bytea, received_at timestamptz NOT NULL,
        state varchar NOT NULL, applied integer NOT NULL, next_attempt_at timestamptz
    )""",
    "CREATE INDEX receipt_due ON receipt (next_attempt_at) WHERE next_attempt_at IS NOT NULL",
    """
    CREATE TABLE task (
        task_id uuid PRIMARY KEY, notice_id uuid NOT NULL, about varchar NOT NULL, about_id uuid NOT NULL,
        kind varchar NOT NULL, reason varchar NOT NULL, raised_at timestamptz NOT NULL,
        done_at timestamptz, done_by varchar
    )""",
    "CREATE INDEX task_open ON task (raised_at) WHERE done_at IS NULL",
    """
    CREATE TABLE subscriber (
        subscriber_id uuid PRIMARY KEY, name varchar NOT NULL UNIQUE, url varchar NOT NULL, types varchar[] NOT NULL,
        secrets jsonb NOT NULL, active boolean NOT NULL, created_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL
    )""",
    """
    CREATE TABLE webhook_delivery (
        subscriber_id uuid NOT NULL REFERENCES subscriber ON DELETE CASCADE, event_id uuid NOT NULL,
        type varchar NOT NULL, body bytea, state varchar NOT NULL, attempts integer NOT NULL, status integer,
        created_at timestamptz NOT NULL, ended_at timestamptz, PRIMARY KEY (subscriber_id, event_id)
    )""",
    "CREATE INDEX webhook_delivery_created ON webhook_delivery USING brin (created_at)",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)

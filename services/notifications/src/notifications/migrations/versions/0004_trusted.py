"""Notices about cases, appointments and stands; who may be told; providers, receipts, tasks; the citizen's page;
partners who hear of it."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    "ALTER TABLE notice RENAME COLUMN case_id TO about_id",
    "ALTER TABLE notice DROP CONSTRAINT notice_case_id_kind_channel_key",
    """
    ALTER TABLE notice
        ADD COLUMN about varchar NOT NULL DEFAULT 'case',
        ADD COLUMN occurrence varchar NOT NULL DEFAULT '',
        ADD COLUMN template integer NOT NULL DEFAULT 1,
        ADD COLUMN person bytea NOT NULL DEFAULT '\\x',
        ADD COLUMN address bytea,
        ADD COLUMN facts bytea,
        ADD COLUMN provider varchar NOT NULL DEFAULT '',
        ADD COLUMN provider_ref varchar NOT NULL DEFAULT '',
        ADD COLUMN short_ref integer NOT NULL DEFAULT 0,
        ADD COLUMN tries integer NOT NULL DEFAULT 0,
        ADD COLUMN maybe boolean NOT NULL DEFAULT false,
        ADD COLUMN superseded boolean NOT NULL DEFAULT false,
        ADD COLUMN tried varchar[] NOT NULL DEFAULT '{}',
        ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now(),
        DROP COLUMN contact, DROP COLUMN reference
    """,
    # what waited in the old form cannot be sent in the new one: it is told as unknown, never sent twice
    "UPDATE notice SET state = 'unknown', reason = 'migrated', ended_at = now() WHERE state = 'decided'",
    "DELETE FROM job WHERE queue = 'send-notice'",
    """
    ALTER TABLE notice
        ALTER COLUMN about DROP DEFAULT, ALTER COLUMN occurrence DROP DEFAULT, ALTER COLUMN template DROP DEFAULT,
        ALTER COLUMN person DROP DEFAULT, ALTER COLUMN provider DROP DEFAULT, ALTER COLUMN provider_ref DROP DEFAULT,
        ALTER COLUMN short_ref DROP DEFAULT, ALTER COLUMN tries DROP DEFAULT, ALTER COLUMN maybe DROP DEFAULT,
        ALTER COLUMN superseded DROP DEFAULT, ALTER COLUMN tried DROP DEFAULT, ALTER COLUMN changed_at DROP DEFAULT
    """,
    "CREATE UNIQUE INDEX notice_once ON notice (about_id, kind, person, occurrence, template, channel)",
    "CREATE INDEX notice_person ON notice (person, decided_at)",
    "CREATE INDEX notice_ref ON notice (provider, provider_ref) WHERE provider_ref <> ''",
    "CREATE INDEX notice_ended ON notice USING brin (decided_at)",
    "ALTER TABLE notice SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02)",
    """
    CREATE TABLE subject (
        subject_id uuid PRIMARY KEY, about varchar NOT NULL, language varchar NOT NULL, contact jsonb,
        standing varchar NOT NULL, stage integer NOT NULL, round integer NOT NULL, number varchar NOT NULL,
        code varchar NOT NULL, stand_id uuid, place varchar NOT NULL, starts_at timestamptz, ends_at timestamptz,
        changed_at timestamptz, closed_at timestamptz
    )""",
    "CREATE INDEX subject_code ON subject (code)",
    "CREATE INDEX subject_stand ON subject (stand_id) WHERE stand_id IS NOT NULL",
    "CREATE TABLE district (name varchar PRIMARY KEY, seen_at timestamptz NOT NULL)",
    """
    CREATE TABLE consent (
        person bytea NOT NULL, channel varchar NOT NULL, purpose varchar NOT NULL, source uuid NOT NULL,
        wording varchar NOT NULL, given_at timestamptz NOT NULL, withdrawn_at timestamptz, withdrawn_by varchar,
        PRIMARY KEY (person, purpose, source)
    )""",
    """
    CREATE TABLE preference (
        person bytea PRIMARY KEY, channel varchar, language varchar, changed_at timestamptz NOT NULL
    )""",
    """
    CREATE TABLE subscription (
        person bytea NOT NULL, district varchar NOT NULL, contact jsonb NOT NULL, subject_id uuid NOT NULL,
        language varchar NOT NULL, since timestamptz NOT NULL, PRIMARY KEY (person, district)
    )""",
    "CREATE INDEX subscription_district ON subscription (district)",
    """
    CREATE TABLE provider (
        name varchar PRIMARY KEY, state jsonb NOT NULL, share jsonb NOT NULL, changed_at timestamptz NOT NULL
    )""",
    """
    CREATE TABLE receipt (
        receipt_id uuid PRIMARY KEY, provider varchar NOT NULL, raw bytea, received_at timestamptz NOT NULL,
        state varchar NOT NULL, applied integer NOT NULL, look_at timestamptz
    )""",
    "CREATE INDEX receipt_open ON receipt (look_at) WHERE look_at IS NOT NULL",
    """
    CREATE TABLE task (
        task_id uuid PRIMARY KEY, notice_id uuid NOT NULL, about varchar NOT NULL, about_id uuid NOT NULL,
        kind varchar NOT NULL, reason varchar NOT NULL, raised_at timestamptz NOT NULL,
        done_at timestamptz, done_by varchar
    )""",
    "CREATE INDEX task_open ON task (raised_at) WHERE done_at IS NULL",
    "CREATE TABLE door_try (try_id uuid PRIMARY KEY, door bytea NOT NULL, at timestamptz NOT NULL)",
    "CREATE INDEX door_try_door ON door_try (door, at)",
    """
    CREATE TABLE subscriber (
        subscriber_id uuid PRIMARY KEY, name varchar NOT NULL UNIQUE, url varchar NOT NULL, types varchar[] NOT NULL,
        secrets jsonb NOT NULL, active boolean NOT NULL, made_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
    )""",
    """
    CREATE TABLE delivery (
        subscriber_id uuid NOT NULL REFERENCES subscriber ON DELETE CASCADE, event_id uuid NOT NULL,
        type varchar NOT NULL, body bytea, state varchar NOT NULL, tries integer NOT NULL, status integer,
        since timestamptz NOT NULL, ended_at timestamptz, PRIMARY KEY (subscriber_id, event_id)
    )""",
    "CREATE INDEX delivery_ended ON delivery USING brin (since)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)

"""Stands as whole aggregates, resources with their facts, slots, appointments, waiting list, tickets, wishes, plans."""

from alembic import op

revision = "0006"
down_revision = "0005"

RESOURCES = ("pitch", "crew", "vehicle", "kit")

CHANGES = (
    "ALTER TABLE resource ADD COLUMN facts jsonb NOT NULL DEFAULT '{}'",
    "ALTER TABLE resource ADD COLUMN retired boolean NOT NULL DEFAULT false",
    """
    ALTER TABLE stand ADD COLUMN busy tstzrange, ADD COLUMN setup_min integer NOT NULL DEFAULT 0,
        ADD COLUMN teardown_min integer NOT NULL DEFAULT 0, ADD COLUMN desks integer NOT NULL DEFAULT 1,
        ADD COLUMN walk_in_share double precision NOT NULL DEFAULT 0.3, ADD COLUMN overbook integer NOT NULL DEFAULT 0,
        ADD COLUMN latitude double precision, ADD COLUMN longitude double precision, ADD COLUMN series varchar,
        ADD COLUMN reason varchar, ADD COLUMN changed_at timestamptz
    """,
    "UPDATE stand SET busy = during, state = CASE state WHEN 'scheduled' THEN 'confirmed' ELSE state END",
    "ALTER TABLE stand ALTER COLUMN busy SET NOT NULL",
    "CREATE INDEX ix_stand_begins ON stand (lower(during))",
    """
    CREATE TABLE slot (
        stand_id uuid NOT NULL REFERENCES stand, starts_at timestamptz NOT NULL, capacity integer NOT NULL,
        booked integer NOT NULL DEFAULT 0, PRIMARY KEY (stand_id, starts_at),
        CONSTRAINT never_overbooked CHECK (booked BETWEEN 0 AND capacity)
    ) WITH (fillfactor = 70)""",
    """
    CREATE TABLE appointment (
        appointment_id uuid PRIMARY KEY, stand_id uuid NOT NULL, service varchar NOT NULL,
        starts_at timestamptz NOT NULL, ends_at timestamptz NOT NULL, state varchar NOT NULL, version integer NOT NULL,
        hold_until timestamptz, language varchar NOT NULL, contact jsonb, who bytea, born bytea, holder bytea,
        arrived_at timestamptz, called_at timestamptz, desk varchar, moves integer NOT NULL DEFAULT 0,
        code varchar NOT NULL, tries integer NOT NULL DEFAULT 0, tried_at timestamptz, made_at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_appointment_stand_id ON appointment (stand_id, starts_at)",
    "CREATE INDEX ix_appointment_code ON appointment (code)",
    "CREATE INDEX ix_appointment_who ON appointment (who) WHERE state IN ('held', 'booked', 'conflict')",
    "CREATE INDEX ix_appointment_holder ON appointment (holder) WHERE state = 'held'",
    "CREATE INDEX ix_appointment_hold_until ON appointment (hold_until) WHERE state = 'held'",
    """
    CREATE TABLE waiting (
        waiting_id uuid PRIMARY KEY, stand_id uuid NOT NULL, service varchar NOT NULL, language varchar NOT NULL,
        contact jsonb NOT NULL, who bytea NOT NULL, born bytea NOT NULL, made_at timestamptz NOT NULL, ended varchar
    )""",
    "CREATE INDEX ix_waiting_stand_id ON waiting (stand_id, made_at) WHERE ended IS NULL",
    """
    CREATE TABLE ticket (
        ticket_id uuid PRIMARY KEY, stand_id uuid NOT NULL, label varchar NOT NULL, service varchar NOT NULL,
        issued_at timestamptz NOT NULL, state varchar NOT NULL, called_at timestamptz, desk varchar,
        ended_at timestamptz, UNIQUE (stand_id, label)
    )""",
    """
    CREATE TABLE wish (
        day date NOT NULL, district varchar NOT NULL, service varchar NOT NULL, source varchar NOT NULL,
        times double precision NOT NULL, PRIMARY KEY (day, district, service, source)
    )""",
    """
    CREATE TABLE plan (
        plan_id uuid PRIMARY KEY, state varchar NOT NULL, asked jsonb NOT NULL, problem jsonb, answer jsonb,
        share double precision NOT NULL DEFAULT 0, worth double precision NOT NULL DEFAULT 0,
        bound double precision, reason varchar, asked_at timestamptz NOT NULL, ended_at timestamptz
    )""",
)


def upgrade() -> None:
    for kind in RESOURCES:
        op.execute(f"ALTER TABLE stand DROP CONSTRAINT {kind}_taken")
    for statement in CHANGES:
        op.execute(statement)
    for kind in RESOURCES:
        op.execute(
            f"ALTER TABLE stand ADD CONSTRAINT {kind}_taken EXCLUDE USING gist"
            f" (int8range({kind}_id, {kind}_id, '[]') WITH &&, busy WITH &&)"
            " WHERE (state NOT IN ('draft', 'cancelled'))"
        )

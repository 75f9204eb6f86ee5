"""All tables of scheduling."""

from alembic import op

revision = "0001"
down_revision = None


def no_overlap(kind: str) -> str:
    """The resource of a stand is at no other stand at the same time; drafts and cancelled stands reserve nothing."""
    return (
        f"CONSTRAINT {kind}_taken EXCLUDE USING gist (int8range({kind}_id, {kind}_id, '[]') WITH &&, busy WITH &&)"
        " WHERE (state NOT IN ('draft', 'cancelled'))"
    )


TABLES = (
    """
    CREATE TABLE resource (
        resource_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind varchar NOT NULL, name varchar NOT NULL,
        facts jsonb NOT NULL DEFAULT '{}', retired boolean NOT NULL DEFAULT false, UNIQUE (kind, name)
    )""",
    f"""
    CREATE TABLE stand (
        stand_id uuid PRIMARY KEY, version integer NOT NULL, state varchar NOT NULL, district varchar NOT NULL,
        during tstzrange NOT NULL, busy tstzrange NOT NULL, pitch_id bigint NOT NULL, crew_id bigint NOT NULL,
        vehicle_id bigint NOT NULL, kit_id bigint NOT NULL, services varchar[] NOT NULL, occasion varchar,
        target_group varchar, setup_min integer NOT NULL DEFAULT 0, teardown_min integer NOT NULL DEFAULT 0,
        desks integer NOT NULL DEFAULT 1, walk_in_share double precision NOT NULL DEFAULT 0.3,
        overbook integer NOT NULL DEFAULT 0, latitude double precision, longitude double precision, series varchar,
        reason varchar, changed_at timestamptz,
        {no_overlap("pitch")},
        {no_overlap("crew")},
        {no_overlap("vehicle")},
        {no_overlap("kit")}
    )""",
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
        hold_until timestamptz, language varchar NOT NULL, contact jsonb, address_hash bytea, birth_date_hash bytea,
        holder bytea, arrived_at timestamptz, called_at timestamptz, desk varchar, moves integer NOT NULL DEFAULT 0,
        code varchar NOT NULL, made_at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_appointment_stand_id ON appointment (stand_id, starts_at)",
    "CREATE INDEX ix_appointment_code ON appointment (code)",
    "CREATE INDEX ix_appointment_address_hash ON appointment (address_hash)"
    " WHERE state IN ('held', 'booked', 'needs_rebooking')",
    "CREATE INDEX ix_appointment_holder ON appointment (holder) WHERE state IN ('held', 'booked', 'needs_rebooking')",
    "CREATE INDEX ix_appointment_hold_until ON appointment (hold_until) WHERE state = 'held'",
    """
    CREATE TABLE contact_code (
        address_hash bytea PRIMARY KEY, code_hash bytea NOT NULL, expires_at timestamptz NOT NULL,
        tries_left integer NOT NULL
    )""",
    """
    CREATE TABLE waiting (
        waiting_id uuid PRIMARY KEY, stand_id uuid NOT NULL, service varchar NOT NULL, language varchar NOT NULL,
        contact jsonb NOT NULL, address_hash bytea NOT NULL, birth_date_hash bytea NOT NULL,
        made_at timestamptz NOT NULL, ended varchar
    )""",
    "CREATE INDEX ix_waiting_stand_id ON waiting (stand_id, made_at) WHERE ended IS NULL",
    """
    CREATE TABLE ticket (
        ticket_id uuid PRIMARY KEY, stand_id uuid NOT NULL, label varchar NOT NULL, service varchar NOT NULL,
        issued_at timestamptz NOT NULL, state varchar NOT NULL, called_at timestamptz, desk varchar,
        ended_at timestamptz, UNIQUE (stand_id, label)
    )""",
    """
    CREATE TABLE visit (
        case_id uuid PRIMARY KEY, stand_id uuid NOT NULL, service varchar NOT NULL, outcome varchar NOT NULL,
        opened_at timestamptz, ended_at timestamptz
    )""",
    "CREATE INDEX ix_visit_stand_id ON visit (stand_id)",
    """
    CREATE TABLE wish (
        day date NOT NULL, district varchar NOT NULL, service varchar NOT NULL, source varchar NOT NULL,
        times double precision NOT NULL, PRIMARY KEY (day, district, service, source)
    )""",
    """
    CREATE TABLE plan (
        plan_id uuid PRIMARY KEY, state varchar NOT NULL, request jsonb NOT NULL, solver_input jsonb,
        solver_result jsonb, progress double precision NOT NULL DEFAULT 0,
        objective double precision NOT NULL DEFAULT 0, bound double precision, reason varchar,
        requested_at timestamptz NOT NULL, ended_at timestamptz
    )""",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)

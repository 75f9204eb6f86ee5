"""The backbone's tables and those of scheduling."""

from alembic import op
from wanderamt.backbone import schema

revision = "0001"
down_revision = None

TABLES = (
    """
    CREATE TABLE resource (
        resource_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind varchar NOT NULL, name varchar NOT NULL,
        UNIQUE (kind, name)
    )""",
    """
    CREATE TABLE stand (
        stand_id uuid PRIMARY KEY, version integer NOT NULL, state varchar NOT NULL, district varchar NOT NULL,
        during tstzrange NOT NULL, pitch_id bigint NOT NULL, crew_id bigint NOT NULL, vehicle_id bigint NOT NULL,
        kit_id bigint NOT NULL, services varchar[] NOT NULL,
        CONSTRAINT pitch_taken EXCLUDE USING gist
            (int8range(pitch_id, pitch_id, '[]') WITH &&, during WITH &&) WHERE (state <> 'cancelled'),
        CONSTRAINT crew_taken EXCLUDE USING gist
            (int8range(crew_id, crew_id, '[]') WITH &&, during WITH &&) WHERE (state <> 'cancelled'),
        CONSTRAINT vehicle_taken EXCLUDE USING gist
            (int8range(vehicle_id, vehicle_id, '[]') WITH &&, during WITH &&) WHERE (state <> 'cancelled'),
        CONSTRAINT kit_taken EXCLUDE USING gist
            (int8range(kit_id, kit_id, '[]') WITH &&, during WITH &&) WHERE (state <> 'cancelled')
    )""",
)


def upgrade() -> None:
    for statement in (*schema.CREATE, *TABLES):
        op.execute(statement)

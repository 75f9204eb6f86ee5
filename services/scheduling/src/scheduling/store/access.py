"""What `shell.access` asks the database about resources: the stand of an appointment."""

from wanderamt.shell.access import AccessLookup

ACCESS = AccessLookup(
    stands_of={
        "appointment_id": "SELECT stand_id FROM appointment WHERE appointment_id = $4",
        "stand_id": "SELECT $4::uuid",
    }
)

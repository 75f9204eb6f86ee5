"""What `shell.access` asks the database about callers and resources: the stands of a case, and enrolled devices."""

from wanderamt.shell.access import AccessLookup

_OF_CASE = """
    SELECT stand_id FROM case_file WHERE case_id = $4 UNION ALL SELECT stand_id FROM case_stand WHERE case_id = $4
"""


def _of(table: str, id_column: str) -> str:
    """The stands of the case to which a row of this table belongs."""
    return f"""
        SELECT c.stand_id FROM {table} t JOIN case_file c USING (case_id) WHERE t.{id_column} = $4
        UNION ALL SELECT s.stand_id FROM {table} t JOIN case_stand s USING (case_id) WHERE t.{id_column} = $4
    """  # noqa: S608 -- constant names


ACCESS = AccessLookup(
    stands_of={
        "case_id": _OF_CASE,
        "document_id": _of("document", "document_id"),
        "attachment_id": _of("attachment", "attachment_id"),
        "conflict_id": _of("conflict", "conflict_id"),
        "refund_id": _of("refund", "refund_id"),
        "stand_id": "SELECT $4::uuid",
    },
    device_sql="SELECT coalesce(key_thumbprint, '') FROM device WHERE device_id = $2 AND revoked_at IS NULL",
)

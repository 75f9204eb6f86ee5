"""The register access log. Rows are only ever added."""

from datetime import datetime

from wanderamt.backbone.persistence.outbox import Statement
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

from registry_bridge.domain.access_log import RegisterAccessLogEntry


def access_log_insert(uow: UnitOfWork, entry: RegisterAccessLogEntry) -> Statement:
    return (
        """
        INSERT INTO register_access_log (id, read_at, officer, purpose, case_id, request_id, register_name, operation,
                                         outcome, delivered, source, as_of)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """,
        (
            uow.new_id(),
            uow.now,
            entry.officer,
            entry.purpose,
            entry.case_id,
            entry.request_id,
            entry.register,
            entry.operation,
            entry.outcome,
            entry.delivered,
            entry.source,
            entry.as_of,
        ),
    )


async def count_lookups(uow: UnitOfWork, officer: str, *, since: datetime) -> int:
    """Interactive lookups of the officer; requests from cases do not count."""
    return int(
        await uow.db.fetchval(
            "SELECT count(*) FROM register_access_log WHERE officer = $1 AND read_at > $2 AND request_id IS NULL",
            officer,
            since,
        )
    )

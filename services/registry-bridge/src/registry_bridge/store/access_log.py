"""The register access log. Rows are only ever added, with the answer (`request_statements.access_log_insert`)."""

from datetime import datetime

from sqlmodel import col, func, select
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

from registry_bridge.tables import RegisterAccessLogRow


async def count_lookups(uow: UnitOfWork, officer: str, *, since: datetime) -> int:
    """Interactive lookups of the officer; requests from cases do not count."""
    statement = select(func.count(col(RegisterAccessLogRow.id))).where(
        RegisterAccessLogRow.officer == officer,
        RegisterAccessLogRow.read_at > since,
        col(RegisterAccessLogRow.request_id).is_(None),
    )
    return (await uow.session.exec(statement)).one()

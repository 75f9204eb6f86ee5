"""Cached answers of registers, encrypted, found by the keyed hash of their question."""

from datetime import datetime

from connector_kit.resilience.cache import CachedAnswer
from sqlmodel import col, delete, select, tuple_
from wanderamt.backbone.persistence.tables import value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

from registry_bridge.domain.lookup import SealedAnswer
from registry_bridge.tables import CachedAnswerRow


async def find_cached(
    uow: UnitOfWork, register: str, operation: str, question_hash: bytes
) -> CachedAnswer[SealedAnswer] | None:
    statement = select(CachedAnswerRow).where(
        CachedAnswerRow.register_name == register,
        CachedAnswerRow.operation == operation,
        CachedAnswerRow.question_hash == question_hash,
    )
    row = (await uow.session.exec(statement)).first()
    return CachedAnswer(value_of(SealedAnswer, row, details=row.answer), row.as_of) if row else None


async def delete_cached(uow: UnitOfWork, *, before: datetime, limit: int = 1_000) -> int:
    """Deletes expired answers, the oldest first; returns how many."""
    key = col(CachedAnswerRow.register_name), col(CachedAnswerRow.operation), col(CachedAnswerRow.question_hash)
    as_of = col(CachedAnswerRow.as_of)
    oldest = select(*key).where(as_of < before).order_by(as_of).limit(limit)
    return (await uow.session.exec(delete(CachedAnswerRow).where(tuple_(*key).in_(oldest)))).rowcount

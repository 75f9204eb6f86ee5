"""Cached answers of registers, encrypted, found by the keyed hash of their question."""

from datetime import datetime

from connector_kit.resilience.cache import CachedAnswer
from wanderamt.backbone.persistence.outbox import Statement
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork, rows_changed
from wanderamt.contracts import RegisterOutcome
from wanderamt.kernel.sealed import Sealed

from registry_bridge.domain.lookup import SealedAnswer


def cache_upsert(register: str, operation: str, question_hash: bytes, cached: CachedAnswer[SealedAnswer]) -> Statement:
    """The newest answer wins."""
    answer = cached.answer
    return (
        """
        INSERT INTO cached_answer (register_name, operation, question_hash, outcome, answer, as_of)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (register_name, operation, question_hash)
        DO UPDATE SET outcome = excluded.outcome, answer = excluded.answer, as_of = excluded.as_of
        WHERE cached_answer.as_of < excluded.as_of
        """,
        (
            register,
            operation,
            question_hash,
            answer.outcome,
            answer.details.model_dump(mode="json") if answer.details else None,
            cached.as_of,
        ),
    )


async def find_cached(
    uow: UnitOfWork, register: str, operation: str, question_hash: bytes
) -> CachedAnswer[SealedAnswer] | None:
    row = await uow.db.fetchrow(
        """
        SELECT outcome, answer, as_of FROM cached_answer
        WHERE register_name = $1 AND operation = $2 AND question_hash = $3
        """,
        register,
        operation,
        question_hash,
    )
    if not row:
        return None
    details = Sealed.model_validate(row["answer"]) if row["answer"] else None
    return CachedAnswer(SealedAnswer(RegisterOutcome(row["outcome"]), details), row["as_of"])


async def delete_cached(uow: UnitOfWork, *, before: datetime, limit: int = 1_000) -> int:
    """Deletes expired answers; returns how many."""
    status = await uow.db.execute(
        """
        DELETE FROM cached_answer WHERE ctid IN (
            SELECT ctid FROM cached_answer WHERE as_of < $1 ORDER BY as_of LIMIT $2
        )
        """,
        before,
        limit,
    )
    return rows_changed(status)

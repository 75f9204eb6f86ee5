"""Who was given what, and answers that may be given again."""

from datetime import datetime

from connector_kit.cache import Kept
from wanderamt.backbone.outbox import Statement
from wanderamt.backbone.work import Work, rows_changed
from wanderamt.contracts import Verdict
from wanderamt.kernel.sealed import Sealed

from registry_bridge.domain.lookup import KeptAnswer
from registry_bridge.domain.reading import Reading


def reading_added(work: Work, reading: Reading) -> Statement:
    return (
        """
        INSERT INTO register_read (id, read_at, officer, purpose, case_id, request_id, register_name, operation,
                                   verdict, delivered, source, as_of)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """,
        (
            work.new_id(),
            work.now,
            reading.officer,
            reading.purpose,
            reading.case_id,
            reading.request_id,
            reading.register,
            reading.operation,
            reading.verdict,
            reading.delivered,
            reading.source,
            reading.as_of,
        ),
    )


def answer_kept(register: str, operation: str, fingerprint: bytes, kept: Kept[KeptAnswer]) -> Statement:
    """The newest wins."""
    answer = kept.answer
    return (
        """
        INSERT INTO kept_answer (register_name, operation, fingerprint, verdict, answer, as_of)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (register_name, operation, fingerprint)
        DO UPDATE SET verdict = excluded.verdict, answer = excluded.answer, as_of = excluded.as_of
        WHERE kept_answer.as_of < excluded.as_of
        """,
        (
            register,
            operation,
            fingerprint,
            answer.verdict,
            answer.details.model_dump(mode="json") if answer.details else None,
            kept.as_of,
        ),
    )


async def find_kept(work: Work, register: str, operation: str, fingerprint: bytes) -> Kept[KeptAnswer] | None:
    row = await work.db.fetchrow(
        """
        SELECT verdict, answer, as_of FROM kept_answer
        WHERE register_name = $1 AND operation = $2 AND fingerprint = $3
        """,
        register,
        operation,
        fingerprint,
    )
    if not row:
        return None
    details = Sealed.model_validate(row["answer"]) if row["answer"] else None
    return Kept(KeptAnswer(Verdict(row["verdict"]), details), row["as_of"])


async def count_readings(work: Work, officer: str, *, since: datetime) -> int:
    """Of lookups at the counter: those that go with a case are asked by the case."""
    return int(
        await work.db.fetchval(
            "SELECT count(*) FROM register_read WHERE officer = $1 AND read_at > $2 AND request_id IS NULL",
            officer,
            since,
        )
    )


async def drop_kept(work: Work, *, before: datetime, most: int = 1_000) -> int:
    """Answers nobody may be given any more."""
    status = await work.db.execute(
        """
        DELETE FROM kept_answer WHERE ctid IN (
            SELECT ctid FROM kept_answer WHERE as_of < $1 ORDER BY as_of LIMIT $2
        )
        """,
        before,
        most,
    )
    return rows_changed(status)

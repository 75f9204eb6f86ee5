"""Requests: asked, waiting, answered; and the files their lines go in."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from connector_kit.weather import Waiting
from wanderamt.backbone.outbox import Statement
from wanderamt.backbone.work import Work
from wanderamt.contracts import Verdict
from wanderamt.kernel.ids import CaseId, RequestId
from wanderamt.kernel.sealed import Sealed

from registry_bridge.domain.request import Request, RequestState


async def add_request(work: Work, request: Request) -> bool:
    """False when it was taken before."""
    status = await work.db.execute(
        """
        INSERT INTO request (request_id, case_id, register_name, operation, question, purpose, officer, state, verdict,
                             asked_at, answered_at, assertion)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING
        """,
        request.id,
        request.case_id,
        request.register,
        request.operation,
        request.question.model_dump(mode="json"),
        request.purpose,
        request.officer,
        request.state,
        request.verdict,
        request.asked_at,
        request.answered_at,
        request.assertion,
    )
    return bool(status == "INSERT 0 1")


async def save_request(work: Work, request: Request, *, beside: Sequence[Statement] = ()) -> None:
    """An answer nobody could read is thrown away once there is one. `beside`: what is written in the same statement."""
    await work.save(
        """
        UPDATE request SET state = $2, verdict = $3, answered_at = $4, maybe = $5, code = $6,
                           raw = CASE WHEN $4::timestamptz IS NULL THEN raw END
        WHERE request_id = $1
        """,
        request.id,
        request.state,
        request.verdict,
        request.answered_at,
        request.maybe,
        request.code,
        beside=beside,
    )


async def keep_raw(work: Work, request_id: RequestId, raw: bytes) -> None:
    """An answer nobody could read, sealed: the newest."""
    await work.db.execute("UPDATE request SET raw = $2 WHERE request_id = $1", request_id, raw)


async def find_raw(work: Work, request_id: RequestId) -> bytes | None:
    found: bytes | None = await work.db.fetchval("SELECT raw FROM request WHERE request_id = $1", request_id)
    return found


async def note_maybe(work: Work, request_id: RequestId) -> None:
    """A process ended in the middle of a call: it may have happened."""
    await work.db.execute("UPDATE request SET maybe = true WHERE request_id = $1", request_id)


async def find_request(work: Work, request_id: RequestId, *, lock: bool = False) -> Request | None:
    row = await work.db.fetchrow(
        f"SELECT * FROM request WHERE request_id = $1 {'FOR UPDATE' if lock else ''}",  # noqa: S608 -- two fixed texts
        request_id,
    )
    return _request(row) if row else None


async def waiting(work: Work) -> dict[str, Waiting]:
    """By register; those for which nothing waits are not there."""
    rows = await work.db.fetch(
        """
        SELECT register_name, count(*) AS requests, min(asked_at) AS since FROM request
        WHERE state = $1 GROUP BY register_name ORDER BY register_name
        """,
        RequestState.WAITING,
    )
    return {row["register_name"]: Waiting(row["requests"], row["since"]) for row in rows}


async def waiting_for(work: Work, register: str) -> Waiting:
    row = await work.db.fetchrow(
        "SELECT count(*) AS requests, min(asked_at) AS since FROM request WHERE state = $1 AND register_name = $2",
        RequestState.WAITING,
        register,
    )
    return Waiting(row["requests"], row["since"])


async def count_for_files(work: Work, register: str) -> tuple[int, int]:
    """(in no file yet, in a file without an answer)."""
    row = await work.db.fetchrow(
        """
        SELECT count(*) FILTER (WHERE file IS NULL) AS waiting, count(file) AS outstanding FROM request
        WHERE state = $1 AND register_name = $2
        """,
        RequestState.WAITING,
        register,
    )
    return row["waiting"], row["outstanding"]


async def put_in_file(work: Work, register: str, name: str) -> None:
    """All that wait and are in none."""
    await work.db.execute(
        "UPDATE request SET file = $3 WHERE state = $1 AND register_name = $2 AND file IS NULL",
        RequestState.WAITING,
        register,
        name,
    )


async def find_in_file(work: Work, register: str, name: str) -> tuple[Request, ...]:
    """Those still waiting, in the order in which they were asked."""
    rows = await work.db.fetch(
        "SELECT * FROM request WHERE state = $1 AND register_name = $2 AND file = $3 ORDER BY asked_at, request_id",
        RequestState.WAITING,
        register,
        name,
    )
    return tuple(map(_request, rows))


async def exchange_runs(work: Work, register: str) -> bool:
    """Whether a job goes to and fro with the files of this register."""
    return bool(await work.db.fetchval("SELECT true FROM job WHERE queue = $1 LIMIT 1", f"files-{register}"))


async def lock_requests(work: Work, ids: Iterable[UUID]) -> dict[UUID, Request]:
    rows = await work.db.fetch(
        "SELECT * FROM request WHERE request_id = ANY($1::uuid[]) ORDER BY request_id FOR UPDATE", list(ids)
    )
    return {row["request_id"]: _request(row) for row in rows}


async def find_asked_before(work: Work, register: str, operation: str, moment: datetime) -> list[Request]:
    """Locked, those still waiting."""
    rows = await work.db.fetch(
        """
        SELECT * FROM request WHERE state = $1 AND register_name = $2 AND operation = $3 AND asked_at <= $4
        ORDER BY request_id FOR UPDATE
        """,
        RequestState.WAITING,
        register,
        operation,
        moment,
    )
    return [_request(row) for row in rows]


def _request(row: Any) -> Request:
    return Request(
        id=RequestId(row["request_id"]),
        case_id=CaseId(row["case_id"]),
        register=row["register_name"],
        operation=row["operation"],
        question=Sealed.model_validate(row["question"]),
        purpose=row["purpose"],
        officer=row["officer"],
        state=RequestState(row["state"]),
        asked_at=row["asked_at"],
        verdict=Verdict(row["verdict"]) if row["verdict"] else None,
        answered_at=row["answered_at"],
        maybe=row["maybe"],
        code=row["code"],
        assertion=row["assertion"],
    )

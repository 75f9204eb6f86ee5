"""Register requests, and the files that carry their rows."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from connector_kit.resilience.availability import Backlog
from wanderamt.backbone.persistence.outbox import Statement
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import RegisterOutcome
from wanderamt.kernel.ids import CaseId, RequestId
from wanderamt.kernel.sealed import Sealed

from registry_bridge.domain.request import RegisterRequest, RegisterRequestState


async def add_request(uow: UnitOfWork, request: RegisterRequest) -> bool:
    """False when the request is stored already."""
    status = await uow.db.execute(
        """
        INSERT INTO request (request_id, case_id, register_name, operation, question, purpose, officer, state, outcome,
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
        request.outcome,
        request.asked_at,
        request.answered_at,
        request.assertion,
    )
    return bool(status == "INSERT 0 1")


async def save_request(uow: UnitOfWork, request: RegisterRequest, *, also: Sequence[Statement] = ()) -> None:
    """Deletes the unreadable response once the request is answered. `also`: written in the same statement."""
    await uow.execute_with_outbox(
        """
        UPDATE request SET state = $2, outcome = $3, answered_at = $4, effect_possible = $5, code = $6,
                           unreadable_response = CASE WHEN $4::timestamptz IS NULL THEN unreadable_response END
        WHERE request_id = $1
        """,
        request.id,
        request.state,
        request.outcome,
        request.answered_at,
        request.effect_possible,
        request.code,
        also=also,
    )


async def save_unreadable_response(uow: UnitOfWork, request_id: RequestId, sealed: bytes) -> None:
    """Keeps the newest unreadable response, encrypted."""
    await uow.db.execute("UPDATE request SET unreadable_response = $2 WHERE request_id = $1", request_id, sealed)


async def find_unreadable_response(uow: UnitOfWork, request_id: RequestId) -> bytes | None:
    sealed: bytes | None = await uow.db.fetchval(
        "SELECT unreadable_response FROM request WHERE request_id = $1", request_id
    )
    return sealed


async def mark_effect_possible(uow: UnitOfWork, request_id: RequestId) -> None:
    """For a call that a process did not finish: it may have had its effect."""
    await uow.db.execute("UPDATE request SET effect_possible = true WHERE request_id = $1", request_id)


async def find_request(uow: UnitOfWork, request_id: RequestId, *, lock: bool = False) -> RegisterRequest | None:
    row = await uow.db.fetchrow(
        f"SELECT * FROM request WHERE request_id = $1 {'FOR UPDATE' if lock else ''}",  # noqa: S608 -- two fixed texts
        request_id,
    )
    return _to_request(row) if row else None


async def count_waiting(uow: UnitOfWork) -> dict[str, Backlog]:
    """By register; a register without waiting requests is absent."""
    rows = await uow.db.fetch(
        """
        SELECT register_name, count(*) AS requests, min(asked_at) AS since FROM request
        WHERE state = $1 GROUP BY register_name ORDER BY register_name
        """,
        RegisterRequestState.WAITING,
    )
    return {row["register_name"]: Backlog(row["requests"], row["since"]) for row in rows}


async def count_waiting_for(uow: UnitOfWork, register: str) -> Backlog:
    row = await uow.db.fetchrow(
        "SELECT count(*) AS requests, min(asked_at) AS since FROM request WHERE state = $1 AND register_name = $2",
        RegisterRequestState.WAITING,
        register,
    )
    return Backlog(row["requests"], row["since"])


async def count_for_files(uow: UnitOfWork, register: str) -> tuple[int, int]:
    """(requests in no file yet, requests in a file and not answered)."""
    row = await uow.db.fetchrow(
        """
        SELECT count(*) FILTER (WHERE file IS NULL) AS waiting, count(file) AS outstanding FROM request
        WHERE state = $1 AND register_name = $2
        """,
        RegisterRequestState.WAITING,
        register,
    )
    return row["waiting"], row["outstanding"]


async def assign_to_file(uow: UnitOfWork, register: str, name: str) -> None:
    """Assigns all waiting requests that are in no file yet."""
    await uow.db.execute(
        "UPDATE request SET file = $3 WHERE state = $1 AND register_name = $2 AND file IS NULL",
        RegisterRequestState.WAITING,
        register,
        name,
    )


async def find_in_file(uow: UnitOfWork, register: str, name: str) -> tuple[RegisterRequest, ...]:
    """The waiting requests of the file, in the order in which they were made."""
    rows = await uow.db.fetch(
        "SELECT * FROM request WHERE state = $1 AND register_name = $2 AND file = $3 ORDER BY asked_at, request_id",
        RegisterRequestState.WAITING,
        register,
        name,
    )
    return tuple(map(_to_request, rows))


async def has_exchange_job(uow: UnitOfWork, register: str) -> bool:
    """Whether a job exchanges the files of this register."""
    return bool(await uow.db.fetchval("SELECT true FROM job WHERE queue = $1 LIMIT 1", f"files-{register}"))


async def lock_requests(uow: UnitOfWork, ids: Iterable[UUID]) -> dict[UUID, RegisterRequest]:
    rows = await uow.db.fetch(
        "SELECT * FROM request WHERE request_id = ANY($1::uuid[]) ORDER BY request_id FOR UPDATE", list(ids)
    )
    return {row["request_id"]: _to_request(row) for row in rows}


async def find_waiting_asked_before(
    uow: UnitOfWork, register: str, operation: str, asked_before: datetime
) -> list[RegisterRequest]:
    """The requests still waiting, locked."""
    rows = await uow.db.fetch(
        """
        SELECT * FROM request WHERE state = $1 AND register_name = $2 AND operation = $3 AND asked_at <= $4
        ORDER BY request_id FOR UPDATE
        """,
        RegisterRequestState.WAITING,
        register,
        operation,
        asked_before,
    )
    return [_to_request(row) for row in rows]


def _to_request(row: Any) -> RegisterRequest:
    return RegisterRequest(
        id=RequestId(row["request_id"]),
        case_id=CaseId(row["case_id"]),
        register=row["register_name"],
        operation=row["operation"],
        question=Sealed.model_validate(row["question"]),
        purpose=row["purpose"],
        officer=row["officer"],
        state=RegisterRequestState(row["state"]),
        asked_at=row["asked_at"],
        outcome=RegisterOutcome(row["outcome"]) if row["outcome"] else None,
        answered_at=row["answered_at"],
        effect_possible=row["effect_possible"],
        code=row["code"],
        assertion=row["assertion"],
    )

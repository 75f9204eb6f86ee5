"""All SQL of the registry bridge: returns and takes domain values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wanderamt.backbone.work import Work
from wanderamt.contracts import Verdict
from wanderamt.kernel.ids import CaseId, RequestId
from wanderamt.kernel.sealed import Sealed

from registry_bridge.domain.request import Request, RequestState


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many requests to a register wait, and since when the oldest does."""

    register: str
    requests: int
    since: datetime


async def add_request(work: Work, request: Request) -> bool:
    """False when it was taken before."""
    status = await work.db.execute(
        """
        INSERT INTO request (request_id, case_id, register_name, operation, question, purpose, officer, state, verdict,
                             asked_at, answered_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING
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
    )
    return bool(status == "INSERT 0 1")


async def save_request(work: Work, request: Request) -> None:
    await work.save(
        "UPDATE request SET state = $2, verdict = $3, answered_at = $4 WHERE request_id = $1",
        request.id,
        request.state,
        request.verdict,
        request.answered_at,
    )


async def find_request(work: Work, request_id: RequestId, *, lock: bool = False) -> Request | None:
    row = await work.db.fetchrow(
        f"SELECT * FROM request WHERE request_id = $1 {'FOR UPDATE' if lock else ''}",  # noqa: S608 -- two fixed texts
        request_id,
    )
    return _request(row) if row else None


async def waiting(work: Work) -> list[Waiting]:
    rows = await work.db.fetch(
        """
        SELECT register_name, count(*) AS requests, min(asked_at) AS since FROM request
        WHERE state = $1 GROUP BY register_name ORDER BY register_name
        """,
        RequestState.WAITING,
    )
    return [Waiting(row["register_name"], row["requests"], row["since"]) for row in rows]


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
    )

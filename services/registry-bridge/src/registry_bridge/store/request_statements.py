"""Hand-written statements of requests: each request and each call of a register runs them.

State, answer, access log and events of a step are one round trip (`execute_with_outbox`).
"""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from connector_kit.files.file_exchange import FILE_EXCHANGE, FileExchange
from connector_kit.resilience.cache import CachedAnswer
from connector_kit.resilience.register_state import REGISTER_STATE, RegisterState
from wanderamt.backbone.persistence.outbox import Statement
from wanderamt.backbone.persistence.tables import columns_of, value_of
from wanderamt.backbone.persistence.unit_of_work import RowLockedError, UnitOfWork
from wanderamt.kernel.ids import CaseId, RequestId
from wanderamt.kernel.json_text import to_json_rows

from registry_bridge.domain.access_log import RegisterAccessLogEntry
from registry_bridge.domain.lookup import SealedAnswer
from registry_bridge.domain.request import RegisterRequest

TABLE = "register"
REQUESTS = "request"


async def add_requests(uow: UnitOfWork, requests: Sequence[RegisterRequest], *, lock: str = "") -> set[RequestId]:
    """The ids of those that were not stored before. `lock`: a register to lock as `lock_register` does, unless another
    transaction holds it."""
    ordered = sorted(requests, key=lambda request: request.id)
    values = [
        columns_of(request) | {"request_id": request.id, "register_name": request.register} for request in ordered
    ]
    rows = await uow.db.fetch(_ADD_REQUESTS, to_json_rows(values), lock)
    added = {RequestId(row["request_id"]) for row in rows if row["request_id"]}
    uow.locked |= {(REQUESTS, str(request.id)): request for request in ordered if request.id in added}
    for row in rows:
        if not row["request_id"]:
            _remember_register(uow, lock, row["state"], row["exchange"])
    return added


def delete_requests(case_ids: Sequence[CaseId]) -> Statement:
    """With their questions and what could not be read of the answers. The access log, which names nobody, stays."""
    return "DELETE FROM request WHERE case_id = ANY($1::uuid[])", (sorted(case_ids),)


def request_update(request: RegisterRequest) -> Statement:
    """Deletes the unreadable response once the request is answered."""
    return (
        """
        UPDATE request SET state = $2, outcome = $3, answered_at = $4, effect_possible = $5, code = $6,
                           unreadable_response = CASE WHEN $4::timestamptz IS NULL THEN unreadable_response END
        WHERE request_id = $1
        """,
        (
            request.id,
            request.state,
            request.outcome,
            request.answered_at,
            request.effect_possible,
            request.code,
        ),
    )


async def mark_effect_possible(uow: UnitOfWork, request_id: RequestId) -> None:
    """For a call that a process did not finish: it may have had its effect."""
    await uow.db.execute("UPDATE request SET effect_possible = true WHERE request_id = $1", request_id)


async def find_request(uow: UnitOfWork, request_id: RequestId, *, lock: bool = False) -> RegisterRequest | None:
    added: RegisterRequest | None = uow.locked.get((REQUESTS, str(request_id)))
    if added:
        return added
    row = await uow.db.fetchrow(
        f"SELECT * FROM request WHERE request_id = $1 {'FOR UPDATE' if lock else ''}",  # noqa: S608 -- two fixed texts
        request_id,
    )
    return _request(row) if row else None


async def lock_call(uow: UnitOfWork, request_id: RequestId, register: str) -> RegisterRequest | None:
    """Locks the request, then its register, as `find_request` and `lock_register` do, in one statement."""
    if (TABLE, register) not in uow.locked:
        row = await uow.db.fetchrow(
            """
            SELECT r.*, g.state AS register_state, g.exchange AS register_exchange
            FROM request r CROSS JOIN register g WHERE r.request_id = $1 AND g.register_name = $2 FOR UPDATE
            """,
            request_id,
            register,
        )
        if row:
            _remember_register(uow, register, row["register_state"], row["register_exchange"])
            return _request(row)
    return await find_request(uow, request_id, lock=True)


async def lock_requests(uow: UnitOfWork, ids: Iterable[UUID]) -> dict[UUID, RegisterRequest]:
    rows = await uow.db.fetch(
        "SELECT * FROM request WHERE request_id = ANY($1::uuid[]) ORDER BY request_id FOR UPDATE", list(ids)
    )
    return {row["request_id"]: _request(row) for row in rows}


def _request(row: Mapping[str, object]) -> RegisterRequest:
    return value_of(RegisterRequest, row, id=row["request_id"], register=row["register_name"])


async def has_exchange_job(uow: UnitOfWork, register: str) -> bool:
    """Whether a job exchanges the files of this register."""
    return bool(
        await uow.db.fetchval(
            "SELECT true FROM job WHERE queue = $1 AND status <> 'succeeded' LIMIT 1", f"files-{register}"
        )
    )


async def lock_register(uow: UnitOfWork, name: str) -> tuple[RegisterState, FileExchange]:
    """Locks the row until the commit, and reads it once. A register that was never called starts as healthy.

    Raises RowLockedError, see UnitOfWork.skip_locked.
    """
    known: tuple[RegisterState, FileExchange] | None = uow.locked.get((TABLE, name))
    if known:
        return known
    select_for_update = "SELECT state, exchange FROM register WHERE register_name = $1 FOR UPDATE"
    row = next(iter(await uow.fetch_with_outbox(select_for_update + uow.if_locked, name)), None)
    if not row and uow.skip_locked:
        raise RowLockedError
    if not row:
        await uow.db.execute(
            "INSERT INTO register (register_name, state, exchange, changed_at) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT DO NOTHING",
            name,
            REGISTER_STATE.dump_python(RegisterState(), mode="json"),
            FILE_EXCHANGE.dump_python(FileExchange(), mode="json"),
            uow.now,
        )
        row = await uow.db.fetchrow(select_for_update, name)
    return _remember_register(uow, name, row["state"], row["exchange"])


def _remember_register(
    uow: UnitOfWork, name: str, state: object, exchange: object
) -> tuple[RegisterState, FileExchange]:
    read = REGISTER_STATE.validate_python(state), FILE_EXCHANGE.validate_python(exchange)
    uow.locked[TABLE, name] = read
    return read


def save_state(uow: UnitOfWork, name: str, state: RegisterState) -> None:
    """Of a locked register, with the next statement that writes. Of several states of one register the last counts."""
    _, exchange = uow.locked[TABLE, name]
    uow.locked[TABLE, name] = state, exchange
    values = name, REGISTER_STATE.dump_python(state, mode="json"), uow.now
    uow.write_later(
        ("UPDATE register SET state = $2, changed_at = $3 WHERE register_name = $1", values), row=(TABLE, name)
    )


def access_log_insert(uow: UnitOfWork, entry: RegisterAccessLogEntry, *, id_: UUID | None = None) -> Statement:
    """Rows are only ever added, with the answer. `id_`: of the officer's lookup that it answers."""
    return (
        """
        INSERT INTO register_access_log (id, read_at, officer, purpose, case_id, request_id, register_name, operation,
                                         outcome, delivered, source, as_of)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """,
        (id_ or uow.new_id(), uow.now, *columns_of(entry).values()),
    )


def cache_upsert(register: str, operation: str, question_hash: bytes, cached: CachedAnswer[SealedAnswer]) -> Statement:
    """The newest answer wins."""
    details = cached.answer.details
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
            cached.answer.outcome,
            details.model_dump(mode="json") if details else None,
            cached.as_of,
        ),
    )


# UNION ALL runs its parts in this order: the register is locked last, so that nothing waits for it meanwhile
_ADD_REQUESTS = """
    WITH added AS (
        INSERT INTO request SELECT * FROM json_populate_recordset(NULL::request, $1::json)
        ON CONFLICT DO NOTHING RETURNING request_id
    )
    SELECT request_id, NULL::jsonb AS state, NULL::jsonb AS exchange FROM added
    UNION ALL
    SELECT NULL, free.*
    FROM (SELECT state, exchange FROM register WHERE register_name = $2 FOR UPDATE SKIP LOCKED) free
"""

"""The state of registers: one row per register, changed under its row lock."""

from connector_kit.files.file_exchange import FILE_EXCHANGE, FileExchange
from connector_kit.resilience.register_state import REGISTER_STATE, RegisterState
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork


async def lock_register(uow: UnitOfWork, name: str) -> tuple[RegisterState, FileExchange]:
    """Locks the row until the commit. A register that was never called starts as healthy."""
    select_for_update = "SELECT state, exchange FROM register WHERE register_name = $1 FOR UPDATE"
    row = await uow.db.fetchrow(select_for_update, name)
    if not row:
        await uow.db.execute(
            """
            INSERT INTO register (register_name, state, exchange, changed_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT DO NOTHING
            """,
            name,
            REGISTER_STATE.dump_python(RegisterState(), mode="json"),
            FILE_EXCHANGE.dump_python(FileExchange(), mode="json"),
            uow.now,
        )
        row = await uow.db.fetchrow(select_for_update, name)
    return REGISTER_STATE.validate_python(row["state"]), FILE_EXCHANGE.validate_python(row["exchange"])


async def find_register(uow: UnitOfWork, name: str) -> tuple[RegisterState, FileExchange]:
    row = await uow.db.fetchrow("SELECT state, exchange FROM register WHERE register_name = $1", name)
    if not row:
        return RegisterState(), FileExchange()
    return REGISTER_STATE.validate_python(row["state"]), FILE_EXCHANGE.validate_python(row["exchange"])


async def save_state(uow: UnitOfWork, name: str, state: RegisterState) -> None:
    await uow.execute_with_outbox(
        "UPDATE register SET state = $2, changed_at = $3 WHERE register_name = $1",
        name,
        REGISTER_STATE.dump_python(state, mode="json"),
        uow.now,
    )


async def save_exchange(uow: UnitOfWork, name: str, exchange: FileExchange) -> None:
    await uow.db.execute(
        "UPDATE register SET exchange = $2 WHERE register_name = $1",
        name,
        FILE_EXCHANGE.dump_python(exchange, mode="json"),
    )

"""Registers: one row each, changed under its lock."""

from connector_kit.exchange import EXCHANGE, Exchange
from connector_kit.register import STATE, RegisterState
from wanderamt.backbone.work import Work


async def lock_register(work: Work, name: str) -> tuple[RegisterState, Exchange]:
    """As we know it; a register that was never called is healthy. Others who want to call it wait for the commit."""
    locked = "SELECT state, exchange FROM register WHERE register_name = $1 FOR UPDATE"
    row = await work.db.fetchrow(locked, name)
    if not row:
        await work.db.execute(
            """
            INSERT INTO register (register_name, state, exchange, changed_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT DO NOTHING
            """,
            name,
            STATE.dump_python(RegisterState(), mode="json"),
            EXCHANGE.dump_python(Exchange(), mode="json"),
            work.now,
        )
        row = await work.db.fetchrow(locked, name)
    return STATE.validate_python(row["state"]), EXCHANGE.validate_python(row["exchange"])


async def find_register(work: Work, name: str) -> tuple[RegisterState, Exchange]:
    row = await work.db.fetchrow("SELECT state, exchange FROM register WHERE register_name = $1", name)
    if not row:
        return RegisterState(), Exchange()
    return STATE.validate_python(row["state"]), EXCHANGE.validate_python(row["exchange"])


async def save_state(work: Work, name: str, state: RegisterState) -> None:
    await work.save(
        "UPDATE register SET state = $2, changed_at = $3 WHERE register_name = $1",
        name,
        STATE.dump_python(state, mode="json"),
        work.now,
    )


async def save_exchange(work: Work, name: str, exchange: Exchange) -> None:
    await work.db.execute(
        "UPDATE register SET exchange = $2 WHERE register_name = $1", name, EXCHANGE.dump_python(exchange, mode="json")
    )

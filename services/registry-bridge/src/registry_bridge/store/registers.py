"""The state of registers: one row per register, changed under its row lock (`request_statements.lock_register`)."""

from connector_kit.files.file_exchange import FileExchange
from connector_kit.resilience.register_state import RegisterState
from sqlmodel import col, select, update
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

from registry_bridge.store.request_statements import TABLE
from registry_bridge.tables import RegisterRow


async def find_register(uow: UnitOfWork, name: str) -> tuple[RegisterState, FileExchange]:
    """A register that was never called is healthy."""
    row = (await uow.session.exec(select(RegisterRow).where(RegisterRow.register_name == name))).first()
    return (row.state, row.exchange) if row else (RegisterState(), FileExchange())


async def save_exchange(uow: UnitOfWork, name: str, exchange: FileExchange) -> None:
    """Of a locked register."""
    state, _ = uow.locked[TABLE, name]
    uow.locked[TABLE, name] = state, exchange
    await uow.session.exec(update(RegisterRow).where(col(RegisterRow.register_name) == name).values(exchange=exchange))

"""The codes that confirm contacts, of which only a keyed hash is stored. `recipient`: keyed hash of a contact and of
the network that asked for the code."""

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, delete, select, update
from wanderamt.backbone.persistence.tables import columns_of, value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

from scheduling.domain.contact_code import ContactCode
from scheduling.tables import ContactCodeRow


async def put_code(uow: UnitOfWork, recipient: bytes, code: ContactCode) -> None:
    """Replaces an earlier code of the recipient."""
    values = columns_of(code)
    statement = insert(ContactCodeRow).values(recipient=recipient, **values)
    await uow.session.exec(statement.on_conflict_do_update(index_elements=["recipient"], set_=values))


async def find_code(uow: UnitOfWork, recipient: bytes, *, lock: bool = False) -> ContactCode | None:
    query = select(ContactCodeRow).where(ContactCodeRow.recipient == recipient)
    row = (await uow.session.exec(query.with_for_update() if lock else query)).first()
    return value_of(ContactCode, row) if row else None


async def count_try(uow: UnitOfWork, recipient: bytes) -> None:
    """Of a locked code that has tries left."""
    used = update(ContactCodeRow).where(col(ContactCodeRow.recipient) == recipient)
    await uow.session.exec(used.values(tries_left=ContactCodeRow.tries_left - 1))


async def delete_expired(uow: UnitOfWork) -> None:
    await uow.session.exec(delete(ContactCodeRow).where(col(ContactCodeRow.expires_at) < uow.now))

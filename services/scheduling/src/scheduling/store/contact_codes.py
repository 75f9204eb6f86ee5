"""The codes that confirm contacts: one per contact, of which only a keyed hash is stored."""

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, delete, select, update
from wanderamt.backbone.persistence.tables import columns_of, value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

from scheduling.domain.contact_code import ContactCode
from scheduling.tables import ContactCodeRow


async def put_code(uow: UnitOfWork, address_hash: bytes, code: ContactCode) -> None:
    """Replaces an earlier code of the contact."""
    values = columns_of(code)
    statement = insert(ContactCodeRow).values(address_hash=address_hash, **values)
    await uow.session.exec(statement.on_conflict_do_update(index_elements=["address_hash"], set_=values))


async def find_code(uow: UnitOfWork, address_hash: bytes, *, lock: bool = False) -> ContactCode | None:
    query = select(ContactCodeRow).where(ContactCodeRow.address_hash == address_hash)
    row = (await uow.session.exec(query.with_for_update() if lock else query)).first()
    return value_of(ContactCode, row) if row else None


async def count_try(uow: UnitOfWork, address_hash: bytes) -> None:
    """Of a locked code that has tries left."""
    used = update(ContactCodeRow).where(col(ContactCodeRow.address_hash) == address_hash)
    await uow.session.exec(used.values(tries_left=ContactCodeRow.tries_left - 1))


async def delete_expired(uow: UnitOfWork) -> None:
    await uow.session.exec(delete(ContactCodeRow).where(col(ContactCodeRow.expires_at) < uow.now))

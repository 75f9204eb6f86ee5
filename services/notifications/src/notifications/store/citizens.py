"""Citizens as the status page, stands and the retention see them: views, preferences, subscriptions, attempts."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import literal
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import BigInteger, and_, col, delete, func, or_, select, update
from wanderamt.backbone.persistence.tables import is_any_of, value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import Channel
from wanderamt.kernel.sealed import Sealed

from notifications.domain.citizen_case import CitizenCaseView
from notifications.domain.kinds import About
from notifications.tables import (
    CitizenCaseRow,
    ConsentRow,
    DistrictRow,
    LookupAttemptRow,
    PreferenceRow,
    SubscriptionRow,
)

REDACT_BATCH_SIZE = 2_000


@dataclass(frozen=True, slots=True)
class DistrictSubscription:
    address_hash: bytes
    contact: Sealed
    about_id: UUID
    language: str


async def lock_views_of_stands(uow: UnitOfWork, stands: Collection[UUID]) -> list[CitizenCaseView]:
    """The future appointments at these stands."""
    future = col(CitizenCaseRow.closed_at).is_(None), col(CitizenCaseRow.starts_at) > uow.now
    statement = select(CitizenCaseRow).where(is_any_of(CitizenCaseRow.stand_id, stands), *future)
    rows = await uow.session.exec(statement.order_by(col(CitizenCaseRow.id)).with_for_update())
    return [value_of(CitizenCaseView, row) for row in rows]


async def find_views_by_code(uow: UnitOfWork, code: str) -> list[CitizenCaseView]:
    rows = await uow.session.exec(select(CitizenCaseRow).where(CitizenCaseRow.code == code).limit(5))
    return [value_of(CitizenCaseView, row) for row in rows]


async def find_view(uow: UnitOfWork, about_id: UUID) -> CitizenCaseView | None:
    row = (await uow.session.exec(select(CitizenCaseRow).where(CitizenCaseRow.id == about_id))).first()
    return value_of(CitizenCaseView, row) if row else None


async def redact_views(uow: UnitOfWork, closed_before: datetime, inactive_since: datetime) -> int:
    """Deletes contacts of closed cases and past appointments, and of cases without an event since `inactive_since`."""
    over = and_(CitizenCaseRow.about == About.APPOINTMENT, col(CitizenCaseRow.ends_at) < closed_before)
    closed, inactive = col(CitizenCaseRow.closed_at) < closed_before, col(CitizenCaseRow.changed_at) < inactive_since
    expired = select(CitizenCaseRow.id).where(col(CitizenCaseRow.contact).is_not(None), or_(closed, inactive, over))
    batch = expired.limit(REDACT_BATCH_SIZE).with_for_update(skip_locked=True).cte()
    statement = update(CitizenCaseRow).where(col(CitizenCaseRow.id).in_(select(batch.c.id)))
    return (await uow.session.exec(statement.values(contact=None, place="", number=""))).rowcount


async def withdraw_consents(uow: UnitOfWork, address_hashes: Collection[bytes], *, by: str) -> int:
    valid = is_any_of(ConsentRow.address_hash, address_hashes), col(ConsentRow.withdrawn_at).is_(None)
    withdrawal = update(ConsentRow).where(*valid).values(withdrawn_at=uow.now, withdrawn_by=by)
    withdrawn = (await uow.session.exec(withdrawal)).rowcount
    await uow.session.exec(delete(SubscriptionRow).where(is_any_of(SubscriptionRow.address_hash, address_hashes)))
    return withdrawn


async def set_preference(
    uow: UnitOfWork, address_hash: bytes, *, channel: Channel | None, language: str | None
) -> None:
    values = {"channel": channel, "language": language, "changed_at": uow.now}
    statement = insert(PreferenceRow).values(address_hash=address_hash, **values)
    await uow.session.exec(statement.on_conflict_do_update(index_elements=["address_hash"], set_=values))


async def record_district(uow: UnitOfWork, name: str) -> None:
    statement = insert(DistrictRow).values(name=name, seen_at=uow.now)
    await uow.session.exec(statement.on_conflict_do_update(index_elements=["name"], set_={"seen_at": uow.now}))


async def districts(uow: UnitOfWork) -> list[str]:
    return list(await uow.session.exec(select(DistrictRow.name).order_by(DistrictRow.name)))


async def set_subscriptions(
    uow: UnitOfWork, address_hash: bytes, names: Iterable[str], *, contact: Sealed, about_id: UUID, language: str
) -> None:
    """These districts and no others."""
    wanted = sorted(set(names))
    others = col(SubscriptionRow.address_hash) == address_hash, ~is_any_of(SubscriptionRow.district, wanted)
    await uow.session.exec(delete(SubscriptionRow).where(*others))
    values = {"contact": contact, "about_id": about_id, "language": language, "since": uow.now}
    for district in wanted:
        statement = insert(SubscriptionRow).values(address_hash=address_hash, district=district, **values)
        await uow.session.exec(statement.on_conflict_do_nothing())


async def subscribed_districts(uow: UnitOfWork, address_hash: bytes) -> list[str]:
    statement = select(SubscriptionRow.district).where(SubscriptionRow.address_hash == address_hash)
    return list(await uow.session.exec(statement.order_by(SubscriptionRow.district)))


async def subscriptions_to(uow: UnitOfWork, district: str) -> list[DistrictSubscription]:
    statement = select(SubscriptionRow).where(SubscriptionRow.district == district)
    rows = await uow.session.exec(statement.order_by(col(SubscriptionRow.address_hash)))
    return [value_of(DistrictSubscription, row) for row in rows]


async def add_lookup_attempt(uow: UnitOfWork, key_hash: bytes) -> None:
    """The lock makes concurrent attempts with the same key wait, so that all of them are counted."""
    key = literal(int.from_bytes(key_hash[:8], signed=True), BigInteger)
    await uow.session.exec(select(func.pg_advisory_xact_lock(key)))
    uow.session.add(LookupAttemptRow(attempt_id=uow.new_id(), key_hash=key_hash, attempted_at=uow.now))
    await uow.session.flush()


async def count_lookup_attempts(uow: UnitOfWork, key_hash: bytes, *, since: datetime) -> int:
    attempts = LookupAttemptRow.key_hash == key_hash, LookupAttemptRow.attempted_at > since
    return (await uow.session.exec(select(func.count(col(LookupAttemptRow.attempt_id))).where(*attempts))).one()


async def delete_lookup_attempts(uow: UnitOfWork, before: datetime) -> int:
    old = col(LookupAttemptRow.attempted_at) < before
    return (await uow.session.exec(delete(LookupAttemptRow).where(old))).rowcount

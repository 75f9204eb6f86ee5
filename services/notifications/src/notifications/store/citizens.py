"""Citizens as the status page, stands and the retention see them: views, preferences, subscriptions."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import and_, col, delete, or_, select, tuple_, update
from wanderamt.backbone.persistence.tables import columns_of, is_any_of, value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import Channel
from wanderamt.kernel.sealed import Sealed

from notifications.domain.citizen_case import CitizenCaseView
from notifications.domain.kinds import About, AboutRef
from notifications.domain.subscription import DistrictWish
from notifications.tables import (
    CitizenCaseRow,
    ConsentRow,
    DistrictRow,
    DistrictWishRow,
    NoticeRow,
    PreferenceRow,
    SubscriptionRow,
)

REDACT_BATCH_SIZE = 2_000


@dataclass(frozen=True, slots=True)
class DistrictSubscription:
    address_hash: bytes
    contact: Sealed
    about: About
    about_id: UUID
    language: str


async def lock_views_of_stands(uow: UnitOfWork, stands: Collection[UUID]) -> list[CitizenCaseView]:
    """The future appointments at these stands."""
    future = col(CitizenCaseRow.closed_at).is_(None), col(CitizenCaseRow.starts_at) > uow.now
    statement = select(CitizenCaseRow).where(is_any_of(CitizenCaseRow.stand_id, stands), *future)
    rows = await uow.session.exec(statement.order_by(col(CitizenCaseRow.id)).with_for_update())
    return [value_of(CitizenCaseView, row) for row in rows]


async def find_views_by_code(uow: UnitOfWork, code: str) -> list[CitizenCaseView]:
    """Cases first: an appointment with the same code never stands before a case."""
    with_code = select(CitizenCaseRow).where(CitizenCaseRow.code == code)
    rows = await uow.session.exec(with_code.order_by(col(CitizenCaseRow.about).desc(), col(CitizenCaseRow.id)).limit(5))
    return [value_of(CitizenCaseView, row) for row in rows]


async def find_view(uow: UnitOfWork, ref: AboutRef) -> CitizenCaseView | None:
    view = select(CitizenCaseRow).where(CitizenCaseRow.id == ref.id, CitizenCaseRow.about == ref.about)
    row = (await uow.session.exec(view)).first()
    return value_of(CitizenCaseView, row) if row else None


async def redact_views(uow: UnitOfWork, closed_before: datetime, inactive_since: datetime) -> int:
    """Deletes contacts of closed cases and past appointments, and of cases without an event since `inactive_since`."""
    over = and_(CitizenCaseRow.about == About.APPOINTMENT, col(CitizenCaseRow.ends_at) < closed_before)
    closed, inactive = col(CitizenCaseRow.closed_at) < closed_before, col(CitizenCaseRow.changed_at) < inactive_since
    key = tuple_(col(CitizenCaseRow.about), col(CitizenCaseRow.id))
    expired = select(CitizenCaseRow.about, CitizenCaseRow.id).where(
        col(CitizenCaseRow.contact).is_not(None), or_(closed, inactive, over)
    )
    batch = expired.limit(REDACT_BATCH_SIZE).with_for_update(skip_locked=True).cte()
    statement = update(CitizenCaseRow).where(key.in_(select(batch.c.about, batch.c.id)))
    return (await uow.session.exec(statement.values(contact=None, place="", number=""))).rowcount


async def delete_cases(uow: UnitOfWork, refs: Collection[AboutRef]) -> None:
    """Everything that is known of these cases: views, preferences, choices that wait for a code, consents, and the
    content of notices. Their rows stay for counts; a subscription stays, because it is about stands."""
    ids = [ref.id for ref in refs if ref.about is About.CASE]
    views = is_any_of(CitizenCaseRow.id, ids), col(CitizenCaseRow.about) == About.CASE
    await uow.session.exec(delete(CitizenCaseRow).where(*views))
    for row in (PreferenceRow, DistrictWishRow):
        await uow.session.exec(delete(row).where(is_any_of(row.about_id, ids), col(row.about) == About.CASE))
    await uow.session.exec(
        delete(ConsentRow).where(is_any_of(ConsentRow.source, ids), col(ConsentRow.source_kind) == About.CASE)
    )
    of_cases = update(NoticeRow).where(is_any_of(NoticeRow.about_id, ids), col(NoticeRow.about) == About.CASE)
    await uow.session.exec(of_cases.values(address=None, variables=None))


async def withdraw_consents(uow: UnitOfWork, address_hashes: Collection[bytes], *, by: str) -> int:
    """Of these addresses, for everything: only who received a message there may ask for it."""
    to_address = is_any_of(SubscriptionRow.address_hash, address_hashes)
    await uow.session.exec(delete(SubscriptionRow).where(to_address))
    await uow.session.exec(delete(DistrictWishRow).where(is_any_of(DistrictWishRow.address_hash, address_hashes)))
    return await _withdraw(uow, is_any_of(ConsentRow.address_hash, address_hashes), by=by)


async def withdraw_consents_for(uow: UnitOfWork, ref: AboutRef, *, by: str) -> int:
    """For one case or appointment, and what was subscribed on its page."""
    await uow.session.exec(delete(SubscriptionRow).where(_of_page(SubscriptionRow, ref)))
    await delete_wish(uow, ref)
    return await _withdraw(uow, and_(ConsentRow.source == ref.id, ConsentRow.source_kind == ref.about), by=by)


async def set_preference(uow: UnitOfWork, ref: AboutRef, *, channel: Channel | None, language: str | None) -> None:
    values = {"channel": channel, "language": language, "changed_at": uow.now}
    statement = insert(PreferenceRow).values(about_id=ref.id, about=ref.about, **values)
    await uow.session.exec(statement.on_conflict_do_update(index_elements=["about_id", "about"], set_=values))


async def record_district(uow: UnitOfWork, name: str) -> None:
    statement = insert(DistrictRow).values(name=name, seen_at=uow.now)
    await uow.session.exec(statement.on_conflict_do_update(index_elements=["name"], set_={"seen_at": uow.now}))


async def districts(uow: UnitOfWork) -> list[str]:
    return list(await uow.session.exec(select(DistrictRow.name).order_by(DistrictRow.name)))


async def add_subscriptions(
    uow: UnitOfWork, address_hash: bytes, names: Iterable[str], *, contact: Sealed, ref: AboutRef, language: str
) -> None:
    values = {"contact": contact, "about": ref.about, "about_id": ref.id, "language": language, "since": uow.now}
    for district in sorted(set(names)):
        statement = insert(SubscriptionRow).values(address_hash=address_hash, district=district, **values)
        await uow.session.exec(statement.on_conflict_do_nothing())


async def keep_subscriptions(uow: UnitOfWork, ref: AboutRef, address_hash: bytes | None, names: Iterable[str]) -> None:
    """Of those of this page, the ones to this address and these districts."""
    kept = and_(col(SubscriptionRow.address_hash) == address_hash, is_any_of(SubscriptionRow.district, sorted(names)))
    await uow.session.exec(delete(SubscriptionRow).where(_of_page(SubscriptionRow, ref), ~kept))


async def subscribed_districts(uow: UnitOfWork, ref: AboutRef) -> list[str]:
    """On the page of this case or appointment."""
    statement = select(SubscriptionRow.district).where(_of_page(SubscriptionRow, ref))
    return sorted(set(await uow.session.exec(statement)))


async def subscriptions_to(uow: UnitOfWork, district: str) -> list[DistrictSubscription]:
    """One per address."""
    statement = select(SubscriptionRow).where(SubscriptionRow.district == district)
    each = statement.distinct(col(SubscriptionRow.address_hash))
    rows = await uow.session.exec(each.order_by(col(SubscriptionRow.address_hash), col(SubscriptionRow.since)))
    return [value_of(DistrictSubscription, row) for row in rows]


async def districts_of(uow: UnitOfWork, address_hashes: Collection[bytes]) -> dict[bytes, set[str]]:
    """To each of these addresses the districts that it is subscribed to, on whatever page."""
    columns = select(SubscriptionRow.address_hash, SubscriptionRow.district)
    subscribed: dict[bytes, set[str]] = {}
    for address_hash, district in await uow.session.exec(
        columns.where(is_any_of(SubscriptionRow.address_hash, address_hashes))
    ):
        subscribed.setdefault(address_hash, set()).add(district)
    return subscribed


async def put_wish(uow: UnitOfWork, ref: AboutRef, wish: DistrictWish) -> None:
    values = columns_of(wish) | {"districts": list(wish.districts)}
    statement = insert(DistrictWishRow).values(about_id=ref.id, about=ref.about, **values)
    await uow.session.exec(statement.on_conflict_do_update(index_elements=["about_id", "about"], set_=values))


async def find_wish(uow: UnitOfWork, ref: AboutRef, *, lock: bool = False) -> DistrictWish | None:
    statement = select(DistrictWishRow).where(_of_page(DistrictWishRow, ref))
    row = (await uow.session.exec(statement.with_for_update() if lock else statement)).first()
    return value_of(DistrictWish, row) if row else None


async def delete_wish(uow: UnitOfWork, ref: AboutRef) -> None:
    await uow.session.exec(delete(DistrictWishRow).where(_of_page(DistrictWishRow, ref)))


async def delete_expired_wishes(uow: UnitOfWork) -> int:
    return (await uow.session.exec(delete(DistrictWishRow).where(col(DistrictWishRow.expires_at) < uow.now))).rowcount


def _of_page(row: type[SubscriptionRow | DistrictWishRow], ref: AboutRef) -> ColumnElement[bool]:
    """Those that the page of this case or appointment made."""
    return and_(col(row.about_id) == ref.id, col(row.about) == ref.about)


async def _withdraw(uow: UnitOfWork, which: ColumnElement[bool], *, by: str) -> int:
    withdrawal = update(ConsentRow).where(which, col(ConsentRow.withdrawn_at).is_(None))
    return (await uow.session.exec(withdrawal.values(withdrawn_at=uow.now, withdrawn_by=by))).rowcount

"""What citizens do on the status page: look up a case, set preferences, opt out. And the redaction of old content.

Invariants: an unknown code, a wrong date and too many attempts get the same answer after the same work; a signed link
expires, and is valid for one case only.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import Channel
from wanderamt.kernel.refusal import Refusal

from notifications.domain.citizen_case import CitizenCaseView
from notifications.domain.notice import Notice
from notifications.domain.recipient import Recipient
from notifications.domain.refusals import CASE_NOT_FOUND, LINK_EXPIRED, TOO_MANY_ATTEMPTS
from notifications.handlers.context import NotificationContext
from notifications.handlers.decide_notices import preferences_of
from notifications.handlers.receipts import opt_out
from notifications.store import citizen_statements, citizens, notices, partners, providers

PER_ADDRESS = 20  # attempts in the window
PER_CODE = 5
ATTEMPT_WINDOW = timedelta(minutes=15)
EMPTY_RECIPIENT = Recipient(born="0000-00-00")


@dataclass(frozen=True, slots=True)
class StatusView:
    """The content of the page. `districts`: all of them; `subscribed_districts`: those the citizen chose."""

    case: CitizenCaseView
    notices: Sequence[Notice]
    channels: tuple[Channel, ...]
    consented: frozenset[Channel]
    preferred: Channel | None
    language: str
    districts: Sequence[str]
    subscribed_districts: Sequence[str]


@dataclass(frozen=True, slots=True)
class ChosenPreferences:
    channel: Channel | None
    language: str
    districts: tuple[str, ...]


async def look_up(
    code: str, born: date, uow: UnitOfWork, *, client: str, context: NotificationContext
) -> CitizenCaseView | Refusal:
    """`client`: the network address of the request; only its keyed hash is stored."""
    keys = [
        context.cipher.keyed_hash(f"{name}:{value}".encode()) for name, value in (("client", client), ("code", code))
    ]
    attempts = []
    for key in keys:
        await citizens.add_lookup_attempt(uow, key)
        attempts.append(await citizens.count_lookup_attempts(uow, key, since=uow.now - ATTEMPT_WINDOW) - 1)
    candidates = await citizens.find_views_by_code(uow, code)
    match: CitizenCaseView | None = None
    if not candidates:
        _is_born_on(EMPTY_RECIPIENT, born)  # the same work for an unknown code
    for candidate in candidates:
        if _is_born_on(_recipient(candidate, context), born):
            match = candidate
    if attempts[0] >= PER_ADDRESS:
        return TOO_MANY_ATTEMPTS
    return match if match and attempts[1] < PER_CODE else CASE_NOT_FOUND


async def show_status(about_id: UUID, uow: UnitOfWork, *, context: NotificationContext) -> StatusView | Refusal:
    case = await citizens.find_view(uow, about_id)
    if not case or not case.contact:
        return LINK_EXPIRED
    recipient = _recipient(case, context)
    address_hashes = _address_hashes(recipient, context)
    records = await citizen_statements.address_records(uow, address_hashes.values(), since=uow.now)
    preferences = preferences_of(
        recipient, {channel: records[address_hash] for channel, address_hash in address_hashes.items()}
    )
    subscribed = [
        district
        for address_hash in address_hashes.values()
        for district in await citizens.subscribed_districts(uow, address_hash)
    ]
    return StatusView(
        case=case,
        notices=await notices.find_notices(uow, about_id),
        channels=tuple(address_hashes),
        consented=preferences.consented,
        preferred=preferences.channel,
        language=preferences.language or case.language,
        districts=await citizens.districts(uow),
        subscribed_districts=sorted(set(subscribed)),
    )


async def save_preferences(
    about_id: UUID, chosen: ChosenPreferences, uow: UnitOfWork, *, context: NotificationContext
) -> StatusView | Refusal:
    """Saves the preferences for all addresses of the citizen. A subscription to districts is a separate consent."""
    status = await show_status(about_id, uow, context=context)
    if isinstance(status, Refusal):
        return status
    case = status.case
    assert case.contact  # noqa: S101 -- by `show_status`
    address_hashes = _address_hashes(_recipient(case, context), context)
    for address_hash in address_hashes.values():
        await citizens.set_preference(uow, address_hash, channel=chosen.channel, language=chosen.language)
    districts = [district for district in chosen.districts if district in status.districts]
    subscribed_channel = chosen.channel or next(iter(address_hashes), None)
    for channel, address_hash in address_hashes.items():
        await citizens.set_subscriptions(
            uow,
            address_hash,
            districts if channel is subscribed_channel else (),
            contact=case.contact,
            about_id=about_id,
            language=chosen.language,
        )
        if districts and channel is subscribed_channel:
            source = UUID(int=uow.new_id().int)
            consent = citizen_statements.GivenConsent(address_hash, channel, source, context.consent_wording)
            await citizen_statements.add_consents(uow, [consent])
    return await show_status(about_id, uow, context=context)


async def opt_out_of_case(about_id: UUID, uow: UnitOfWork, *, context: NotificationContext) -> StatusView | Refusal:
    """No more messages, on any channel of this case's contact."""
    case = await citizens.find_view(uow, about_id)
    if not case or not case.contact:
        return LINK_EXPIRED
    await opt_out(list(_address_hashes(_recipient(case, context), context).values()), uow, by="citizen")
    return await show_status(about_id, uow, context=context)


async def redact_expired(uow: UnitOfWork, *, context: NotificationContext) -> int:
    """Redacts content and recipients after their retention period, deletes old attempts. The rows stay for counts."""
    retention = context.retention
    redacted = await notices.redact(uow, uow.now - retention.content)
    redacted += await citizens.redact_views(uow, uow.now - retention.content, uow.now - retention.inactive_contact)
    redacted += await providers.redact_receipts(uow, uow.now - retention.content)
    await partners.redact_deliveries(uow, uow.now - retention.content)
    await citizens.delete_lookup_attempts(uow, uow.now - timedelta(hours=1))
    return redacted


def _recipient(case: CitizenCaseView, context: NotificationContext) -> Recipient:
    return (case.contact and context.decrypt_recipient(case.contact)) or EMPTY_RECIPIENT


def _is_born_on(recipient: Recipient, born: date) -> bool:
    """Compares the whole date, or the year if no more is known."""
    expected = recipient.born or EMPTY_RECIPIENT.born or ""
    entered = born.isoformat()[: max(4, len(expected))]
    return hmac.compare_digest(expected.encode(), entered.encode())


def _address_hashes(recipient: Recipient, context: NotificationContext) -> dict[Channel, bytes]:
    return {
        channel: context.address_hash(channel, address)
        for channel, address in recipient.addresses().items()
        if isinstance(address, str)
    }

"""What citizens do on the status page: look up a case, set preferences, opt out. And the redaction of old content.

Invariants: an unknown code and a wrong date get the same answer after the same time; a signed link expires, and acts on
the one case or appointment that it names. Nobody has proved that the addresses of an appointment are theirs, so nothing
here acts on an address, or shows what it has elsewhere; except what a message that arrived there allows: the link to
unsubscribe, the code to subscribe.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from wanderamt.backbone.observability.tracing import current_trace
from wanderamt.backbone.persistence.code_lookups import begin_lookup
from wanderamt.backbone.persistence.rate_limits import RateLimit, add_uses, find_reached
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import Channel
from wanderamt.kernel.digit_code import format_digit_code, normalise_digit_code
from wanderamt.kernel.refusal import Refusal

from notifications.domain.channel_decision import NoticeIntent
from notifications.domain.citizen_case import CitizenCaseView
from notifications.domain.kinds import AboutRef, NoticeKind
from notifications.domain.notice import DropReason, Notice
from notifications.domain.recipient import Recipient
from notifications.domain.refusals import (
    CASE_NOT_FOUND,
    LINK_EXPIRED,
    TOO_MANY_ATTEMPTS,
    TOO_MANY_CODES,
    WRONG_CODE,
)
from notifications.domain.subscription import CODES_PER_DAY, LIFETIME, DistrictWish
from notifications.handlers.context import NotificationContext
from notifications.handlers.decide_notices import (
    NoticeRequest,
    cancel_pending_notices,
    decide_notices,
    preferences_of,
)
from notifications.handlers.receipts import opt_out
from notifications.store import citizen_statements, citizens, notices, partners, providers
from notifications.store.citizen_statements import AddressUse

EMPTY_RECIPIENT = Recipient(born="0000-00-00")
DAY = timedelta(days=1)
STATUS_PAGE = "status_page"  # the source of a consent that was given there


@dataclass(frozen=True, slots=True)
class StatusView:
    """The content of the page. `districts`: all of them; `subscribed_districts`: those that were
    subscribed on this page. `waits_for_code`: others were chosen here, and the code for them is still valid."""

    case: CitizenCaseView
    notices: Sequence[Notice]
    channels: tuple[Channel, ...]
    consented: frozenset[Channel]
    preferred: Channel | None
    language: str
    districts: Sequence[str]
    subscribed_districts: Sequence[str]
    waits_for_code: bool


@dataclass(frozen=True, slots=True)
class ChosenPreferences:
    channel: Channel | None
    language: str
    districts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SavedPreferences:
    """`code_sent`: new districts wait for their code. `refusal`: why no code was sent for them."""

    status: StatusView
    code_sent: bool
    refusal: Refusal | None


async def look_up(
    code: str, born: date, uow: UnitOfWork, *, network: str, context: NotificationContext
) -> tuple[CitizenCaseView | Refusal, float]:
    """Returns also the seconds that the answer must take. `network`: of the client; only its keyed hash is stored."""
    lookup = await begin_lookup(uow, context.cipher.keyed_hash, network=network, code=code)
    if lookup.refused:
        return TOO_MANY_ATTEMPTS, lookup.answer_s
    candidates = await citizens.find_views_by_code(uow, code)
    match: CitizenCaseView | None = None
    if not candidates:
        _is_born_on(EMPTY_RECIPIENT, born)  # the same work for an unknown code
    for candidate in candidates:
        if _is_born_on(_recipient(candidate, context), born):
            match = match or candidate
    if match:
        return match, lookup.answer_s
    await lookup.count_wrong(uow)
    return CASE_NOT_FOUND, lookup.answer_s


async def show_status(ref: AboutRef, uow: UnitOfWork, *, context: NotificationContext) -> StatusView | Refusal:
    case = await citizens.find_view(uow, ref)
    if not case or not case.contact:
        return LINK_EXPIRED
    recipient = _recipient(case, context)
    uses = {
        channel: AddressUse(address_hash, *ref, case.contact_confirmed)
        for channel, address_hash in _address_hashes(recipient, context).items()
    }
    records = await citizen_statements.address_records(uow, set(uses.values()), since=uow.now)
    wish = await citizens.find_wish(uow, ref)
    preferences = preferences_of(recipient, {channel: records[use] for channel, use in uses.items()})
    return StatusView(
        case=case,
        notices=await notices.find_notices(uow, ref),
        channels=tuple(uses),
        consented=preferences.consented,
        preferred=preferences.channel,
        language=preferences.language or case.language,
        districts=await citizens.districts(uow),
        subscribed_districts=await citizens.subscribed_districts(uow, ref),
        waits_for_code=bool(wish and wish.waits_for_code(uow.now)),
    )


async def save_preferences(
    ref: AboutRef, chosen: ChosenPreferences, uow: UnitOfWork, *, context: NotificationContext
) -> SavedPreferences | Refusal:
    """For the messages about this case. Districts that are new wait for the code that is sent to the address."""
    case = await citizens.find_view(uow, ref)
    if not case or not case.contact:
        return LINK_EXPIRED
    recipient = _recipient(case, context)
    address_hashes = _address_hashes(recipient, context)
    channel = chosen.channel if chosen.channel in address_hashes else next(iter(address_hashes), None)
    address_hash = address_hashes[channel] if channel else None
    districts = set(chosen.districts) & set(await citizens.districts(uow))
    await citizens.set_preference(uow, ref, channel=chosen.channel, language=chosen.language)
    await citizens.keep_subscriptions(uow, ref, address_hash, districts)
    await citizens.delete_wish(uow, ref)
    new = districts - set(await citizens.subscribed_districts(uow, ref))
    refusal: Refusal | None = None
    if channel and address_hash and new:
        wish = DistrictWish(
            address_hash, channel, tuple(sorted(new)), chosen.language, code_hash=b"", expires_at=uow.now + LIFETIME
        )
        refusal = await _send_code(ref, wish, recipient, uow, context)
    after = await show_status(ref, uow, context=context)
    if isinstance(after, Refusal):
        return after
    return SavedPreferences(after, code_sent=bool(new) and not refusal, refusal=refusal)


async def confirm_districts(
    ref: AboutRef, code: str, uow: UnitOfWork, *, context: NotificationContext
) -> Refusal | None:
    """Commit also after a refusal: the tries of a wrong code must last."""
    case = await citizens.find_view(uow, ref)
    wish = await citizens.find_wish(uow, ref, lock=True)
    if not case or not case.contact:
        return LINK_EXPIRED
    recipient = _recipient(case, context)
    if not wish or not wish.waits_for_code(uow.now):
        return WRONG_CODE
    if _address_hashes(recipient, context).get(wish.channel) != wish.address_hash:
        return WRONG_CODE
    if not hmac.compare_digest(wish.code_hash, _hash_code(ref, wish.address_hash, normalise_digit_code(code), context)):
        await citizens.put_wish(uow, ref, replace(wish, tries_left=wish.tries_left - 1))
        return WRONG_CODE
    contact = context.cipher.seal(ref.id, _only(recipient, wish.channel))
    await citizens.add_subscriptions(
        uow, wish.address_hash, wish.districts, contact=contact, ref=ref, language=wish.language
    )
    consent = citizen_statements.GivenConsent(
        wish.address_hash, wish.channel, STATUS_PAGE, uow.new_id(), context.consent_wording
    )
    await citizen_statements.add_consents(uow, [consent])
    await citizens.delete_wish(uow, ref)
    return None


async def opt_out_of_case(ref: AboutRef, uow: UnitOfWork, *, context: NotificationContext) -> StatusView | Refusal:
    """No more messages about this case, on any channel. What else goes to its addresses is not touched."""
    case = await citizens.find_view(uow, ref)
    if not case or not case.contact:
        return LINK_EXPIRED
    await citizens.withdraw_consents_for(uow, ref, by="citizen")
    await cancel_pending_notices({ref: current_trace()}, DropReason.NO_CONSENT, uow)
    return await show_status(ref, uow, context=context)


async def unsubscribe(notice_id: UUID, uow: UnitOfWork) -> Refusal | None:
    """No more messages to the address that got this one, about anything: its link was read there."""
    notice = await notices.find_notice(uow, notice_id)
    if not notice:
        return LINK_EXPIRED
    await opt_out([notice.address_hash], uow, by="mail")
    return None


async def redact_expired(uow: UnitOfWork, *, context: NotificationContext) -> int:
    """Redacts content and recipients after their retention period. The rows stay for counts."""
    retention = context.retention
    redacted = await notices.redact(uow, uow.now - retention.content)
    redacted += await citizens.redact_views(uow, uow.now - retention.content, uow.now - retention.inactive_contact)
    redacted += await providers.redact_receipts(uow, uow.now - retention.content)
    await partners.redact_deliveries(uow, uow.now - retention.content)
    await citizens.delete_expired_wishes(uow)
    return redacted


async def _send_code(
    ref: AboutRef, wish: DistrictWish, recipient: Recipient, uow: UnitOfWork, context: NotificationContext
) -> Refusal | None:
    """Few per address and day, whoever asks: the address may be a stranger's."""
    key = context.cipher.keyed_hash(b"subscription code to:" + wish.address_hash)
    if await find_reached(uow, [RateLimit(key, CODES_PER_DAY, DAY)]):
        return TOO_MANY_CODES
    await add_uses(uow, [key])
    request_id = uow.new_id()
    code = format_digit_code(context.cipher.keyed_hash(b"subscription code." + request_id.bytes))
    await citizens.put_wish(uow, ref, replace(wish, code_hash=_hash_code(ref, wish.address_hash, code, context)))
    intent = NoticeIntent(NoticeKind.SUBSCRIPTION_CODE, request_id, {"contact_code": code}, until=wish.expires_at)
    contact = context.cipher.seal(request_id, _only(recipient, wish.channel))
    await decide_notices([NoticeRequest(intent, contact, wish.language, contact_confirmed=False)], uow, context)
    return None


def _only(recipient: Recipient, channel: Channel) -> bytes:
    """A contact with this address and nothing else."""
    only = Recipient(phone=recipient.phone) if channel is Channel.SMS else Recipient(email=recipient.email)
    return only.model_dump_json(exclude_none=True).encode()


def _hash_code(ref: AboutRef, address_hash: bytes, code: str, context: NotificationContext) -> bytes:
    page = f"subscription code:{ref.about}:{ref.id.hex}:{code}:".encode()
    return context.cipher.keyed_hash(page + address_hash)


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

"""Turns intents into notices: many at a time, in a constant number of statements.

Invariants: a new notice supersedes pending ones about the same case; an intent that is not new changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from pydantic import TypeAdapter
from pydantic_core import to_json
from wanderamt.backbone.jobs.queue import cancel_pending
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import Channel
from wanderamt.kernel.ids import NoticeId
from wanderamt.kernel.sealed import Sealed

from notifications.domain.channel_decision import (
    ChannelDecision,
    NoticeIntent,
    RecipientProfile,
    decide_channel,
    new_notice,
)
from notifications.domain.kinds import RULES, About
from notifications.domain.notice import (
    JOB_TYPES,
    Dropped,
    DropReason,
    Notice,
    NoticeOutcome,
    NoticeState,
    PermanentFailure,
    escalate_unreached,
    finish,
)
from notifications.domain.recipient import Recipient
from notifications.handlers.context import NotificationContext
from notifications.store import citizens, notices, providers

MAX_SHORT_REF = 2**16 - 1
_VARIABLES = TypeAdapter(dict[str, str])
TraceHeaders = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NoticeRequest:
    """An intent and its recipient. `supersedes_pending`: pending notices about the same case are dropped for it."""

    intent: NoticeIntent
    contact: Sealed
    language: str
    trace: TraceHeaders
    supersedes_pending: bool = True


@dataclass(frozen=True, slots=True)
class RecipientPreferences:
    """What a citizen agreed to and prefers; None: no preference."""

    consented: frozenset[Channel]
    channel: Channel | None
    language: str | None


async def decide_notices(requests: Sequence[NoticeRequest], uow: UnitOfWork, context: NotificationContext) -> None:
    """In order: among several requests about one case, the last one counts; the others start superseded."""
    requests = _without_duplicates(requests)
    if not requests:
        return
    profiles = await _load_profiles(requests, uow, context)
    last = {request.intent.about_id: number for number, request in enumerate(requests) if _supersedes_pending(request)}
    decided: list[tuple[NoticeRequest, Notice, ChannelDecision]] = []
    unreached: list[tuple[Notice, str]] = []
    for number, (request, profile) in enumerate(zip(requests, profiles, strict=True)):
        if not profile:
            continue
        superseded = number < last.get(request.intent.about_id, -1)
        intent = replace(request.intent, superseded=True) if superseded else request.intent
        created = _create_notices(intent, profile, uow, context)
        decided += [(request, notice, decision) for notice, decision in created]
        if created and created[-1][0].state is NoticeState.FAILED:
            unreached.append((created[-1][0], created[-1][0].reason))
    new = await notices.add_notices(uow, [notice for _, notice, _ in decided])
    await _supersede_pending(decided, new, uow)
    await _escalate([(notice, reason) for notice, reason in unreached if notice.id in new], uow)
    for request, notice, decision in decided:
        if notice.id in new and notice.state is NoticeState.CREATED:
            uow.message_trace = request.trace
            uow.enqueue(JOB_TYPES[notice.channel](notice_id=notice.id), after_s=decision.delay_s)
    uow.message_trace = None


async def try_next_channel(
    failed: Sequence[tuple[Notice, TraceHeaders]], uow: UnitOfWork, context: NotificationContext
) -> None:
    """After a known failure: another channel of the citizen, while the notice is useful; else a task for staff."""
    views = await citizens.lock_views(uow, {notice.about_id for notice, _ in failed})
    candidates: list[tuple[Notice, NoticeRequest]] = []
    unreached: list[tuple[Notice, str]] = []
    for notice, trace in failed:
        view = views.get(notice.about_id)
        tried = (*notice.tried_channels, notice.channel)
        contact = view.contact if view else None
        if not contact or notice.superseded or notice.valid_until <= uow.now or not notice.variables:
            unreached.append((notice, notice.reason))
            continue
        variables = _VARIABLES.validate_json(context.cipher.open_bytes(notice.about_id, notice.variables))
        intent = NoticeIntent(
            notice.kind,
            notice.about_id,
            variables,
            notice.occurrence,
            until=notice.valid_until,
            tried_channels=tried,
        )
        candidates.append((notice, NoticeRequest(intent, contact, notice.language, trace, supersedes_pending=False)))
    profiles = await _load_profiles([request for _, request in candidates], uow, context)
    sendable = []
    for (notice, request), profile in zip(candidates, profiles, strict=True):
        decision = decide_channel(request.intent, profile, context.policy, now=uow.now) if profile else None
        if decision and decision.reason != DropReason.NO_CONSENT:
            sendable.append(request)
        else:
            unreached.append((notice, notice.reason))
    await decide_notices(sendable, uow, context)
    await _escalate([(notice, reason) for notice, reason in unreached if not notice.superseded], uow)


def finish_notice(notice: Notice, outcome: NoticeOutcome, uow: UnitOfWork) -> Notice | None:
    """The finished notice, with its event emitted; the caller saves it. None if the outcome adds nothing new."""
    finished = finish(notice, outcome, now=uow.now)
    if not finished:
        return None
    after, event = finished
    uow.emit(event, version=after.version)
    return after


def preferences_of(recipient: Recipient, records: Mapping[Channel, citizens.AddressRecord]) -> RecipientPreferences:
    """The choice on the status page goes before the choice at the stand. `records`: of the recipient's addresses."""
    preferred = Channel(recipient.prefer) if recipient.prefer in set(Channel) else None
    return RecipientPreferences(
        consented=frozenset(channel for channel, record in records.items() if record.consented),
        channel=next((record.channel for record in records.values() if record.channel), preferred),
        language=next((record.language for record in records.values() if record.language), recipient.language),
    )


async def cancel_pending_notices(
    about_ids: Iterable[UUID],
    reason: DropReason,
    uow: UnitOfWork,
    *,
    address_hashes: Sequence[bytes] = (),
    except_for: Iterable[NoticeId] = (),
) -> None:
    """Drops notices that wait; a notice that is being sent is only marked as superseded."""
    pending = await notices.lock_pending(uow, about_ids, except_for=except_for, address_hashes=address_hashes)
    changed = []
    for notice in pending:
        if notice.state is NoticeState.SENDING:
            changed.append(replace(notice, superseded=True))
        else:
            changed.append(finish_notice(notice, Dropped(reason), uow) or notice)
    if changed:
        await notices.save_notices(uow, changed)
    for channel, job_type in JOB_TYPES.items():
        dropped = [
            str(notice.id) for notice in changed if notice.state is NoticeState.DROPPED and notice.channel is channel
        ]
        if dropped:
            await cancel_pending(uow, job_type, dropped)


def _create_notices(
    intent: NoticeIntent, profile: RecipientProfile, uow: UnitOfWork, context: NotificationContext
) -> list[tuple[Notice, ChannelDecision]]:
    """One notice for each channel that fails at once, until one does not."""
    created: list[tuple[Notice, ChannelDecision]] = []
    while decision := decide_channel(intent, profile, context.policy, now=uow.now):
        notice_id = NoticeId(uow.new_id())
        notice = new_notice(
            notice_id,
            intent,
            decision,
            profile,
            context.policy,
            short_ref=notice_id.int % MAX_SHORT_REF + 1,
            now=uow.now,
        )
        if decision.state is NoticeState.CREATED:
            notice = replace(
                notice,
                address=context.cipher.seal_bytes(intent.about_id, decision.address.encode()),
                variables=context.cipher.seal_bytes(intent.about_id, to_json(dict(intent.variables))),
            )
        created.append((notice, decision))
        if decision.state is not NoticeState.FAILED:
            break
        intent = replace(intent, tried_channels=(*intent.tried_channels, decision.channel))
    return created


async def _load_profiles(
    requests: Sequence[NoticeRequest], uow: UnitOfWork, context: NotificationContext
) -> list[RecipientProfile | None]:
    """One per request; None if the contact is not readable or has no address."""
    recipients: dict[int, Recipient] = {}
    for number, request in enumerate(requests):
        recipient = context.decrypt_recipient(request.contact)
        if recipient and (recipient.phone or recipient.email):
            recipients[number] = recipient
    addresses = {number: recipient.addresses() for number, recipient in recipients.items()}
    hashes: dict[int, dict[Channel, bytes]] = {}
    consents = []
    for number, recipient in recipients.items():
        texts = {Channel.SMS: recipient.phone, Channel.EMAIL: recipient.email}
        hashes[number] = {
            channel: context.address_hash(channel, address if isinstance(address, str) else texts[channel] or "")
            for channel, address in addresses[number].items()
        }
        if recipient.consent:
            consents += [
                citizens.GivenConsent(address_hash, channel, requests[number].intent.about_id, recipient.consent)
                for channel, address_hash in hashes[number].items()
            ]
    await citizens.add_consents(uow, consents)
    day = context.start_of_day(uow.now)
    every_hash = {address_hash for by_channel in hashes.values() for address_hash in by_channel.values()}
    records = await citizens.address_records(uow, every_hash, since=day) if every_hash else {}
    profiles: list[RecipientProfile | None] = [None] * len(requests)
    for number, recipient in recipients.items():
        profiles[number] = _profile(requests[number], recipient, addresses[number], hashes[number], records)
    return profiles


def _profile(
    request: NoticeRequest,
    recipient: Recipient,
    addresses: Mapping[Channel, object],
    address_hashes: Mapping[Channel, bytes],
    records: Mapping[bytes, citizens.AddressRecord],
) -> RecipientProfile:
    by_channel = {channel: records[address_hash] for channel, address_hash in address_hashes.items()}
    preferences = preferences_of(recipient, by_channel)
    return RecipientProfile(
        addresses=addresses,  # type: ignore[arg-type]  # as Recipient returns them
        address_hashes=address_hashes,
        consented=preferences.consented,
        preferred=preferences.channel,
        language=preferences.language or request.language,
        sent_today=max(record.sent_today for record in by_channel.values()),
    )


async def _supersede_pending(
    decided: Sequence[tuple[NoticeRequest, Notice, ChannelDecision]], new: set[NoticeId], uow: UnitOfWork
) -> None:
    for _, notice, _ in decided:
        if notice.id in new and notice.state is not NoticeState.CREATED:
            _emit_outcome(notice, uow)
    superseding = {
        notice.about_id
        for request, notice, _ in decided
        if notice.id in new and notice.state is NoticeState.CREATED and _supersedes_pending(request)
    }
    if superseding:
        await cancel_pending_notices(superseding, DropReason.SUPERSEDED, uow, except_for=new)


def _emit_outcome(notice: Notice, uow: UnitOfWork) -> None:
    """For a notice that was dropped or failed when it was decided: the row has its state, the event is version 1."""
    created = replace(notice, state=NoticeState.CREATED, version=notice.version - 1)
    dropped = notice.state is NoticeState.DROPPED
    finish_notice(created, Dropped(DropReason(notice.reason)) if dropped else PermanentFailure(notice.reason), uow)


async def _escalate(unreached: Sequence[tuple[Notice, str]], uow: UnitOfWork) -> None:
    escalated = []
    for notice, reason in unreached:
        after, event = escalate_unreached(notice, reason, now=uow.now)
        uow.emit(event, version=after.version)
        escalated.append(after)
    if escalated:
        await notices.save_notices(uow, escalated)
        await providers.add_tasks(uow, unreached)


def _without_duplicates(requests: Sequence[NoticeRequest]) -> list[NoticeRequest]:
    """Two equal intents in one batch count once: otherwise the second would supersede the first."""
    first: dict[object, NoticeRequest] = {}
    for request in requests:
        intent = request.intent
        first.setdefault((intent.about_id, intent.kind, intent.occurrence, request.contact.subject), request)
    return list(first.values())


def _supersedes_pending(request: NoticeRequest) -> bool:
    """Not for a superseded intent, nor for a stand: its notices go to many citizens."""
    about_stand = RULES[request.intent.kind].about is About.STAND
    return request.supersedes_pending and not request.intent.superseded and not about_stand

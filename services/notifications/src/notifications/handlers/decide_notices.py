"""Turns intents into notices: many at a time, in a constant number of statements.

Invariants: a new notice supersedes pending ones about the same case; an intent that is not new changes nothing.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

from pydantic_core import to_json
from wanderamt.backbone.jobs.queue import cancel_pending
from wanderamt.backbone.observability.tracing import current_trace, message_context
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
from notifications.domain.kinds import RULES, About, AboutRef, NoticeKind
from notifications.domain.notice import (
    JOB_TYPES,
    Dropped,
    DropReason,
    Notice,
    NoticeOutcome,
    NoticeState,
    PermanentFailure,
    address_of,
    escalate_unreached,
    finish,
    open_variables,
    variables_of,
)
from notifications.domain.recipient import Recipient
from notifications.handlers.context import NotificationContext, configured_weights
from notifications.store import citizen_statements, notice_statements, providers
from notifications.store.citizen_statements import AddressRecord, AddressUse, GivenConsent

MAX_SHORT_REF = 2**16 - 1
TraceHeaders = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NoticeRequest:
    """An intent and its recipient. `supersedes_pending`: pending notices about the same case are dropped for it.

    `trace`: of the event that caused it. The notices of a batch are stored together and keep their own traces.
    """

    intent: NoticeIntent
    contact: Sealed
    language: str
    contact_confirmed: bool
    trace: TraceHeaders = field(default_factory=current_trace)
    supersedes_pending: bool = True


Decided: TypeAlias = tuple[NoticeRequest, Notice, ChannelDecision]


class UnreachedNotice(NamedTuple):
    """A notice that reached nobody, why, and the trace of its event."""

    notice: Notice
    reason: str
    trace: TraceHeaders


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
    last = {request.intent.ref: number for number, request in enumerate(requests) if _supersedes_pending(request)}
    decided: list[Decided] = []
    unreached: list[UnreachedNotice] = []
    for number, (request, profile) in enumerate(zip(requests, profiles, strict=True)):
        if not profile:
            continue
        superseded = number < last.get(request.intent.ref, -1) and not RULES[request.intent.kind].standalone
        intent = replace(request.intent, superseded=True) if superseded else request.intent
        created = _create_notices(intent, profile, uow, context)
        decided += [(request, notice, decision) for notice, decision in created]
        if created and created[-1][0].state is NoticeState.FAILED:
            unreached.append(UnreachedNotice(created[-1][0], created[-1][0].reason, request.trace))
    if decided:
        await _store_decided(decided, unreached, uow, context)


async def _store_decided(
    decided: Sequence[Decided], unreached: Sequence[UnreachedNotice], uow: UnitOfWork, context: NotificationContext
) -> None:
    """Stores the new notices with their jobs and events; they supersede older ones about the same case."""
    superseding = [
        (request, notice)
        for request, notice, _ in decided
        if notice.state is NoticeState.CREATED and _supersedes_pending(request)
    ]
    sent_at_once = {
        notice.channel
        for _, notice, decision in decided
        if notice.state is NoticeState.CREATED and decision.delay_s <= 0
    }
    claimed = [channel for channel in sent_at_once if uow.will_claim(JOB_TYPES[channel])]
    new, pending = await notice_statements.add_notices(
        uow,
        [notice for _, notice, _ in decided],
        superseding={notice.ref for _, notice in superseding},
        providers={
            name: weight
            for channel in claimed
            for name, weight in configured_weights(context.providers_of(channel)).items()
        },
    )
    for request, notice, decision in decided:
        if notice.id not in new:
            continue
        with message_context(request.trace):
            if notice.state is NoticeState.CREATED:
                uow.enqueue(JOB_TYPES[notice.channel](notice_id=notice.id), after_s=decision.delay_s)
            else:
                _emit_outcome(notice, uow)
    await _escalate([entry for entry in unreached if entry.notice.id in new], uow)
    newer = {notice.ref: request.trace for request, notice in superseding if notice.id in new}
    older = [notice for notice in pending if notice.ref in newer and not RULES[notice.kind].standalone]
    _drop(older, newer, DropReason.SUPERSEDED, uow)


async def try_next_channel(
    failed: Sequence[tuple[Notice, TraceHeaders]], uow: UnitOfWork, context: NotificationContext
) -> None:
    """After a known failure: another channel of the citizen, while the notice is useful; else a task for staff."""
    views = await citizen_statements.lock_views(uow, {notice.ref for notice, _ in failed})
    candidates: list[tuple[Notice, NoticeRequest]] = []
    unreached: list[UnreachedNotice] = []
    for notice, trace in failed:
        view = views.get(notice.ref)
        tried = (*notice.tried_channels, notice.channel)
        contact = view.contact if view else None
        if not contact or notice.superseded or notice.valid_until <= uow.now or not notice.variables:
            unreached.append(UnreachedNotice(notice, notice.reason, trace))
            continue
        variables = open_variables(notice.variables, context.cipher, about_id=notice.about_id, notice_id=notice.id)
        intent = NoticeIntent(
            notice.kind,
            notice.about_id,
            variables,
            notice.occurrence,
            until=notice.valid_until,
            tried_channels=tried,
        )
        request = NoticeRequest(
            intent, contact, notice.language, notice.contact_confirmed, trace, supersedes_pending=False
        )
        candidates.append((notice, request))
    profiles = await _load_profiles([request for _, request in candidates], uow, context)
    sendable = []
    for (notice, request), profile in zip(candidates, profiles, strict=True):
        decision = decide_channel(request.intent, profile, context.policy, now=uow.now) if profile else None
        if decision and decision.reason != DropReason.NO_CONSENT:
            sendable.append(request)
        else:
            unreached.append(UnreachedNotice(notice, notice.reason, request.trace))
    await decide_notices(sendable, uow, context)
    await _escalate([entry for entry in unreached if not entry.notice.superseded], uow)


def finish_notice(notice: Notice, outcome: NoticeOutcome, uow: UnitOfWork) -> Notice | None:
    """The finished notice, with its event emitted; the caller saves it. None if the outcome adds nothing new."""
    finished = finish(notice, outcome, now=uow.now)
    if not finished:
        return None
    after, event = finished
    uow.emit(event, version=after.version)
    uow.log_outcome(
        "notice.finished",
        notice_id=after.id,
        about_id=after.about_id,
        kind=after.kind,
        channel=after.channel,
        state=after.state,
        reason=after.reason,
        provider=after.provider,
    )
    return after


def preferences_of(recipient: Recipient, records: Mapping[Channel, AddressRecord]) -> RecipientPreferences:
    """The choice on the status page goes before the choice at the stand. `records`: of the recipient's addresses."""
    preferred = Channel(recipient.prefer) if recipient.prefer in set(Channel) else None
    return RecipientPreferences(
        consented=frozenset(channel for channel, record in records.items() if record.consented),
        channel=next((record.channel for record in records.values() if record.channel), preferred),
        language=next((record.language for record in records.values() if record.language), recipient.language),
    )


async def cancel_pending_notices(
    about: Mapping[AboutRef, TraceHeaders],
    reason: DropReason,
    uow: UnitOfWork,
    *,
    address_hashes: Sequence[bytes] = (),
) -> None:
    """Drops notices that wait. `about`: to each case, appointment or stand the trace of what cancels its notices."""
    pending = await notice_statements.lock_pending(uow, about, address_hashes=address_hashes)
    _drop(pending, about, reason, uow)
    await uow.flush()


async def settle_pending_notices(
    settled: Mapping[AboutRef, AbstractSet[tuple[NoticeKind, str]]], uow: UnitOfWork
) -> None:
    """Drops notices of these kinds and occurrences that wait: the matter is settled, or a newer one follows."""
    pending = await notice_statements.lock_pending(uow, settled)
    over = [notice for notice in pending if (notice.kind, notice.occurrence) in settled[notice.ref]]
    _drop(over, {}, DropReason.SUPERSEDED, uow)
    await uow.flush()


def _drop(
    pending: Sequence[Notice], about: Mapping[AboutRef, TraceHeaders], reason: DropReason, uow: UnitOfWork
) -> None:
    """A notice that is being sent is only marked as superseded. Written with the next statement that writes."""
    changed = []
    for notice in pending:
        if notice.state is NoticeState.SENDING:
            changed.append(replace(notice, superseded=True))
        else:
            with message_context(about[notice.ref]) if notice.ref in about else nullcontext():
                changed.append(finish_notice(notice, Dropped(reason), uow) or notice)
    notice_statements.save_notices_later(uow, changed)
    for channel, job_type in JOB_TYPES.items():
        dropped = [
            str(notice.id) for notice in changed if notice.state is NoticeState.DROPPED and notice.channel is channel
        ]
        if dropped:
            cancel_pending(uow, job_type, dropped)


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
            seal, variables = context.cipher.seal_bytes, to_json(dict(intent.variables))
            notice = replace(
                notice,
                address=seal(intent.about_id, decision.address.encode(), purpose=address_of(notice_id)),
                variables=seal(intent.about_id, variables, purpose=variables_of(notice_id)),
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
        if recipient.consent and RULES[requests[number].intent.kind].about is not About.STAND:
            consents += [
                GivenConsent(address_hash, channel, *requests[number].intent.ref, recipient.consent)
                for channel, address_hash in hashes[number].items()
            ]
    day = context.start_of_day(uow.now)
    uses = {
        _use(requests[number], address_hash)
        for number, by_channel in hashes.items()
        for address_hash in by_channel.values()
    }
    records = await citizen_statements.address_records(uow, uses, since=day, new_consents=consents) if uses else {}
    profiles: list[RecipientProfile | None] = [None] * len(requests)
    for number, recipient in recipients.items():
        profiles[number] = _profile(requests[number], recipient, addresses[number], hashes[number], records)
    return profiles


def _profile(
    request: NoticeRequest,
    recipient: Recipient,
    addresses: Mapping[Channel, object],
    address_hashes: Mapping[Channel, bytes],
    records: Mapping[AddressUse, AddressRecord],
) -> RecipientProfile:
    by_channel = {channel: records[_use(request, address_hash)] for channel, address_hash in address_hashes.items()}
    preferences = preferences_of(recipient, by_channel)
    subscribed = RULES[request.intent.kind].about is About.STAND  # an active subscription is the consent
    return RecipientProfile(
        addresses=addresses,  # type: ignore[arg-type]  # as Recipient returns them
        address_hashes=address_hashes,
        consented=frozenset(by_channel) if subscribed else preferences.consented,
        preferred=preferences.channel,
        language=preferences.language or request.language,
        sent_today=max(record.sent_today for record in by_channel.values()),
        contact_confirmed=request.contact_confirmed,
    )


def _use(request: NoticeRequest, address_hash: bytes) -> AddressUse:
    return AddressUse(address_hash, *request.intent.ref, request.contact_confirmed)


def _emit_outcome(notice: Notice, uow: UnitOfWork) -> None:
    """For a notice that was dropped or failed when it was decided: the row has its state, the event is version 1."""
    created = replace(notice, state=NoticeState.CREATED, version=notice.version - 1)
    dropped = notice.state is NoticeState.DROPPED
    finish_notice(created, Dropped(DropReason(notice.reason)) if dropped else PermanentFailure(notice.reason), uow)


async def _escalate(unreached: Sequence[UnreachedNotice], uow: UnitOfWork) -> None:
    unreached = [entry for entry in unreached if not RULES[entry.notice.kind].requested]
    escalated = []
    for notice, reason, trace in unreached:
        after, event = escalate_unreached(notice, reason, now=uow.now)
        with message_context(trace):
            uow.emit(event, version=after.version)
            uow.log_outcome("citizen.unreached", notice_id=after.id, about_id=after.about_id, reason=reason)
        escalated.append(after)
    if escalated:
        await notice_statements.save_notices(uow, escalated)
        await providers.add_tasks(uow, [(notice, reason) for notice, reason, _ in unreached])


def _without_duplicates(requests: Sequence[NoticeRequest]) -> list[NoticeRequest]:
    """Two equal intents in one batch count once: otherwise the second would supersede the first."""
    first: dict[object, NoticeRequest] = {}
    for request in requests:
        intent = request.intent
        first.setdefault((intent.ref, intent.kind, intent.occurrence, request.contact.subject), request)
    return list(first.values())


def _supersedes_pending(request: NoticeRequest) -> bool:
    """Not for a superseded intent, nor for a stand: its notices go to many citizens."""
    about_stand = RULES[request.intent.kind].about is About.STAND
    return request.supersedes_pending and not request.intent.superseded and not about_stand

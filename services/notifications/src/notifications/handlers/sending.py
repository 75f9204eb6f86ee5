"""Sends notices: admission, choice of the provider, recording of outcomes. Many notices in one transaction.

Invariants: the provider of a message is committed before the call; the outcome of a call is recorded for its provider
once, under the lock of the provider's row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from connector_kit.call_outcome import CallOutcome
from connector_kit.resilience.circuit_breaker import BreakerPhase, weighted_counts
from connector_kit.resilience.policy import CallKind
from connector_kit.resilience.register_state import (
    RegisterState,
    acquire,
    callable_now,
    free_slots,
    mark_many_finished,
    mark_many_started,
    record_outcomes,
    release,
)
from opentelemetry import metrics
from wanderamt.backbone.jobs.handler import CompletedJob
from wanderamt.backbone.jobs.queue import ClaimedJob
from wanderamt.backbone.observability.tracing import message_context
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import Channel
from wanderamt.kernel.decision import KeepsFailing, NeedsOperator, OutcomeUnknown, Paused, RetryLater
from wanderamt.kernel.ids import NoticeId

from notifications.domain.channel_decision import quiet_hours_delay
from notifications.domain.kinds import RULES
from notifications.domain.notice import (
    PENDING_STATES,
    Dropped,
    DropReason,
    NoAnswer,
    Notice,
    NoticeOutcome,
    NoticeState,
    PermanentFailure,
)
from notifications.domain.sending import (
    NextStep,
    NotSendable,
    SendNow,
    SendResult,
    SendTask,
    after_call,
    after_repeated_failure,
    next_step,
    start_sending,
)
from notifications.domain.traffic_weights import TrafficWeight, apportion, rebalance, round_robin
from notifications.handlers.context import ConnectedProvider, NotificationContext, configured_weights
from notifications.handlers.decide_notices import TraceHeaders, finish_notice, try_next_channel
from notifications.handlers.subscriptions import find_unsubscribed
from notifications.store import notice_statements, provider_statements
from notifications.store.provider_statements import KnownProviders

RETRY_S = 1.0
BUSY_S = 0.5  # until a provider has a free slot again

_meter = metrics.get_meter("notifications")
_finished = _meter.create_counter("notifications.finished", description="Notices by kind, channel and outcome.")
_rebalances = _meter.create_counter(
    "notifications.provider.rebalances", description="Changes of a provider's traffic weight."
)
_time_to_send = _meter.create_histogram(
    "notifications.time_to_send", unit="s", description="From the decision until a provider accepted the message."
)


@dataclass(frozen=True, slots=True)
class _Assignment:
    provider: str
    call_kind: CallKind
    wait_s: float


async def admit_sending(
    wanted: int, uow: UnitOfWork, *, channel: Channel, context: NotificationContext
) -> int | Paused:
    """The number of messages that the providers of the channel can take now, at most `wanted`."""
    connected = context.providers_of(channel)
    known = await provider_statements.lock_providers(uow, configured_weights(connected))
    capacities = {name: _capacity(connected[name], known[name][0], wanted, now=uow.now) for name in known}
    admitted = min(wanted, sum(capacity for capacity in capacities.values() if isinstance(capacity, int)))
    if admitted or not capacities:
        return admitted
    pauses = [capacity for capacity in capacities.values() if isinstance(capacity, Paused)]
    if len(pauses) < len(capacities):
        return 0  # some providers are healthy and busy
    reasons = "; ".join(sorted({pause.reason for pause in pauses}))
    return Paused(reasons, min(pause.retry_after_s for pause in pauses))


async def prepare_sending(
    jobs: Sequence[ClaimedJob], uow: UnitOfWork, *, channel: Channel, context: NotificationContext
) -> list[SendTask | RetryLater | None]:
    connected = context.providers_of(channel)
    current = await notice_statements.lock_notices(uow, [claimed.job.notice_id for claimed in jobs])
    unsubscribed = await find_unsubscribed(current.values(), uow, context)  # before the row that all senders lock
    known = await provider_statements.lock_providers(uow, configured_weights(connected))
    steps: dict[UUID, NextStep] = {}
    for claimed in jobs:
        notice = current.get(claimed.job.notice_id)
        provider = connected.get(notice.provider) if notice else None
        manifest = provider.manifest if provider else None
        ended = claimed.job.notice_id in unsubscribed
        steps[claimed.job.notice_id] = (
            next_step(notice, claimed.attempt, manifest, unsubscribed=ended, now=uow.now) if notice else None
        )
    delays = {
        id_: _quiet_hours_delay(current[NoticeId(id_)], channel, context, uow.now)
        for id_, step in steps.items()
        if isinstance(step, SendNow)
    }
    sendable = {id_: step for id_, step in steps.items() if isinstance(step, SendNow) and delays[id_] is None}
    assigned = _assign(sendable, current, known, connected, now=uow.now)
    tasks: list[SendTask | RetryLater | None] = []
    changed, finished = [], []
    for claimed in jobs:
        id_ = claimed.job.notice_id
        task, notice, outcome = _prepare_one(current.get(NoticeId(id_)), steps[id_], delays.get(id_), assigned.get(id_))
        if notice and outcome:
            after = _finish(notice, outcome, claimed.trace_context, uow)
            changed.append(after)
            finished.append((after, claimed.trace_context))
        elif notice:
            changed.append(notice)
        tasks.append(task)
    if assigned:
        provider_statements.save_providers(uow, known)
    notice_statements.save_notices_later(uow, changed)
    await _follow_up(finished, uow, context)
    return tasks


async def complete_sending(
    jobs: Sequence[CompletedJob], uow: UnitOfWork, *, channel: Channel, context: NotificationContext
) -> list[RetryLater | OutcomeUnknown | NeedsOperator | None]:
    connected = context.providers_of(channel)
    current = await notice_statements.lock_notices(uow, [completed.job.notice_id for completed in jobs])
    known = await provider_statements.lock_providers(uow, configured_weights(connected))
    _record_outcomes(jobs, known, context, now=uow.now)
    provider_statements.save_providers(uow, known)
    decisions: list[RetryLater | OutcomeUnknown | NeedsOperator | None] = []
    changed, finished = [], []
    for completed in jobs:
        notice = current.get(completed.job.notice_id)
        if not notice or notice.state not in PENDING_STATES:
            decisions.append(None)  # a receipt was faster
            continue
        after, step = _after_call(notice, completed.outcome, connected, known, now=uow.now)
        if isinstance(step, RetryLater | OutcomeUnknown):
            changed.append(after)
            decisions.append(step)
            continue
        after = _finish(after, step, completed.trace_context, uow)
        changed.append(after)
        finished.append((after, completed.trace_context))
        decisions.append(None)
    notice_statements.save_notices_later(uow, changed)
    await _follow_up(finished, uow, context)
    return decisions


def _capacity(provider: ConnectedProvider, state: RegisterState, wanted: int, *, now: datetime) -> int | Paused:
    """0 if all slots are in use: that is no pause, because the calls will end."""
    free = min(wanted, free_slots(state, provider.manifest, interactive=False, now=now))
    return callable_now(state, free, provider.manifest, now=now) if free > 0 else 0


def _assign(
    sendable: Mapping[UUID, SendNow],
    current: Mapping[NoticeId, Notice],
    known: KnownProviders,
    connected: Mapping[str, ConnectedProvider],
    *,
    now: datetime,
) -> dict[UUID, _Assignment]:
    """Messages that may have left stay with their provider; the others are divided by weight.

    Changes `known`: the call slots of the assigned messages are reserved.
    """
    by_provider: dict[str, list[UUID]] = {name: [] for name in connected}
    unbound = []
    for id_, step in sendable.items():
        if step.provider in by_provider:
            by_provider[step.provider].append(id_)
        elif step.provider is None:
            unbound.append(id_)
    capacities = {
        name: _capacity(provider, known[name][0], len(sendable), now=now) for name, provider in connected.items()
    }
    spare = {
        name: max(0, capacity - len(by_provider[name])) if isinstance(capacity, int) else 0
        for name, capacity in capacities.items()
    }
    weights = {name: known[name][1].current for name in connected}
    turns = list(round_robin(apportion(len(unbound), weights, spare)))
    for id_, name in _match_providers(unbound, turns, current):
        by_provider[name].append(id_)
    assigned: dict[UUID, _Assignment] = {}
    for name, ids in by_provider.items():
        if not ids:
            continue
        state, weight = known[name]
        manifest = connected[name].manifest
        free = min(len(ids), free_slots(state, manifest, interactive=False, now=now))
        state, slots = acquire(state, free, manifest, now=now) if free > 0 else (state, ())
        if isinstance(slots, Paused):
            slots = ()
        started = list(zip(ids, slots, strict=False))
        state = mark_many_started(state, manifest, [str(id_) for id_, _ in started], now=now)
        known[name] = (state, weight)
        for id_, slot in started:
            wait_s = max(0.0, (slot - now).total_seconds())
            assigned[id_] = _Assignment(name, sendable[id_].call_kind, wait_s)
    return assigned


def _match_providers(
    ids: Sequence[UUID], turns: list[str], current: Mapping[NoticeId, Notice]
) -> list[tuple[UUID, str]]:
    """A message that failed at a provider goes to another one, if there is another. Such messages choose first."""
    matched = []
    for id_ in sorted(ids, key=lambda id_: not current[NoticeId(id_)].provider):
        if not turns:
            break
        failed_at = current[NoticeId(id_)].provider
        place = next((number for number, name in enumerate(turns) if name != failed_at), 0)
        matched.append((id_, turns.pop(place)))
    return matched


def _quiet_hours_delay(
    notice: Notice, channel: Channel, context: NotificationContext, now: datetime
) -> RetryLater | DropReason | None:
    """A notice that was delayed into quiet hours waits for their end, unless it is being sent already."""
    if notice.outcome_unknown or notice.state is NoticeState.SENDING:
        return None
    rule = RULES[notice.kind]
    delay = quiet_hours_delay(channel, now, notice.valid_until, context.policy, urgent=rule.urgent)
    if delay is None or isinstance(delay, DropReason):
        return delay
    return RetryLater(delay.total_seconds(), "quiet hours")


def _prepare_one(
    notice: Notice | None,
    step: NextStep,
    delay: RetryLater | DropReason | None,
    assignment: _Assignment | None,
) -> tuple[SendTask | RetryLater | None, Notice | None, NoticeOutcome | None]:
    """The task for the job runner, the notice if it changed, and its outcome if it has one."""
    if not notice or step is None:
        return None, None, None
    if not isinstance(step, SendNow):
        return None, notice, step
    if isinstance(delay, DropReason):
        return None, notice, Dropped(delay)
    if delay:
        return delay, None, None
    if not assignment:
        return RetryLater(BUSY_S, "no provider has a free slot"), None, None
    if not notice.address or not notice.variables:
        return None, notice, NoAnswer("redacted")
    task = SendTask(
        notice_id=notice.id,
        about_id=notice.about_id,
        provider=assignment.provider,
        call_kind=assignment.call_kind,
        wait_s=assignment.wait_s,
        kind=notice.kind,
        template_version=notice.template_version,
        channel=notice.channel,
        language=notice.language,
        address=notice.address,
        variables=notice.variables,
        short_ref=notice.short_ref,
    )
    return task, start_sending(notice, assignment.provider), None


def _after_call(
    notice: Notice,
    outcome: object,
    connected: Mapping[str, ConnectedProvider],
    known: KnownProviders,
    *,
    now: datetime,
) -> tuple[Notice, NoticeOutcome | RetryLater | OutcomeUnknown]:
    match outcome:
        case SendResult():
            others_available = any(
                name != outcome.provider and isinstance(_capacity(provider, known[name][0], 1, now=now), int)
                for name, provider in connected.items()
            )
            manifest = connected[outcome.provider].manifest
            return after_call(notice, outcome, manifest, others_available=others_available)
        case NotSendable(_, code):
            return notice, PermanentFailure(code)
        case KeepsFailing():
            return notice, after_repeated_failure(notice)
        case OutcomeUnknown():  # the call was cut off
            return replace(notice, outcome_unknown=True), outcome
    return notice, RetryLater(RETRY_S, "no outcome")


def _record_outcomes(
    jobs: Sequence[CompletedJob], known: KnownProviders, context: NotificationContext, *, now: datetime
) -> None:
    outcomes: dict[str, list[tuple[CallOutcome, float]]] = {}
    finished: dict[str, list[str]] = {}
    for completed in jobs:
        result = completed.outcome
        if isinstance(result, SendResult):
            outcomes.setdefault(result.provider, []).append((result.outcome, result.duration_s))
            finished.setdefault(result.provider, []).append(str(completed.job.notice_id))
        elif isinstance(result, NotSendable):
            state, weight = known[result.provider]
            known[result.provider] = release(state, str(completed.job.notice_id)), weight
    for name, calls in outcomes.items():
        state, weight = known[name]
        manifest = context.providers[name].manifest
        state = mark_many_finished(record_outcomes(state, manifest, calls, now=now), finished[name], now=now)
        known[name] = state, _rebalance(name, weight, state, context, now)


def _rebalance(
    name: str, weight: TrafficWeight, state: RegisterState, context: NotificationContext, now: datetime
) -> TrafficWeight:
    counts = weighted_counts(state.breaker, context.providers[name].manifest.breaker, now=now)
    after = rebalance(
        weight,
        failure_rate=counts.failures / counts.calls if counts.calls else 0.0,
        breaker_open=state.breaker.phase is not BreakerPhase.CLOSED,
        rebalance_interval=context.rebalance_interval,
        now=now,
    )
    if after.current != weight.current:
        direction = "down" if after.current < weight.current else "up"
        _rebalances.add(1, {"provider": name, "direction": direction})
    return after


def _finish(notice: Notice, outcome: NoticeOutcome, trace: TraceHeaders, uow: UnitOfWork) -> Notice:
    with message_context(trace):
        after = finish_notice(notice, outcome, uow)
    if after:
        _count(after, uow.now)
    return after or notice


def _count(notice: Notice, now: datetime) -> None:
    labels = {"kind": notice.kind.value, "channel": notice.channel.value, "state": notice.state.value}
    _finished.add(1, labels | {"reason": notice.reason, "provider": notice.provider})
    if notice.state is NoticeState.SENT:
        seconds = (now - notice.created_at).total_seconds()
        _time_to_send.record(seconds, {"channel": notice.channel.value, "provider": notice.provider})


async def _follow_up(
    finished: Sequence[tuple[Notice, TraceHeaders]], uow: UnitOfWork, context: NotificationContext
) -> None:
    """Tries another channel for notices that failed for good or came too late."""
    too_late = {DropReason.STALE, DropReason.QUIET}
    lost = [
        (notice, trace)
        for notice, trace in finished
        if notice.state is NoticeState.FAILED or (notice.state is NoticeState.DROPPED and notice.reason in too_late)
    ]
    if lost:
        await uow.flush()
        await try_next_channel(lost, uow, context)

"""The availability of providers, as API, CLI and metrics show it, and the operator's actions on providers."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from connector_kit.resilience.availability import AvailabilityStatus, status_now
from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation
from wanderamt.backbone.messaging.replay import record_operator_action
from wanderamt.backbone.observability.tracing import current_trace
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import NoticeId
from wanderamt.kernel.refusal import Refusal

from notifications.domain.notice import NoticeArrived, NoticeState, PermanentFailure
from notifications.domain.refusals import NOTICE_NOT_FOUND, OUTCOME_KNOWN, PROVIDER_NOT_FOUND
from notifications.handlers.context import NotificationContext, configured_weights
from notifications.handlers.decide_notices import finish_notice, try_next_channel
from notifications.store import notice_statements, provider_statements, providers


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """`current_weight` of `weight`: the provider's share of the channel's messages now. `until`: if it is known.

    `in_flight`: calls. `latency_ewma_s`: moving average of the seconds per call.
    """

    name: str
    channel: str
    status: AvailabilityStatus
    reason: str
    until: datetime | None
    current_weight: float
    weight: float
    in_flight: int
    latency_ewma_s: float


async def provider_statuses(uow: UnitOfWork, *, context: NotificationContext) -> list[ProviderStatus]:
    known = await providers.find_providers(uow, configured_weights(context.providers))
    statuses = []
    for name, provider in context.providers.items():
        state, weight = known[name]
        availability = status_now(provider.manifest, state, now=uow.now)
        statuses.append(
            ProviderStatus(
                name=name,
                channel=provider.channel.value,
                status=availability.status,
                reason=availability.reason,
                until=availability.until,
                current_weight=weight.current,
                weight=weight.configured,
                in_flight=sum(call.expires_at > uow.now for call in state.in_flight),
                latency_ewma_s=round(state.latency_ewma_s, 3),
            )
        )
    return statuses


@dataclass
class ProviderGauges:
    """Gauges of weight and availability per provider. `measure` runs periodically; a scrape reads its last result."""

    context: NotificationContext
    _statuses: list[ProviderStatus] = field(default_factory=list)

    def __post_init__(self) -> None:
        meter = metrics.get_meter("notifications")
        meter.create_observable_gauge(
            "notifications.provider.weight",
            [self._observe_weight],
            description="Current weight of a provider: its share of the channel's messages.",
        )
        meter.create_observable_gauge(
            "notifications.provider.up", [self._observe_up], description="1 while a provider is up, else 0."
        )

    async def measure(self, uow: UnitOfWork) -> int:
        self._statuses = await provider_statuses(uow, context=self.context)
        return 0

    def _observe_weight(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(status.current_weight, {"provider": status.name}) for status in self._statuses]

    def _observe_up(self, _: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(float(status.status is AvailabilityStatus.UP), {"provider": status.name})
            for status in self._statuses
        ]


async def resume_provider(
    name: str, uow: UnitOfWork, *, context: NotificationContext, operator: str, consumer: str
) -> str | Refusal:
    """Calls a provider again that was suspended because it rejected our credentials."""
    provider = context.providers.get(name)
    if not provider:
        return PROVIDER_NOT_FOUND
    known = await provider_statements.lock_providers(uow, {name: provider.weight})
    state, weight = known[name]
    if not state.suspended_reason:
        return f"{name} was not suspended"
    await record_operator_action(uow, operator, "resume provider", consumer, {"provider": name})
    provider_statements.save_providers(uow, {name: (replace(state, suspended_reason=""), weight)})
    return f"{name} is called again; it was suspended: {state.suspended_reason}"


async def resolve_notice(
    notice_id: NoticeId,
    uow: UnitOfWork,
    *,
    arrived: bool,
    context: NotificationContext,
    operator: str,
    consumer: str,
) -> str | Refusal:
    """Records what the provider or the citizen said: the message arrived, or it never left and may go again."""
    notice = (await notice_statements.lock_notices(uow, [notice_id])).get(notice_id)
    if not notice:
        return NOTICE_NOT_FOUND
    if notice.state not in {NoticeState.UNKNOWN, NoticeState.NO_RECEIPT}:
        return OUTCOME_KNOWN
    after = finish_notice(notice, NoticeArrived(notice.provider) if arrived else PermanentFailure("resolved"), uow)
    assert after  # noqa: S101 -- both states allow both outcomes
    await notice_statements.save_notices(uow, [after])
    details = {"notice_id": str(notice_id), "arrived": arrived}
    await record_operator_action(uow, operator, "resolve notice", consumer, details)
    if not arrived:
        await try_next_channel([(after, current_trace())], uow, context)
    result = "it arrived" if arrived else "it did not arrive; another channel is tried if there is one"
    return f"{notice_id}: {result}"

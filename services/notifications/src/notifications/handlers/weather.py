"""How providers are, and what an operator does about it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from connector_kit.weather import outlook
from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation
from wanderamt.backbone.replay import write_down
from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import NoticeId
from wanderamt.kernel.refusal import Refusal

from notifications.domain.notice import Delivered, Failed, State
from notifications.domain.refusals import NO_NOTICE, NO_PROVIDER, NOT_UNKNOWN
from notifications.handlers.deciding import end, fall_back
from notifications.handlers.ground import Ground, weights
from notifications.store import notices, providers

_points: dict[str, tuple[float, float]] = {}


@dataclass(frozen=True, slots=True)
class ProviderWeather:
    """`points` of `weight`: its part of the channel's messages now. `sky`: fair, slow, down, closed or full."""

    name: str
    channel: str
    sky: str
    reason: str
    until: datetime | None
    points: float
    weight: float
    under_way: int
    typical_s: float


async def show_providers(work: Work, *, ground: Ground) -> list[ProviderWeather]:
    known = await providers.find_providers(work, weights(ground.lines))
    shown = []
    for name, line in ground.lines.items():
        state, share = known[name]
        seen = outlook(line.manifest, state, now=work.now)
        shown.append(
            ProviderWeather(
                name=name,
                channel=line.channel.value,
                sky=seen.sky.value,
                reason=seen.reason,
                until=seen.until,
                points=share.points,
                weight=share.weight,
                under_way=sum(one.until > work.now for one in state.running),
                typical_s=round(state.typical_s, 3),
            )
        )
    return shown


async def measure(work: Work, *, ground: Ground) -> int:
    """What the gauges show until the next look."""
    for one in await show_providers(work, ground=ground):
        _points[one.name] = (one.points, float(one.sky == "fair"))
    return 0


async def resume_provider(name: str, work: Work, *, ground: Ground, who: str, consumer: str) -> str | Refusal:
    """One that had not let us in is asked again."""
    line = ground.lines.get(name)
    if not line:
        return NO_PROVIDER
    known = await providers.lock_providers(work, {name: line.weight})
    state, share = known[name]
    if not state.paused:
        return f"{name} was not paused"
    await write_down(work, who, "resume provider", consumer, {"provider": name})
    await providers.save_providers(work, {name: (replace(state, paused=""), share)})
    return f"{name} is asked again; it was paused: {state.paused}"


async def settle_notice(
    notice_id: NoticeId, work: Work, *, arrived: bool, ground: Ground, who: str, consumer: str
) -> str | Refusal:
    """Somebody has asked the provider or the citizen: it arrived, or it never left and may go another way."""
    notice = (await notices.lock_notices(work, [notice_id])).get(notice_id)
    if not notice:
        return NO_NOTICE
    if notice.state not in {State.UNKNOWN, State.UNCONFIRMED}:
        return NOT_UNKNOWN
    after = end(notice, Delivered(notice.provider) if arrived else Failed("settled"), work)
    assert after  # noqa: S101 -- both are open to either
    await notices.save_notices(work, [after])
    await write_down(work, who, "settle notice", consumer, {"notice_id": str(notice_id), "arrived": arrived})
    if not arrived:
        await fall_back([(after, {})], work, ground)
    return f"{notice_id}: {'it arrived' if arrived else 'it did not; another channel is tried where there is one'}"


def _shown(number: int) -> Any:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(values[number], {"provider": name}) for name, values in _points.items()]

    return observe


_meter = metrics.get_meter("notifications")
_meter.create_observable_gauge("notices.provider.points", [_shown(0)], description="A provider's part of the messages.")
_meter.create_observable_gauge("notices.provider.fair", [_shown(1)], description="1 while a provider is well.")

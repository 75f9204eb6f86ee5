"""Notices on their way out: how many may go, to which provider, and what became of them. Many in one transaction.

Kept true: which provider has a message is committed before the call; what a call teaches of a provider is learned under
its row's lock, once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from connector_kit.breaker import Phase, in_window
from connector_kit.policy import Beat
from connector_kit.register import (
    RegisterState,
    begun_many,
    ended_many,
    learned_many,
    may_go_now,
    not_called,
    reserve,
    room,
)
from connector_kit.verdict import Verdict
from opentelemetry import metrics
from wanderamt.backbone.bulk import Asked, Ended
from wanderamt.backbone.work import Work
from wanderamt.contracts import Channel
from wanderamt.kernel.decision import Park, Pause, Retry
from wanderamt.kernel.decision import Unknown as MayHaveHappened
from wanderamt.kernel.ids import NoticeId

from notifications.domain.deciding import quiet_wait
from notifications.domain.kinds import RULES
from notifications.domain.notice import Dropped, End, Failed, Notice, State, Unknown, Why
from notifications.domain.sending import Called, Go, NotSent, Task, after_call, next_of
from notifications.domain.shares import Share, divide, in_turns, moved
from notifications.handlers.deciding import Trace, end, fall_back
from notifications.handlers.ground import Ground, Line, weights
from notifications.store import notices, providers

LOOK_AGAIN_S = 1.0
BUSY_S = 0.5  # until the provider that may have a message has room again
Known = dict[str, tuple[RegisterState, Share]]

_meter = metrics.get_meter("notifications")
_ended = _meter.create_counter("notices.ended", description="Notices by kind, channel and how they ended.")
_shifts = _meter.create_counter(
    "notices.provider.shifts", description="Times a provider's share of the traffic changed."
)
_lateness = _meter.create_histogram("notices.handed_over", unit="s", description="From the decision to a provider.")


@dataclass(frozen=True, slots=True)
class _Assigned:
    provider: str
    beat: Beat
    wait_s: float


async def may_go(free: int, work: Work, *, channel: Channel, ground: Ground) -> int | Pause:
    """As many as all providers of the channel bear together."""
    lines = ground.of_channel(channel)
    known = await providers.lock_providers(work, weights(lines))
    bear = {name: _bears(lines[name], known[name][0], free, now=work.now) for name in known}
    going = min(free, sum(one for one in bear.values() if isinstance(one, int)))
    if going or not bear:
        return going
    pauses = [one for one in bear.values() if isinstance(one, Pause)]
    if len(pauses) < len(bear):
        return 0  # some are well and busy
    return Pause("; ".join(sorted({one.reason for one in pauses})), min(one.look_again_s for one in pauses))


async def claim_notices(
    asked: Sequence[Asked], work: Work, *, channel: Channel, ground: Ground
) -> list[Task | Retry | None]:
    lines = ground.of_channel(channel)
    found = await notices.lock_notices(work, [one.job.notice_id for one in asked])
    known = await providers.lock_providers(work, weights(lines))
    nexts = {}
    for one in asked:
        notice = found.get(one.job.notice_id)
        line = lines.get(notice.provider) if notice else None
        manifest = line.manifest if line else None
        nexts[one.job.notice_id] = next_of(notice, one.attempt, manifest, now=work.now) if notice else None
    quiet = {
        id_: _quiet(found[NoticeId(id_)], channel, ground, work.now)
        for id_, one in nexts.items()
        if isinstance(one, Go)
    }
    going = {id_: one for id_, one in nexts.items() if isinstance(one, Go) and quiet[id_] is None}
    assigned = _assign(going, found, known, lines, now=work.now)
    tasks: list[Task | Retry | None] = []
    changed, over = [], []
    for one in asked:
        id_ = one.job.notice_id
        task, notice, end = _claim_one(found.get(NoticeId(id_)), nexts[id_], quiet.get(id_), assigned.get(id_))
        if notice and end:
            done = _end(notice, end, one.trace, work)
            changed.append(done)
            over.append((done, one.trace))
        elif notice:
            changed.append(notice)
        tasks.append(task)
    if assigned:
        await providers.save_providers(work, known)
    if changed:
        await notices.save_notices(work, changed)
    await _follow_up(over, work, ground)
    return tasks


async def record_calls(
    ended: Sequence[Ended], work: Work, *, channel: Channel, ground: Ground
) -> list[Retry | MayHaveHappened | Park | None]:
    lines = ground.of_channel(channel)
    found = await notices.lock_notices(work, [one.job.notice_id for one in ended])
    known = await providers.lock_providers(work, weights(lines))
    _learn(ended, known, ground, now=work.now)
    await providers.save_providers(work, known)
    given: list[Retry | MayHaveHappened | Park | None] = []
    changed, over = [], []
    for one in ended:
        notice = found.get(one.job.notice_id)
        if not notice or notice.state not in {State.DECIDED, State.SENDING}:
            given.append(None)  # a receipt was faster
            continue
        after, step = _after(notice, one.outcome, lines, known, now=work.now)
        if isinstance(step, Retry | MayHaveHappened):
            changed.append(after)
            given.append(step)
            continue
        done = _end(after, step, one.trace, work)
        changed.append(done)
        over.append((done, one.trace))
        given.append(None)
    if changed:
        await notices.save_notices(work, changed)
    await _follow_up(over, work, ground)
    return given


def _bears(line: Line, state: RegisterState, free: int, *, now: datetime) -> int | Pause:
    """A provider without room is no pause: its calls will end."""
    left = min(free, room(state, line.manifest, counter=False, now=now))
    return may_go_now(state, left, line.manifest, now=now) if left > 0 else 0


def _assign(
    going: Mapping[UUID, Go],
    found: Mapping[NoticeId, Notice],
    known: Known,
    lines: Mapping[str, Line],
    *,
    now: datetime,
) -> dict[UUID, _Assigned]:
    """Those that may have left to whom they may have left to; the others by share, away from who just failed them."""
    wanted: dict[str, list[UUID]] = {name: [] for name in lines}
    free = []
    for id_, go in going.items():
        if go.provider in wanted:
            wanted[go.provider].append(id_)
        elif go.provider is None:
            free.append(id_)
    bears = {name: _bears(line, known[name][0], len(going), now=now) for name, line in lines.items()}
    spare = {name: max(0, one - len(wanted[name])) if isinstance(one, int) else 0 for name, one in bears.items()}
    turns = list(in_turns(divide(len(free), {name: known[name][1].points for name in lines}, spare)))
    for id_, name in _matched(free, turns, found):
        wanted[name].append(id_)
    assigned: dict[UUID, _Assigned] = {}
    for name, ids in wanted.items():
        if not ids:
            continue
        state, share = known[name]
        left = min(len(ids), room(state, lines[name].manifest, counter=False, now=now))
        state, moments = reserve(state, left, lines[name].manifest, now=now) if left > 0 else (state, ())
        if isinstance(moments, Pause):
            moments = ()
        taken = list(zip(ids, moments, strict=False))
        state = begun_many(state, lines[name].manifest, [str(id_) for id_, _ in taken], now=now)
        known[name] = (state, share)
        for id_, moment in taken:
            assigned[id_] = _Assigned(name, going[id_].beat, max(0.0, (moment - now).total_seconds()))
    return assigned


def _matched(free: Sequence[UUID], turns: list[str], found: Mapping[NoticeId, Notice]) -> list[tuple[UUID, str]]:
    """One that failed at a provider goes to another where there is one."""
    matched = []
    for id_ in sorted(free, key=lambda one: not found[NoticeId(one)].provider):  # those with a grudge choose first
        if not turns:
            break
        avoids = found[NoticeId(id_)].provider
        place = next((number for number, name in enumerate(turns) if name != avoids), 0)
        matched.append((id_, turns.pop(place)))
    return matched


def _quiet(notice: Notice, channel: Channel, ground: Ground, now: datetime) -> Retry | Why | None:
    """What was delayed into the night waits for the morning, unless it is under way already."""
    if notice.maybe or notice.state is State.SENDING:
        return None
    rule = RULES[notice.kind]
    wait = quiet_wait(channel, now, notice.valid_until, ground.house, urgent=rule.urgent)
    if wait is None or isinstance(wait, Why):
        return wait
    return Retry(wait.total_seconds(), "quiet hours")


def _claim_one(
    notice: Notice | None, step: Go | End | None, quiet: Retry | Why | None, assigned: _Assigned | None
) -> tuple[Task | Retry | None, Notice | None, End | None]:
    """(what the runner does, the notice where it changed, its end where it has one)"""
    if not notice or step is None:
        return None, None, None
    if not isinstance(step, Go):
        return None, notice, step
    if isinstance(quiet, Why):
        return None, notice, Dropped(quiet)
    if quiet:
        return quiet, None, None
    if not assigned:
        return Retry(BUSY_S, "no provider has room"), None, None
    if not notice.address or not notice.facts:
        return None, notice, Unknown("redacted")
    maybe = notice.maybe or notice.state is State.SENDING
    going = replace(notice, state=State.SENDING, provider=assigned.provider, maybe=maybe)
    task = Task(
        notice_id=notice.id,
        about_id=notice.about_id,
        provider=assigned.provider,
        beat=assigned.beat,
        wait_s=assigned.wait_s,
        kind=notice.kind,
        template=notice.template,
        channel=notice.channel,
        language=notice.language,
        address=notice.address,
        facts=notice.facts,
        short_ref=notice.short_ref,
    )
    return task, going, None


def _after(
    notice: Notice, outcome: object, lines: Mapping[str, Line], known: Known, *, now: datetime
) -> tuple[Notice, End | Retry | MayHaveHappened]:
    match outcome:
        case Called():
            others = any(
                name != outcome.provider and isinstance(_bears(line, known[name][0], 1, now=now), int)
                for name, line in lines.items()
            )
            return after_call(notice, outcome, lines[outcome.provider].manifest, others=others)
        case NotSent(_, code):
            return notice, Failed(code)
        case MayHaveHappened():  # the call was cut off
            return replace(notice, maybe=True), outcome
    return notice, Retry(LOOK_AGAIN_S, "no outcome")


def _learn(ended: Sequence[Ended], known: Known, ground: Ground, *, now: datetime) -> None:
    called: dict[str, list[tuple[Verdict, float]]] = {}
    over: dict[str, list[str]] = {}
    for one in ended:
        outcome = one.outcome
        if isinstance(outcome, Called):
            called.setdefault(outcome.provider, []).append((outcome.verdict, outcome.took_s))
            over.setdefault(outcome.provider, []).append(str(one.job.notice_id))
        elif isinstance(outcome, NotSent):
            state, share = known[outcome.provider]
            known[outcome.provider] = not_called(state, str(one.job.notice_id)), share
    for name, calls in called.items():
        state, share = known[name]
        manifest = ground.lines[name].manifest
        state = ended_many(learned_many(state, manifest, calls, now=now), over[name], now=now)
        known[name] = state, _shifted(name, share, state, ground, now)


def _shifted(name: str, share: Share, state: RegisterState, ground: Ground, now: datetime) -> Share:
    seen = in_window(state.breaker, ground.lines[name].manifest.breaker, now=now)
    failing = seen.failures / seen.calls if seen.calls else 0.0
    open_ = state.breaker.phase is not Phase.CLOSED
    now_share = moved(share, failing=failing, open_=open_, return_every=ground.return_every, now=now)
    if now_share.points != share.points:
        _shifts.add(1, {"provider": name, "way": "away" if now_share.points < share.points else "back"})
    return now_share


def _end(notice: Notice, how: End, trace: Trace, work: Work) -> Notice:
    work.carried = trace
    after = end(notice, how, work)
    if after:
        _count(after, work.now)
    return after or notice


def _count(notice: Notice, now: datetime) -> None:
    about = {"kind": notice.kind.value, "channel": notice.channel.value, "state": notice.state.value}
    _ended.add(1, about | {"reason": notice.reason, "provider": notice.provider})
    if notice.state is State.SENT:
        waited = (now - notice.decided_at).total_seconds()
        _lateness.record(waited, {"channel": notice.channel.value, "provider": notice.provider})


async def _follow_up(over: Sequence[tuple[Notice, Trace]], work: Work, ground: Ground) -> None:
    """Of what failed for good or came too late."""
    lost = [
        (notice, trace)
        for notice, trace in over
        if notice.state is State.FAILED or (notice.state is State.DROPPED and notice.reason in {Why.STALE, Why.QUIET})
    ]
    if lost:
        await fall_back(lost, work, ground)

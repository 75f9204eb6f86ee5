"""Every message into scheduling: what planners want, and what became of the cases at their stands."""

from collections.abc import Sequence

from wanderamt.backbone.inbox import Handler, Many
from wanderamt.backbone.work import Work
from wanderamt.contracts import (
    CaseCompensated,
    CaseFinished,
    CaseNeedsVisit,
    CaseOpened,
    CaseReopened,
    CaseWithdrawn,
    Event,
)
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

from scheduling import store
from scheduling.domain.demand import CaseNews, learn
from scheduling.domain.refusals import NO_STAND
from scheduling.domain.stand import Plan, Stand, cancel, schedule


async def schedule_stand(stand_id: StandId, plan: Plan, work: Work) -> Stand | Refusal:
    outcome = schedule(await store.lock_stand(work, stand_id), stand_id, plan)
    if isinstance(outcome, Refusal):
        return outcome
    if not outcome.events:
        return outcome.state
    refusal = await store.add_stand(work, outcome.state)
    if refusal:
        return refusal
    work.emit(*outcome.events, version=outcome.state.version)
    return outcome.state


async def cancel_stand(stand_id: StandId, work: Work, *, reason: str) -> Stand | Refusal:
    stand = await store.lock_stand(work, stand_id)
    if not stand:
        return NO_STAND
    outcome = cancel(stand, reason=reason, now=work.now)
    if isinstance(outcome, Refusal):
        return outcome
    await store.save_state(work, outcome.state)
    work.emit(*outcome.events, version=outcome.state.version)
    return outcome.state


async def show_stand(stand_id: StandId, work: Work) -> Stand | Refusal:
    return await store.lock_stand(work, stand_id) or NO_STAND


async def on_case_news(news: Sequence[CaseNews], work: Work) -> None:
    known = await store.visits(work, {one.case_id for one in news})
    await store.save_visits(work, learn(known, news))


_on_case_news = Many(on_case_news)
ON: dict[type[Event], Handler | Many] = {
    CaseOpened: _on_case_news,
    CaseFinished: _on_case_news,
    CaseNeedsVisit: _on_case_news,
    CaseCompensated: _on_case_news,
    CaseWithdrawn: _on_case_news,
    CaseReopened: _on_case_news,
}

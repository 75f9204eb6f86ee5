"""What became of the cases at the stands, and what nobody served."""

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

from scheduling.domain.demand.served import CaseNews, learn
from scheduling.handlers.appointments import end_appointment
from scheduling.store import demand


async def on_case_news(news: Sequence[CaseNews], work: Work) -> None:
    known = await demand.visits(work, {one.case_id for one in news})
    await demand.save_visits(work, learn(known, news))
    for one in news:
        if isinstance(one, CaseOpened) and one.appointment_id:
            await end_appointment(one.appointment_id, work, came=True)  # refused where it had ended already


_on_case_news = Many(on_case_news)
ON: dict[type[Event], Handler | Many] = {
    CaseOpened: _on_case_news,
    CaseFinished: _on_case_news,
    CaseNeedsVisit: _on_case_news,
    CaseCompensated: _on_case_news,
    CaseWithdrawn: _on_case_news,
    CaseReopened: _on_case_news,
}

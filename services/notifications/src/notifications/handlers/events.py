"""Events of cases, documents, appointments and stands: what the citizen waits for now, and what they are told of it.

Kept true: events of all topics come in one list, in the order they came; each notice carries the trace of its event.
"""

from collections.abc import Sequence
from uuid import UUID

from wanderamt.backbone.arrivals import Item
from wanderamt.backbone.work import Work
from wanderamt.contracts import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentMoved,
    CaseClosed,
    CaseCompensated,
    CaseFinished,
    CaseHandedOver,
    CaseNeedsVisit,
    CaseOpened,
    CaseReopened,
    CaseWithdrawn,
    DocumentIssued,
    Event,
    StandCancelled,
    StandScheduled,
)

from notifications.domain.citizen import Folded, Subject, fold, new_subject, subject_id, time_facts
from notifications.domain.deciding import Wish
from notifications.domain.kinds import Kind
from notifications.domain.notice import Why
from notifications.handlers.deciding import Ask, Trace, decide, drop_unended
from notifications.handlers.ground import Ground
from notifications.store import people


async def on_events(items: Sequence[Item], work: Work, *, ground: Ground) -> None:
    subjects = await people.lock_subjects(work, {id_ for one in items if (id_ := subject_id(one.event))})
    asks: list[Ask] = []
    over: set[UUID] = set()
    touched: dict[UUID, Subject] = {}
    for item in items:
        event, known = item.event, []
        if isinstance(event, StandScheduled):
            asks += await _of_stand(event, item.head.trace, work)
            continue
        if isinstance(event, StandCancelled):
            over.add(event.stand_id)
            found = await people.lock_subjects_of_stands(work, [event.stand_id])
            known = [touched.get(one.id, one) for one in found]
        elif whose := subject_id(event):
            known = [touched.get(whose) or subjects.get(whose) or new_subject(event)]
        for subject in known:
            folded = fold(subject, event, now=work.now)
            touched[subject.id] = folded.subject
            asks += _asks(folded, item.head.trace)
            if folded.ends:
                over.add(subject.id)
                asks = [one for one in asks if one.wish.about_id != subject.id]
    await people.save_subjects(work, touched.values())
    if over:
        await drop_unended(over, Why.WITHDRAWN, work)
    await decide(asks, work, ground)


def _asks(folded: Folded, trace: Trace) -> list[Ask]:
    subject = folded.subject
    if not subject.contact:
        return []
    contact, language = subject.contact, subject.language
    asks = [Ask(wish, contact, language, trace) for wish in folded.wishes]
    return asks + [Ask(wish, contact, language, trace, overtakes=False) for wish in folded.reminders]


async def _of_stand(event: StandScheduled, trace: Trace, work: Work) -> list[Ask]:
    """Everybody who asked to hear of stands in this district."""
    await people.see_districts(work, [event.district])
    facts = time_facts(event.place, event.starts_at, event.ends_at)
    told_as = event.starts_at.isoformat()
    wish = Wish(Kind.STAND_IN_DISTRICT, event.stand_id, facts, told_as, until=event.starts_at)
    found = await people.subscribers_of(work, event.district)
    return [Ask(wish, one.contact, one.language, trace, overtakes=False) for one in found]


HEARD: tuple[type[Event], ...] = (
    CaseOpened,
    CaseHandedOver,
    CaseNeedsVisit,
    CaseCompensated,
    CaseFinished,
    CaseWithdrawn,
    CaseReopened,
    CaseClosed,
    DocumentIssued,
    AppointmentBooked,
    AppointmentMoved,
    AppointmentCancelled,
    StandScheduled,
    StandCancelled,
)

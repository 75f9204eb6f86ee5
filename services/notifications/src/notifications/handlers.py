"""Every message into notifications: what happened to cases and documents, outcomes of sending."""

from collections.abc import Awaitable, Callable

from wanderamt.backbone.work import Work
from wanderamt.contracts import CaseCompensated, CaseNeedsVisit, Channel, DocumentIssued, Event, Language
from wanderamt.kernel.decision import Attempt, Expired, Retry
from wanderamt.kernel.ids import CaseId, NoticeId
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.keys import Sealer

from notifications import store
from notifications.domain.notice import (
    Delivery,
    Failed,
    Message,
    Notice,
    Occasion,
    SendNotice,
    Unknown,
    decide_notice,
    end_notice,
)
from notifications.domain.recipient import Recipient

# Channels whose providers know our reference and take the same message once, however often it is sent.
KEYED = frozenset({Channel.SMS})


async def on_document_issued(event: DocumentIssued, work: Work, *, sealer: Sealer) -> None:
    if event.contact:
        await _decide(
            Occasion.DOCUMENT_READY, CaseId(event.case_id), event.language, event.number, event.contact, work, sealer
        )


async def on_case_needs_visit(event: CaseNeedsVisit, work: Work, *, sealer: Sealer) -> None:
    if event.contact:
        case_id = CaseId(event.case_id)
        await _decide(Occasion.NEEDS_VISIT, case_id, event.language, _reference(case_id), event.contact, work, sealer)


async def on_case_compensated(event: CaseCompensated, work: Work, *, sealer: Sealer) -> None:
    if event.contact:
        case_id = CaseId(event.case_id)
        await _decide(Occasion.PAPER_VOID, case_id, event.language, _reference(case_id), event.contact, work, sealer)


async def claim_notice(job: SendNotice, attempt: Attempt, work: Work) -> Message | None:
    """Still fresh? A try that was cut off on a channel without keys is told as unknown instead of being repeated."""
    notice = await store.lock_notice(work, NoticeId(job.notice_id))
    if not notice:
        return None
    if notice.valid_until <= work.now:
        await _end(notice, Failed("the use-by time passed before it could be sent"), work)
        return None
    if attempt.interrupted and notice.channel not in KEYED:
        await _end(notice, Unknown("the service stopped while it was sending"), work)
        return None
    return Message(notice.id, notice.kind, notice.channel, notice.language, notice.reference, notice.contact)


async def record_delivery(job: SendNotice, outcome: Delivery | Expired, work: Work) -> Retry | None:
    notice = await store.lock_notice(work, NoticeId(job.notice_id))
    if notice:
        delivery = Failed(outcome.reason or "not sent in time") if isinstance(outcome, Expired) else outcome
        await _end(notice, delivery, work)
    return None


async def show_notices(case_id: CaseId, work: Work) -> list[Notice]:
    return await store.notices_of_case(work, case_id)


async def _decide(
    kind: Occasion, case_id: CaseId, language: Language, reference: str, contact: Sealed, work: Work, sealer: Sealer
) -> None:
    for channel in Recipient.model_validate_json(sealer.open(contact)).channels:
        decision = decide_notice(
            NoticeId(work.new_id()),
            kind,
            channel,
            case_id=case_id,
            language=language,
            reference=reference,
            contact=contact,
            now=work.now,
        )
        if await store.add_notice(work, decision.state):
            work.enqueue(*decision.jobs)


def _reference(case_id: CaseId) -> str:
    return str(case_id)[-6:].upper()


async def _end(notice: Notice, delivery: Delivery, work: Work) -> None:
    decision = end_notice(notice, delivery, now=work.now)
    if decision:
        work.emit(*decision.events, version=decision.state.version)
        await store.save_notice(work, decision.state)


ON: dict[type[Event], Callable[..., Awaitable[None]]] = {
    DocumentIssued: on_document_issued,
    CaseNeedsVisit: on_case_needs_visit,
    CaseCompensated: on_case_compensated,
}

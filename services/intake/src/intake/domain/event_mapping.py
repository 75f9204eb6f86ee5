"""Maps events of a case history to the public events of the contract. Most stay internal."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from service_catalogue.models import Titles
from wanderamt.contracts import (
    AllowedQuery,
    CaseApplicantChanged,
    CaseClosed,
    CaseCompensated,
    CaseCompleted,
    CaseDueDateMet,
    CaseDueDateMissed,
    CaseDueDatesSet,
    CaseEvent,
    CaseHandedOver,
    CaseNeedsVisit,
    CaseOpened,
    CaseReminderDue,
    CaseReopened,
    CaseTakenToStand,
    CaseWithdrawn,
    DueDateKind,
    Language,
    PublicDueDate,
    RegisterQueryRequested,
)
from wanderamt.kernel.ids import CaseId
from wanderamt.kernel.sealed import Sealed

from intake.domain.case.case_events import (
    AnswersDeleted,
    CallBlocked,
    CallSkipped,
    CallsOutdated,
    CallUndone,
    CaseHistoryEvent,
    Closed,
    Compensated,
    DeadlinesJudged,
    Filled,
    Finished,
    HandedOver,
    Identified,
    JudgedDeadline,
    ObligationFulfilled,
    ObligationMissed,
    ObligationReminded,
    ObligationsSet,
    Opened,
    Overdue,
    Paid,
    ProvisionalDocumentGiven,
    ProvisionalRevoked,
    RegisterAsked,
    RegisterConfirmed,
    Reopened,
    RequiredDocumentSeen,
    SentToVisit,
    TakenToStand,
    Withdrawn,
)
from intake.domain.case.explanations import explanation_of
from intake.domain.case.obligations import DUE_DATE_EVENTS, obligation_of
from intake.domain.case.process import asks_for_applicant, question_of
from intake.domain.case.state import BIRTH_DATE, BIRTH_YEAR, NAME_FIELDS, Case, DueDate, is_account
from intake.domain.catalogue.service_definition import Edition

INTERNAL_EVENTS = frozenset(
    {
        Identified,
        RequiredDocumentSeen,
        RegisterConfirmed,
        CallSkipped,
        CallBlocked,
        CallsOutdated,
        CallUndone,
        ProvisionalDocumentGiven,
        ProvisionalRevoked,
        Paid,
        AnswersDeleted,
    }
)
UNNAMED_OWNER = "named in the case"
PERSON_FIELDS = frozenset({*NAME_FIELDS, BIRTH_DATE, BIRTH_YEAR})


class LookupRules(NamedTuple):
    """What officers may ask registers for a case, and about whom. `applicant_hash`: see AssertionSigner."""

    queries: tuple[AllowedQuery, ...] = ()
    applicant_hash: str = ""


class EncryptedForm(NamedTuple):
    """The form as stored and sent: encrypted in the parts that consumers need separately. None: an empty part."""

    applicant: Sealed | None = None
    contact: Sealed | None = None
    facts: Sealed | None = None
    answers: Sealed | None = None


EMPTY_FORM = EncryptedForm()


class EventContext(NamedTuple):
    """What public events need beside the case. `officer`: on whose behalf a register is asked; `assert_question`: the
    proof of it. `rules_of`: for lookups while the case is open. `seal`: encrypts under the key of the case."""

    edition: Edition
    officer: str
    now: datetime
    seal: Callable[[CaseId, bytes], Sealed]
    assert_question: Callable[[RegisterAsked, Case, Sealed, str], str | None]
    rules_of: Callable[[Case], LookupRules]


def to_public_events(
    new_events: Iterable[CaseHistoryEvent], case: Case, form: EncryptedForm, context: EventContext
) -> list[CaseEvent]:
    """`case` and `form` after all events."""
    public: list[CaseEvent] = []
    opened = False
    for event in new_events:
        if type(event) in INTERNAL_EVENTS:
            continue
        if type(event) is Filled:
            if not opened and not PERSON_FIELDS.isdisjoint(event.fields):  # `CaseOpened` has the form of its entry
                applicant_hash = context.rules_of(case).applicant_hash
                public.append(CaseApplicantChanged(case_id=case.id, applicant_hash=applicant_hash))
            continue
        opened = opened or type(event) is Opened
        if type(event) is RegisterAsked:
            public.append(_to_register_query(event, case, form, context))
        elif type(event) in DUE_DATE_EVENTS:
            public += _to_due_date_events(event, case, form, context)
        elif published := _to_public_event(event, case, form, context):
            public.append(published)
    return public


def _to_register_query(
    event: RegisterAsked, case: Case, form: EncryptedForm, context: EventContext
) -> RegisterQueryRequested:
    question = form.applicant if asks_for_applicant(event, case, context.edition) else None
    if question is None:
        question = context.seal(case.id, orjson.dumps(question_of(event, case, context.edition)))
    return RegisterQueryRequested(
        case_id=case.id,
        request_id=event.request_id,
        register_name=event.register_name,
        operation=event.operation,
        question=question,
        purpose=event.purpose,
        officer=context.officer,
        deadline=event.deadline,
        assertion=context.assert_question(event, case, question, context.officer),
    )


def _to_public_event(
    event: CaseHistoryEvent, case: Case, form: EncryptedForm, context: EventContext
) -> CaseEvent | None:
    now = context.now
    match event:
        case Opened():
            queries, applicant_hash = context.rules_of(case)
            return CaseOpened(
                **_case_fields(case),
                queries=queries,
                applicant_hash=applicant_hash,
                language=case.language,
                captured_at=case.captured_at,
                contact=form.contact,
                appointment_id=event.appointment_id,
            )
        case Reopened(owner, _, deadline):
            return CaseReopened(
                **_case_fields(case), **context.rules_of(case)._asdict(), owner=owner, deadline=deadline
            )
        case Finished():
            return CaseCompleted(**_case_fields(case), completed_at=now)
        case Closed():
            return CaseClosed(**_case_fields(case), closed_at=now)
        case SentToVisit() | Compensated():
            return _to_visit_or_compensation(event, case, form, context)
    return _to_ownership_event(event, case, now)


def _to_visit_or_compensation(
    event: SentToVisit | Compensated, case: Case, form: EncryptedForm, context: EventContext
) -> CaseEvent:
    sentence = explanation_of(context.edition, event.because)
    explanation = {language.value: sentence.in_language(language) for language in Language} if sentence else None
    if isinstance(event, SentToVisit):
        return CaseNeedsVisit(
            **_case_fields(case),
            language=case.language,
            reason=event.reason,
            explanation=explanation,
            contact=form.contact,
            decided_at=context.now,
        )
    return CaseCompensated(
        case_id=case.id,
        service=case.service,
        stand_id=case.stand_id,
        language=case.language,
        reason=event.reason,
        explanation=explanation,
        refund_cents=event.refund_cents,
        contact=form.contact,
        decided_at=context.now,
    )


def _to_ownership_event(event: CaseHistoryEvent, case: Case, now: datetime) -> CaseEvent | None:
    match event:
        case Withdrawn(refund_cents):
            return CaseWithdrawn(
                **_case_fields(case),
                refund_cents=refund_cents,
                withdrawn_at=now,
            )
        case HandedOver(owner, _, deadline) | Overdue(owner, deadline):
            return CaseHandedOver(
                **_case_fields(case),
                owner=_public_owner(owner) if isinstance(event, HandedOver) else owner,
                deadline=deadline,
                overdue=isinstance(event, Overdue),
            )
        case TakenToStand(stand_id):
            return CaseTakenToStand(**_case_fields(case), taken_to=stand_id, taken_at=now)
    return None


def _to_due_date_events(
    event: CaseHistoryEvent, case: Case, form: EncryptedForm, context: EventContext
) -> Iterator[CaseEvent]:
    """A deadline that the application kept concerns nobody else."""
    edition = context.edition
    match event:
        case DeadlinesJudged(deadlines):
            titles = {deadline.code: deadline.titles for deadline in edition.deadlines}
            for judged in deadlines:
                if judged.missed:
                    yield _to_missed(DueDateKind.DEADLINE, judged, case, form, titles=titles[judged.code])
        case ObligationsSet():
            yield CaseDueDatesSet(**_case_fields(case), due_dates=tuple(_open_obligations(case, edition)))
        case ObligationFulfilled(code, met_at):
            yield CaseDueDateMet(**_case_fields(case), code=code, met_at=met_at)
        case ObligationReminded(code) | ObligationMissed(code):
            obligation = obligation_of(edition, code)
            due = next(due for due in case.due_dates if due.kind is DueDateKind.OBLIGATION and due.code == code)
            if not obligation:
                return
            if isinstance(event, ObligationMissed):
                kind, sentence = DueDateKind.OBLIGATION, obligation.reminder
                yield _to_missed(kind, due, case, form, titles=obligation.titles, sentence=sentence)
                return
            yield CaseReminderDue(
                **_case_fields(case),
                language=case.language,
                code=code,
                titles=_texts(obligation.titles),
                sentence=_texts(obligation.reminder),
                due_at=due.due_at,
                contact=form.contact,
            )


def _to_missed(
    kind: DueDateKind,
    missed: JudgedDeadline | DueDate,
    case: Case,
    form: EncryptedForm,
    *,
    titles: Titles,
    sentence: Titles | None = None,
) -> CaseDueDateMissed:
    return CaseDueDateMissed(
        **_case_fields(case),
        language=case.language,
        kind=kind,
        code=missed.code,
        titles=_texts(titles),
        sentence=_texts(sentence) if sentence else None,
        due_at=missed.due_at,
        contact=form.contact,
    )


def _open_obligations(case: Case, edition: Edition) -> Iterator[PublicDueDate]:
    for due in case.unmet_obligations:
        if obligation := obligation_of(edition, due.code):
            yield PublicDueDate(code=due.code, titles=_texts(obligation.titles), due_at=due.due_at)


def _texts(titles: Titles) -> dict[str, str]:
    return {language.value: titles.in_language(language) for language in Language}


def _public_owner(typed: str) -> str:
    """Topics keep what they get: an account, as tokens name it, may go there; another text that was typed may not."""
    return typed if is_account(typed) else UNNAMED_OWNER


def _case_fields(case: Case) -> dict[str, Any]:
    """Fields of every case event except the register query."""
    return {"case_id": case.id, "service": case.service, "stand_id": case.stand_id}

"""Maps events of a case history to the public events of the contract. Most stay internal."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from wanderamt.contracts import (
    AllowedQuery,
    CaseApplicantChanged,
    CaseClosed,
    CaseCompensated,
    CaseCompleted,
    CaseEvent,
    CaseHandedOver,
    CaseNeedsVisit,
    CaseOpened,
    CaseReopened,
    CaseTakenToStand,
    CaseWithdrawn,
    Language,
    RegisterQueryRequested,
)
from wanderamt.kernel.ids import CaseId
from wanderamt.kernel.sealed import Sealed

from intake.domain.case.case_events import (
    CallBlocked,
    CallSkipped,
    CallsOutdated,
    CallUndone,
    CaseHistoryEvent,
    Closed,
    Compensated,
    Filled,
    Finished,
    HandedOver,
    Identified,
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
from intake.domain.case.process import asks_for_applicant, question_of
from intake.domain.case.state import BIRTH_DATE, BIRTH_YEAR, NAME_FIELDS, Case, is_account
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


def _public_owner(typed: str) -> str:
    """Topics keep what they get: an account, as tokens name it, may go there; another text that was typed may not."""
    return typed if is_account(typed) else UNNAMED_OWNER


def _case_fields(case: Case) -> dict[str, Any]:
    """Fields of every case event except the register query."""
    return {"case_id": case.id, "service": case.service, "stand_id": case.stand_id}

"""Applies an entry of a device to a case: all of its actions in order, or none."""

from collections.abc import Iterator
from datetime import datetime
from typing import assert_never

from wanderamt.kernel.ids import CaseId, DocumentId, StandId
from wanderamt.kernel.refusal import Refusal

from intake.domain.actor import Actor
from intake.domain.case import back_office_actions, crew_actions
from intake.domain.case.case_events import Form, Paid, ProvisionalDocumentGiven, RequiredDocumentSeen
from intake.domain.case.crew_actions import NewCase
from intake.domain.case.fold import apply, apply_all
from intake.domain.case.obligations import fulfil_obligation
from intake.domain.case.process import AppliedEntry, CaseAction, NewEvents, NewId, run_actions
from intake.domain.case.state import Case
from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.catalogue.due_dates import trusted_time
from intake.domain.catalogue.service_definition import Edition
from intake.domain.entry import (
    AnyEntry,
    FillCase,
    FulfilObligation,
    GiveProvisional,
    HandOver,
    IdentifyApplicant,
    OpenBody,
    OpenCase,
    PaymentBody,
    ProvisionalBody,
    SeenDocumentBody,
    SeeRequiredDocument,
    TakeFee,
    Withdraw,
    form_of,
)
from intake.domain.merge import merge
from intake.domain.refusals import CASE_OF_OTHER_STAND, NO_CASE


def apply_entry(
    case: Case | None,
    entry: AnyEntry,
    *,
    catalogue: Catalogue,
    actor: Actor,
    now: datetime,
    new_id: NewId,
    seen: Form | None = None,
) -> AppliedEntry | Refusal:
    """`seen`: the form as the author of a case.fill saw it; None: the current form."""
    if isinstance(entry, OpenCase):
        return _open(case, entry, catalogue, actor, now, new_id)
    if not case:
        return NO_CASE
    if actor.stand_id and not case.belongs_to(actor.stand_id):
        return CASE_OF_OTHER_STAND
    pinned = catalogue.pinned_edition(case.edition)
    if isinstance(pinned, Refusal):
        return pinned
    if isinstance(entry, FillCase):
        return _fill(case, pinned.edition, entry, catalogue, now, new_id, seen)
    return run_actions(case, pinned.edition, [_action_of(entry, now)], new_id=new_id, now=now)


def _open(
    case: Case | None, entry: OpenCase, catalogue: Catalogue, actor: Actor, now: datetime, new_id: NewId
) -> AppliedEntry | Refusal:
    assert actor.device_id  # noqa: S101 -- only a device sends entries
    body = entry.body
    form = form_of(body)
    if None in form.values():
        form = {name: value for name, value in form.items() if value is not None}
    new = NewCase(
        service=body.service,
        language=body.language,
        stand_id=StandId(entry.stand_id),
        device_id=actor.device_id,
        officer=actor.officer,
        captured_at=entry.captured_at,
        number=body.number,
        form=form,
        appointment_id=body.appointment_id,
    )
    case_id = CaseId(entry.case_id)
    opened = crew_actions.open_case(case_id, case, new, catalogue, now=now)
    if isinstance(opened, Refusal):
        return opened
    new_case = apply_all(apply(None, opened[0], case_id), opened[1:])
    pinned = catalogue.pinned_edition(new_case.edition)
    if isinstance(pinned, Refusal):
        return pinned
    applied = run_actions(
        new_case,
        pinned.edition,
        list(_actions_of(body)),
        new_id=new_id,
        now=now,
        new_events=opened,
    )
    if isinstance(applied, Refusal) or not body.provisional:
        return applied
    give = _give(body.provisional, entry.captured_at, now)  # last: the register was asked before
    return run_actions(applied.case, pinned.edition, [give], new_id=new_id, now=now, new_events=applied.new_events)


def _fill(
    case: Case,
    edition: Edition,
    entry: FillCase,
    catalogue: Catalogue,
    now: datetime,
    new_id: NewId,
    seen: Form | None,
) -> AppliedEntry | Refusal:
    sent = crew_actions.checked_form(form_of(entry.body), edition, catalogue)
    if isinstance(sent, Refusal):
        return sent
    merged = merge(case.form if seen is None else seen, case.form, sent)

    def fill(case: Case, edition: Edition) -> NewEvents | Refusal:
        return crew_actions.fill(case, edition, merged.fields)

    applied = run_actions(case, edition, [fill], new_id=new_id, now=now)
    return applied if isinstance(applied, Refusal) else AppliedEntry(applied.case, applied.new_events, merged.conflicts)


def _actions_of(body: OpenBody) -> Iterator[CaseAction]:
    if body.identified:
        level = body.identified
        yield lambda case, edition: crew_actions.identify(case, edition, level)
    yield from (_see(document) for document in body.papers)
    if body.paid:
        yield _take_fee(body.paid)


def _action_of(entry: AnyEntry, now: datetime) -> CaseAction:
    match entry:
        case IdentifyApplicant():
            return lambda case, edition: crew_actions.identify(case, edition, entry.body.level)
        case SeeRequiredDocument():
            return _see(entry.body)
        case TakeFee():
            return _take_fee(entry.body)
        case GiveProvisional():
            return _give(entry.body, entry.captured_at, now)
        case HandOver():
            body = entry.body
            return lambda case, _: back_office_actions.hand_over(
                case, to=body.to, reason=body.reason, deadline=body.deadline
            )
        case Withdraw():
            return lambda case, _: back_office_actions.withdraw(case)
        case FulfilObligation():
            met_at, fulfilment = trusted_time(entry.captured_at, now=now), entry.body
            return lambda case, _: fulfil_obligation(
                case, fulfilment.obligation, met_at=met_at, attachment_id=fulfilment.attachment_id
            )
        case OpenCase() | FillCase():
            raise ValueError(f"{entry.type} is not a single action")
    assert_never(entry)


def _see(body: SeenDocumentBody) -> CaseAction:
    seen = RequiredDocumentSeen(body.code, body.handling, body.attachment_id)
    return lambda case, edition: crew_actions.record_document_seen(case, edition, seen)


def _take_fee(body: PaymentBody) -> CaseAction:
    paid = Paid(body.cents, body.payment, body.receipt, body.till_id)
    return lambda case, edition: crew_actions.pay(case, edition, paid)


def _give(body: ProvisionalBody, captured_at: datetime, now: datetime) -> CaseAction:
    """A device whose clock is ahead or too far behind does not date the office's document."""
    issued_at = trusted_time(body.issued_at or captured_at, now=now)
    document = ProvisionalDocumentGiven(DocumentId(body.document_id), body.number, issued_at)
    return lambda case, edition: crew_actions.give_provisional_document(case, edition, document)

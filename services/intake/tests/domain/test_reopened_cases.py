"""Cases that had ended: what a correction, a withdrawal or a second look does to what registers hold."""

import os

from case_under_test import LINZ, NOW, PERSON, RESIDENCE, CaseUnderTest
from intake.domain.case import back_office_actions, crew_actions
from intake.domain.case.case_events import FieldValue, Paid, PaymentMethod, Withdrawn
from intake.domain.case.state import CallStatus, CaseState
from intake.domain.refusals import CASE_ENDED
from process_fixtures import KEEPER, MOVE, PERMIT, REGISTERED, C, asked_last, looked_up, parking, pay, question
from wanderamt.kernel.refusal import Refusal

EXAMPLES = int(os.environ.get("EXAMPLES", "150"))


def finished_move() -> CaseUnderTest:
    subject = CaseUnderTest("registration", PERSON | MOVE)
    subject.finish_at_stand({})
    subject.answer("residence", C, details=RESIDENCE)
    subject.answer("registration", C, details=REGISTERED)
    assert subject.case.state is CaseState.FINAL
    return subject


def corrected(subject: CaseUnderTest, fields: dict[str, FieldValue]) -> Refusal | None:
    return subject.take(crew_actions.correct(subject.case, subject.edition, fields, officer="a@linz", now=NOW))


def finished_parking() -> CaseUnderTest:
    subject = parking()
    looked_up(subject)
    pay(subject)
    subject.answer("permit", C, details=PERMIT)
    assert subject.case.state is CaseState.FINAL
    return subject


def reopened() -> CaseUnderTest:
    subject = finished_parking()
    assert subject.take(back_office_actions.reopen(subject.case, by="office", reason="a look", now=NOW)) is None
    return subject


def test_a_reopened_case_does_not_ask_what_its_own_order_has_changed() -> None:
    subject = finished_parking()
    subject.take(back_office_actions.reopen(subject.case, by="office", reason="wrong language", now=NOW))
    assert subject.waiting() == []  # `former_permit` would be the permit of this case
    assert subject.take(crew_actions.ask_again(subject.case)) is None
    assert subject.case.state is CaseState.FINAL
    reopened = back_office_actions.reopen(subject.case, by="office", reason="wrong plate", now=NOW)
    plate: dict[str, FieldValue] = {"facts.plate": {"country": "AT", "text": "L-999XY"}}
    subject.take(
        back_office_actions.reopen_and_act(
            subject.case, reopened, lambda case: crew_actions.fill(case, subject.edition, plate)
        )
    )
    assert subject.waiting() == ["permit"]  # its undoing first
    subject.answer("permit", C)
    assert subject.waiting() == ["keeper"]  # what the plate changes
    subject.answer("keeper", C, details=KEEPER)
    assert question(subject, "permit")["plate"] == "L-999XY"
    reopened = back_office_actions.reopen(subject.case, by="office", reason="not needed", now=NOW)
    assert isinstance(reopened, Refusal)  # it has not ended
    subject.answer("permit", C, details=PERMIT)
    reopened = back_office_actions.reopen(subject.case, by="office", reason="not needed", now=NOW)
    subject.take(back_office_actions.reopen_and_act(subject.case, reopened, back_office_actions.withdraw))
    assert (subject.case.state, subject.waiting()) == (CaseState.WITHDRAWN, ["permit"])
    assert asked_last(subject, "permit").operation == "revoke_permit"


def test_a_reopened_case_waits_for_a_decision_about_what_it_has_written() -> None:
    subject = reopened()
    assert subject.waiting() == []  # else the register would answer that the person has a permit already
    assert subject.case.calls["permit"].status is CallStatus.DONE
    assert (subject.case.state, subject.case.owner) == (CaseState.OPEN, "office")
    assert subject.case.deadline
    assert subject.take(crew_actions.ask_again(subject.case)) is None
    assert subject.waiting() == []
    assert subject.case.state is CaseState.FINAL


def test_a_reopened_case_that_is_withdrawn_undoes_what_it_has_written() -> None:
    subject = reopened()
    assert subject.take(back_office_actions.withdraw(subject.case)) is None
    assert subject.case.calls["permit"].status is CallStatus.UNDOING
    subject.answer("permit", C)
    assert subject.case.state is CaseState.WITHDRAWN
    assert not subject.case.calls.keys() & {"permit"}


def test_a_reopened_case_that_is_corrected_undoes_and_writes_again() -> None:
    subject = reopened()
    assert subject.fill({"facts.plate": {"country": "AT", "text": "L-124AB"}}) is None
    assert subject.case.calls["permit"].status is CallStatus.UNDOING
    subject.answer("permit", C)
    assert subject.waiting() == ["keeper"]
    subject.answer("keeper", C, details=KEEPER)
    assert question(subject, "permit")["plate"] == "L-124AB"
    subject.answer("permit", C, details=PERMIT | {"number": "P-000002"})
    assert subject.case.state is CaseState.FINAL


def test_a_finished_case_that_is_withdrawn_is_undone_and_the_fee_owed() -> None:
    subject = finished_parking()
    assert subject.take(back_office_actions.withdraw(subject.case)) is None
    assert question(subject, "permit") == {"number": "P-000001"}
    assert subject.case.deadline
    subject.answer("permit", C)
    assert (subject.case.state, subject.case.paid_cents) == (CaseState.WITHDRAWN, 0)
    assert subject.case.deadline is None
    assert subject.take(back_office_actions.withdraw(subject.case)) is CASE_ENDED


def test_a_finished_case_is_corrected_by_undo_and_a_new_command() -> None:
    subject = finished_move()
    assert corrected(subject, {"facts.address": LINZ | {"number": "2"}}) is None
    assert subject.waiting() == ["registration"]
    assert question(subject, "registration") == {"registration_number": "M-1"}
    subject.answer("registration", C)
    assert subject.waiting() == ["registration"]  # with the answers on which it was built
    address = question(subject, "registration")["address"]
    assert isinstance(address, dict)
    assert address["number"] == "2"
    subject.answer("registration", C, details=REGISTERED | {"registration_number": "M-2"})
    assert subject.case.state is CaseState.FINAL


def test_a_correction_that_changes_no_question_keeps_what_was_written() -> None:
    subject = finished_move()
    assert corrected(subject, {"facts.foreign_document_shown": False}) is None
    assert subject.case.state is CaseState.FINAL
    assert corrected(subject, {"contact.phone": "+436601234567"}) is CASE_ENDED
    assert corrected(subject, {"facts.came_from": "austria", "facts.previous_address": LINZ}) is None
    assert subject.case.calls["registration"].in_register


def test_contact_data_do_not_decide_what_a_reopened_case_waits_for() -> None:
    subject = reopened()
    assert subject.fill({"contact.phone": "+436601234567"}) is None
    assert (subject.case.state, subject.case.reopened) == (CaseState.OPEN, True)
    assert subject.take(crew_actions.ask_again(subject.case)) is None
    assert subject.case.state is CaseState.FINAL


def test_a_fee_that_was_waived_stays_waived_when_the_case_is_corrected() -> None:
    subject = parking()
    looked_up(subject)
    waived = Paid(0, PaymentMethod.WAIVED, "BE-1")
    assert subject.take(crew_actions.pay(subject.case, subject.edition, waived)) is None
    subject.answer("permit", C, details=PERMIT)
    assert corrected(subject, {"facts.plate": {"country": "AT", "text": "L-124AB"}}) is None
    subject.answer("permit", C)
    subject.answer("keeper", C, details=KEEPER)
    subject.answer("permit", C, details=PERMIT)
    assert subject.case.state is CaseState.FINAL
    assert subject.take(back_office_actions.withdraw(subject.case)) is None
    subject.answer("permit", C)
    assert subject.take(back_office_actions.reopen(subject.case, by="office", reason="again", now=NOW)) is None
    assert not subject.case.settled  # what the citizen gave up is applied for anew


def test_what_was_paid_back_is_not_owed_again() -> None:
    subject = reopened()
    assert subject.take(back_office_actions.withdraw(subject.case)) is None
    subject.answer("permit", C)
    assert subject.take(back_office_actions.reopen(subject.case, by="office", reason="again", now=NOW)) is None
    assert not subject.case.settled
    assert subject.take(back_office_actions.withdraw(subject.case)) is None
    refunds = [event.refund_cents for event in subject.history if isinstance(event, Withdrawn)]
    assert refunds == [7540, 0]

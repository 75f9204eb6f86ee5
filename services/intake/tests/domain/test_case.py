"""Cases: every step and its refusals, and two devices, the back office and a register that act in any order."""

import os
from dataclasses import fields
from datetime import timedelta
from typing import get_args

import pytest
from case_under_test import CASE_ID, CATALOGUE, NOW, OPERATORS, PARKING, PERSON, RESIDENCE, CaseUnderTest, opening
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from intake.domain.case import back_office_actions, crew_actions
from intake.domain.case.case_events import (
    CaseHistoryEvent,
    FieldValue,
    Filled,
    Paid,
    PaymentMethod,
    ProvisionalDocumentGiven,
    RequiredDocumentSeen,
)
from intake.domain.case.fold import rebuild
from intake.domain.case.process import Answer, record_answer
from intake.domain.case.state import ENDED_STATES, CallStatus, CaseState
from intake.domain.case.steps import bill_of
from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.catalogue.service_definition import Handling, Identification
from intake.domain.merge import SequencePosition, form_as_seen_by, merge, sequence_position
from intake.domain.refusals import CASE_EXISTS, UNKNOWN_SERVICE
from uuid_utils.compat import uuid7
from wanderamt.contracts import RegisterOutcome
from wanderamt.kernel.ids import DeviceId, DocumentId, RequestId
from wanderamt.kernel.refusal import Refusal

EXAMPLES = int(os.environ.get("EXAMPLES", "150"))  # "make test EXAMPLES=10000" tries more cases
SERVICES = sorted(CATALOGUE.services.keys() - {"criminal_record"})  # of another authority
DEVICES = (DeviceId(uuid7()), DeviceId(uuid7()))
VALUES: st.SearchStrategy[FieldValue] = st.one_of(
    st.none(), st.booleans(), st.integers(0, 2), st.sampled_from(["local", "written", "7", "2026-05-01"])
)


FACTS: dict[str, FieldValue] = {
    "facts.channel": "spoken",
    "facts.register_asked": "local",
    "facts.recipient_named": True,
}


def test_a_case_is_complete_once_the_register_confirms() -> None:
    subject = CaseUnderTest("registration_confirmation")
    states = [subject.case.state]
    subject.finish_at_stand(FACTS)
    states.append(subject.case.state)
    assert states == [CaseState.OPEN, CaseState.PROVISIONAL]
    provisional = ProvisionalDocumentGiven(DocumentId(uuid7()), "UK-2026-0000001-1")
    assert subject.take(crew_actions.give_provisional_document(subject.case, subject.edition, provisional)) is None
    paid = crew_actions.pay(subject.case, subject.edition, Paid(210, PaymentMethod.CASH, "BE-2026-0000001-1"))
    assert subject.take(paid) is None
    subject.answer("residence", RegisterOutcome.CONFIRMED, details=RESIDENCE)
    assert subject.case.state is CaseState.FINAL
    assert subject.case.version == len(subject.history)


@pytest.mark.parametrize("outcome", [RegisterOutcome.NOT_FOUND, RegisterOutcome.REFUSED])
def test_a_provisional_document_is_revoked_when_the_register_refuses(outcome: RegisterOutcome) -> None:
    subject = CaseUnderTest("registration_confirmation")
    subject.finish_at_stand(FACTS)
    subject.take(
        crew_actions.give_provisional_document(
            subject.case, subject.edition, ProvisionalDocumentGiven(DocumentId(uuid7()), "UK-2026-0000001-1")
        )
    )
    subject.take(crew_actions.pay(subject.case, subject.edition, Paid(210, PaymentMethod.CARD, "BE-2026-0000001-1")))
    request_id = subject.case.request_id
    assert request_id
    subject.answer("residence", outcome)
    assert subject.case.state is CaseState.COMPENSATED
    assert subject.case.paid_cents == 0
    assert subject.case.provisional_document is None
    late = Answer(request_id, RegisterOutcome.CONFIRMED, details=RESIDENCE)
    assert record_answer(subject.case, subject.edition, late, operators=OPERATORS, now=NOW) == ()


def test_steps_in_the_wrong_order_are_refused_and_change_nothing() -> None:
    subject = CaseUnderTest("resident_parking", PERSON | PARKING)
    refusals = [
        subject.take(
            crew_actions.record_document_seen(
                subject.case, subject.edition, RequiredDocumentSeen("vehicle_papers", Handling.SHOW)
            )
        ),
        subject.take(
            crew_actions.pay(subject.case, subject.edition, Paid(7540, PaymentMethod.CASH, "BE-2026-0000001-1"))
        ),
        subject.take(crew_actions.identify(subject.case, subject.edition, Identification.KNOWN)),
    ]
    assert [refusal and refusal.code for refusal in refusals] == [
        "case.step_too_early",
        "case.step_too_early",
        "case.identification_too_weak",
    ]
    subject.take(crew_actions.identify(subject.case, subject.edition, Identification.PHOTO_ID))
    refusals = [
        subject.take(
            crew_actions.record_document_seen(
                subject.case, subject.edition, RequiredDocumentSeen("vehicle_papers", Handling.SCAN)
            )
        ),
        subject.take(
            crew_actions.record_document_seen(
                subject.case, subject.edition, RequiredDocumentSeen("company_letter", Handling.SCAN)
            )
        ),
    ]
    assert [refusal and refusal.code for refusal in refusals] == ["case.paper_handling", "case.paper_unknown"]
    assert subject.case.version == 3


def test_a_device_that_charged_a_wrong_amount_gets_the_right_one() -> None:
    subject = CaseUnderTest("resident_parking", PERSON | PARKING)
    subject.finish_at_stand({})
    refusal = subject.take(
        crew_actions.pay(subject.case, subject.edition, Paid(6870, PaymentMethod.CASH, "BE-2026-0000001-1"))
    )
    assert refusal
    assert refusal.code == "fee.wrong_amount"
    assert "7540" in refusal.hint
    assert (
        subject.take(
            crew_actions.pay(subject.case, subject.edition, Paid(0, PaymentMethod.WAIVED, "BE-2026-0000001-1"))
        )
        is None
    )


def test_a_birth_year_alone_is_accepted_and_never_becomes_a_date() -> None:
    subject = CaseUnderTest("active_pass", {"applicant.given_name": "Nīraj", "applicant.birth_year": 1950})
    assert "applicant.birth_date" not in subject.case.form


@pytest.mark.parametrize(("born", "asks"), [({}, False), ({"applicant.birth_year": 1950}, True)])
def test_a_register_is_queried_once_the_applicant_is_known(born: dict[str, FieldValue], *, asks: bool) -> None:
    named = {name: value for name, value in PERSON.items() if name != "applicant.birth_date"}
    subject = CaseUnderTest("registration_confirmation", named | born)
    subject.take(crew_actions.identify(subject.case, subject.edition, Identification.PHOTO_ID))
    assert (subject.case.state is CaseState.PROVISIONAL) is asks


def test_a_case_cannot_be_opened_twice_nor_for_an_unknown_service() -> None:
    subject = CaseUnderTest("active_pass")
    assert crew_actions.open_case(CASE_ID, subject.case, opening("active_pass"), CATALOGUE, now=NOW) is CASE_EXISTS
    assert crew_actions.open_case(CASE_ID, None, opening("passport"), Catalogue([]), now=NOW) is UNKNOWN_SERVICE


def test_an_overdue_case_goes_to_the_owner_of_overdue_cases_only_once() -> None:
    subject = CaseUnderTest("active_pass")
    late = NOW + timedelta(days=2)
    assert back_office_actions.escalate_overdue(subject.case, to="head of office", now=NOW) == ()
    subject.take(back_office_actions.escalate_overdue(subject.case, to="head of office", now=late))
    assert subject.case.owner == "head of office"
    assert back_office_actions.escalate_overdue(subject.case, to="head of office", now=late) == ()


def test_a_history_begins_with_the_opening() -> None:
    assert rebuild(CASE_ID, []) is None
    with pytest.raises(ValueError, match="does not begin"):
        rebuild(CASE_ID, [Filled({})])


def test_every_kind_of_event_has_a_name_of_its_own() -> None:
    kinds = get_args(CaseHistoryEvent)
    assert len({kind.__name__ for kind in kinds}) == len(kinds)
    assert all(fields(kind) is not None for kind in kinds)


def test_an_entry_is_late_next_or_early() -> None:
    assert [sequence_position(seq, last=2) for seq in (2, 3, 5)] == [
        SequencePosition.DUPLICATE,
        SequencePosition.NEXT,
        SequencePosition.AHEAD,
    ]


class CaseMachine(RuleBasedStateMachine):
    """Two devices with their own views, the back office, a register and the clock act on one case in any order."""

    @initialize(service=st.sampled_from(SERVICES))
    def open(self, service: str) -> None:
        self.subject = CaseUnderTest(service)
        self.views = [len(self.subject.history)] * 2
        self.conflicts: list[tuple[str, FieldValue]] = []
        self.refused: list[tuple[str, FieldValue]] = []
        self.now = NOW

    @rule(device=st.integers(0, 1))
    def look(self, device: int) -> None:
        self.views[device] = len(self.subject.history)

    @rule(device=st.integers(0, 1), data=st.data())
    def fill(self, device: int, data: st.DataObject) -> None:
        names = [
            "contact.phone",
            "contact.email",
            *(f"facts.{code}" for code in sorted(fact.code for fact in self.subject.edition.facts)),
        ]
        drawn = data.draw(st.dictionaries(st.sampled_from(names), VALUES, min_size=1, max_size=3))
        sent = crew_actions.checked_form(drawn, self.subject.edition, CATALOGUE)
        if isinstance(sent, Refusal):
            return
        author = DEVICES[device]
        history = zip(self.subject.history, self.subject.by, strict=True)
        base = form_as_seen_by(history, base_version=self.views[device], device_id=author)
        before = dict(self.subject.case.form)
        merged = merge(base, before, sent)
        refusal = self.subject.take(
            crew_actions.fill(self.subject.case, self.subject.edition, merged.fields), by=author
        )
        after = self.subject.case.form
        for name, value in sent.items():
            conflict = next((event for event in merged.conflicts if event.name == name), None)
            if conflict:
                assert conflict.incoming == value
                assert after.get(name) == before.get(name)
                self.conflicts.append((name, value))
            elif refusal and name in merged.fields:
                assert after.get(name) == before.get(name)
                self.refused.append((name, value))
            elif value == base.get(name) and type(value) is type(base.get(name)):
                assert after.get(name) == before.get(name)  # its author changed nothing
            else:
                assert after.get(name) == value
        for name in before.keys() - sent.keys():
            assert after[name] == before[name]

    @rule(level=st.sampled_from(Identification))
    def identify(self, level: Identification) -> None:
        self.subject.take(crew_actions.identify(self.subject.case, self.subject.edition, level))

    @rule(data=st.data(), handling=st.sampled_from(Handling))
    def see_document(self, data: st.DataObject, handling: Handling) -> None:
        codes = [document.code for document in self.subject.edition.papers] or ["none"]
        self.subject.take(
            crew_actions.record_document_seen(
                self.subject.case,
                self.subject.edition,
                RequiredDocumentSeen(data.draw(st.sampled_from(codes)), handling),
            )
        )

    @rule(payment=st.sampled_from(PaymentMethod), right=st.booleans())
    def pay(self, payment: PaymentMethod, right: bool) -> None:
        bill = bill_of(self.subject.case, self.subject.edition)
        owed = 0 if isinstance(bill, Refusal) or payment is PaymentMethod.WAIVED else bill.total_cents
        cents = owed if right else owed + 1
        refusal = self.subject.take(
            crew_actions.pay(self.subject.case, self.subject.edition, Paid(cents, payment, "BE-2026-0000001-1"))
        )
        assert right or refusal

    @rule()
    def give_provisional(self) -> None:
        document = ProvisionalDocumentGiven(DocumentId(uuid7()), "UK-2026-0000001-1")
        case, edition = self.subject.case, self.subject.edition
        self.subject.take(crew_actions.give_provisional_document(case, edition, document))

    @rule(outcome=st.sampled_from(RegisterOutcome), right=st.booleans(), code=st.sampled_from(["", "no_bridge"]))
    def answer_register(self, outcome: RegisterOutcome, right: bool, code: str) -> None:
        open_request = self.subject.case.request_id
        request_id = open_request if right and open_request else RequestId(uuid7())
        answer = Answer(request_id, outcome, code if outcome is RegisterOutcome.REFUSED else "")
        new_events = record_answer(self.subject.case, self.subject.edition, answer, operators=OPERATORS, now=NOW)
        assert bool(new_events) == bool(right and open_request)
        self.subject.take(new_events)

    @rule()
    def ask_again(self) -> None:
        self.subject.take(crew_actions.ask_again(self.subject.case))

    @rule(reason=st.sampled_from(["", " ", "office knows more"]))
    def hand_over(self, reason: str) -> None:
        self.subject.take(
            back_office_actions.hand_over(
                self.subject.case, to="office", reason=reason, deadline=self.now + timedelta(days=3)
            )
        )

    @rule()
    def withdraw(self) -> None:
        self.subject.take(back_office_actions.withdraw(self.subject.case))

    @rule()
    def close(self) -> None:
        self.subject.take(back_office_actions.close(self.subject.case))

    @rule(reason=st.sampled_from(["", "the register was wrong"]))
    def reopen(self, reason: str) -> None:
        self.subject.take(back_office_actions.reopen(self.subject.case, by="office", reason=reason, now=self.now))

    @rule(days=st.integers(0, 20))
    def clock(self, days: int) -> None:
        self.now += timedelta(days=days)
        self.subject.take(back_office_actions.escalate_overdue(self.subject.case, to="head of office", now=self.now))

    @invariant()
    def the_state_is_legal(self) -> None:
        if not hasattr(self, "subject"):
            return
        case = self.subject.case
        assert case == rebuild(CASE_ID, self.subject.history)
        assert case.version == len(self.subject.history)
        assert case.ended == (case.state in ENDED_STATES)
        taken_back = [call for call in case.calls.values() if call.in_register and call.status is not CallStatus.DONE]
        assert case.deadline or case.ended
        assert not (case.deadline and case.ended) or taken_back
        assert case.reason or case.ended
        assert case.owner
        if case.request_id and not case.ended:
            assert case.state in (CaseState.PROVISIONAL, CaseState.NEEDS_VISIT)
        assert case.paid_cents >= 0
        if case.state is CaseState.FINAL:
            done = {CallStatus.DONE, CallStatus.SKIPPED}
            assert all(call.status in done for call in case.calls.values())
        if case.state in (CaseState.COMPENSATED, CaseState.WITHDRAWN):
            assert case.paid_cents == 0
            assert case.provisional_document is None


TestCaseMachine = CaseMachine.TestCase
TestCaseMachine.settings = settings(max_examples=EXAMPLES, stateful_step_count=20, deadline=None)

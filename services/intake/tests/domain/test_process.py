"""The case process: no illegal state, no lost field, every refusal has a code; devices, office and clock at once."""

import os
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from intake.domain.catalogue.book import Book, Pinned
from intake.domain.catalogue.offer import Edition, Handling, Identification
from intake.domain.merge import Turn, merge, seen, turn_of
from intake.domain.process import desk, office
from intake.domain.process.case import AT_AN_END, Case, CaseState, after, fold
from intake.domain.process.desk import Opening
from intake.domain.process.happening import FieldValue, Filled, Happening, Paid, PaperSeen, Payment, ReceiptGiven
from intake.domain.process.steps import bill_of, papers_of
from intake.domain.refusals import CASE_EXISTS, UNKNOWN_SERVICE
from intake.offers.shelf import open_book
from uuid_utils.compat import uuid7
from wanderamt.contracts import Language, Verdict
from wanderamt.kernel.ids import CaseId, DeviceId, DocumentId, RequestId, StandId
from wanderamt.kernel.refusal import Refusal

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
EXAMPLES = int(os.environ.get("EXAMPLES", "150"))  # "make test EXAMPLES=10000" looks longer
BOOK = open_book()
SERVICES = sorted(BOOK.offers)
CASE_ID = CaseId(uuid7())
DEVICES = (DeviceId(uuid7()), DeviceId(uuid7()))
PERSON: dict[str, FieldValue] = {
    "applicant.given_name": "Zoë",
    "applicant.family_name": "Hadžić",
    "applicant.birth_date": date(1990, 4, 1),
}
VALUES: st.SearchStrategy[FieldValue] = st.one_of(
    st.none(), st.booleans(), st.integers(0, 2), st.sampled_from(["local", "written", "7"]), st.just(date(2026, 5, 1))
)


def opening(service: str, form: Mapping[str, FieldValue] = PERSON, *, captured_at: datetime = NOW) -> Opening:
    return Opening(
        service, Language.DE, StandId(uuid7()), DeviceId(uuid7()), "clerk", captured_at, "GZ-2026-0000001-1", form
    )


class Desk:
    """A case with its edition, driven as handlers drive it: each step is followed by what the case does by itself."""

    def __init__(self, service: str, form: Mapping[str, FieldValue] = PERSON) -> None:
        happened = desk.open_case(None, opening(service, form), BOOK, now=NOW)
        assert not isinstance(happened, Refusal)
        self.history: list[Happening] = []
        self.by: list[DeviceId | None] = []
        self._case: Case | None = None
        self.append(happened)
        pinned = BOOK.pinned(self.case.edition)
        assert isinstance(pinned, Pinned)
        self.edition: Edition = pinned.edition
        self.proceed()

    @property
    def case(self) -> Case:
        assert self._case
        return self._case

    def append(self, happened: tuple[Happening, ...], by: DeviceId | None = None) -> None:
        for one in happened:
            self._case = after(self._case, one, CASE_ID)
            self.history.append(one)
            self.by.append(by)

    def take(self, happened: tuple[Happening, ...] | Refusal, by: DeviceId | None = None) -> Refusal | None:
        if isinstance(happened, Refusal):
            assert happened.code
            assert happened.hint
            return happened
        self.append(happened, by)
        self.proceed()
        return None

    def proceed(self) -> None:
        self.append(desk.proceed(self.case, self.edition, request_id=RequestId(uuid7()), now=NOW))

    def finish_desk(self, facts: Mapping[str, FieldValue]) -> None:
        assert self.take(desk.fill(self.case, self.edition, facts)) is None
        if self.edition.identification is not Identification.NONE:
            assert self.take(desk.identify(self.case, self.edition, Identification.PHOTO_ID)) is None
        for paper in papers_of(self.case, self.edition)[0]:
            assert self.take(desk.see_paper(self.case, self.edition, PaperSeen(paper.code, paper.handling))) is None


FACTS: dict[str, FieldValue] = {
    "facts.channel": "spoken",
    "facts.register_asked": "local",
    "facts.recipient_named": True,
}


def test_a_case_is_finished_on_the_spot_once_the_register_says_yes() -> None:
    at = Desk("registration_confirmation")
    assert at.case.state is CaseState.OPEN
    at.finish_desk(FACTS)
    assert at.case.state is CaseState.PROVISIONAL
    receipt = ReceiptGiven(DocumentId(uuid7()), "UK-2026-0000001-1")
    assert at.take(desk.give_receipt(at.case, receipt)) is None
    paid = desk.pay(at.case, at.edition, Paid(210, Payment.CASH, "BE-2026-0000001-1"))
    assert at.take(paid) is None
    request_id = at.case.request_id
    assert request_id
    assert at.take(office.hear_register(at.case, request_id, Verdict.CONFIRMED, now=NOW)) is None
    assert at.case.state is CaseState.FINAL
    assert at.case.version == len(at.history)


@pytest.mark.parametrize("verdict", [Verdict.NOT_FOUND, Verdict.REFUSED])
def test_what_was_given_provisionally_is_taken_back_when_the_register_says_no(verdict: Verdict) -> None:
    at = Desk("registration_confirmation")
    at.finish_desk(FACTS)
    at.take(desk.give_receipt(at.case, ReceiptGiven(DocumentId(uuid7()), "UK-2026-0000001-1")))
    at.take(desk.pay(at.case, at.edition, Paid(210, Payment.CARD, "BE-2026-0000001-1")))
    request_id = at.case.request_id
    assert request_id
    at.take(office.hear_register(at.case, request_id, verdict, now=NOW))
    assert at.case.state is CaseState.COMPENSATED
    assert at.case.paid_cents == 0
    assert at.case.receipt is None
    assert office.hear_register(at.case, request_id, Verdict.CONFIRMED, now=NOW) == ()


def test_steps_in_the_wrong_order_are_refused_and_change_nothing() -> None:
    at = Desk("resident_parking", PERSON | {"facts.vehicle": "own"})
    codes = [
        at.take(desk.see_paper(at.case, at.edition, PaperSeen("vehicle_papers", Handling.SHOW))),
        at.take(desk.pay(at.case, at.edition, Paid(7540, Payment.CASH, "BE-2026-0000001-1"))),
        at.take(desk.identify(at.case, at.edition, Identification.KNOWN)),
    ]
    assert [one and one.code for one in codes] == [
        "case.step_too_early",
        "case.step_too_early",
        "case.identification_too_weak",
    ]
    at.take(desk.identify(at.case, at.edition, Identification.PHOTO_ID))
    codes = [
        at.take(desk.see_paper(at.case, at.edition, PaperSeen("vehicle_papers", Handling.SCAN))),
        at.take(desk.see_paper(at.case, at.edition, PaperSeen("company_letter", Handling.SCAN))),
    ]
    assert [one and one.code for one in codes] == ["case.paper_handling", "case.paper_unknown"]
    assert at.case.version == 3


def test_a_device_that_charged_another_amount_is_told_which() -> None:
    at = Desk("resident_parking", PERSON | {"facts.vehicle": "own"})
    at.finish_desk({})
    refusal = at.take(desk.pay(at.case, at.edition, Paid(6870, Payment.CASH, "BE-2026-0000001-1")))
    assert refusal
    assert refusal.code == "fee.wrong_amount"
    assert "7540" in refusal.hint
    assert at.take(desk.pay(at.case, at.edition, Paid(0, Payment.WAIVED, "BE-2026-0000001-1"))) is None


@pytest.mark.parametrize(
    "form",
    [
        {"applicant.shoe_size": 43},
        {"applicant.birth_date": "1990"},
        {"contact.phone": 43},
        {"facts.channel": "pigeon"},
        {"facts.recipient_named": 1},
        {"facts.colour": None},
    ],
)
def test_fields_nobody_asks_for_or_of_another_kind_are_refused(form: dict[str, FieldValue]) -> None:
    refusal = desk.open_case(None, opening("registration_confirmation", PERSON | form), BOOK, now=NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "case.field_wrong"
    assert next(iter(form)) in refusal.hint


def test_a_birth_year_alone_is_taken_and_never_becomes_a_date() -> None:
    at = Desk("active_pass", {"applicant.given_name": "Nīraj", "applicant.birth_year": 1950})
    assert "applicant.birth_date" not in at.case.form


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("Ǧamāl ad-Dīn d’Ávila", True),
        ("O'Brien (geb. Ðorđević)", True),
        ("m̥ạ̀ŋg̣", True),
        ("नीरज", False),
        ("Юлія", False),
        ("محمد", False),
        ("李", False),
        ("Zo😀", False),
        ("Αθηνά", False),
    ],
)
@pytest.mark.parametrize("service", ["registration_confirmation", "found_property_report"])
def test_where_a_register_is_asked_or_a_paper_printed_names_are_in_latin_letters(
    name: str, service: str, *, fits: bool
) -> None:
    form: dict[str, FieldValue] = {"applicant.given_name": name}
    asked = desk.open_case(None, opening(service, form), BOOK, now=NOW)
    if isinstance(asked, Refusal):
        assert (asked.code, fits) == ("case.field_wrong", False)
        assert "passport" in asked.hint
        assert name not in asked.hint
    else:
        assert fits


@pytest.mark.parametrize(("born", "asks"), [({}, False), ({"applicant.birth_year": 1950}, True)])
def test_a_register_is_asked_once_it_is_known_who_it_is_about(born: dict[str, FieldValue], *, asks: bool) -> None:
    named = {name: value for name, value in PERSON.items() if name != "applicant.birth_date"}
    at = Desk("registration_confirmation", named | born)
    at.take(desk.identify(at.case, at.edition, Identification.PHOTO_ID))
    assert (at.case.state is CaseState.PROVISIONAL) is asks


def test_a_case_cannot_be_opened_twice_nor_for_an_unknown_service() -> None:
    at = Desk("active_pass")
    assert desk.open_case(at.case, opening("active_pass"), BOOK, now=NOW) is CASE_EXISTS
    assert desk.open_case(None, opening("passport"), Book([]), now=NOW) is UNKNOWN_SERVICE


def test_a_late_case_goes_to_whoever_answers_for_late_ones_and_only_once() -> None:
    at = Desk("active_pass")
    late = NOW + timedelta(days=2)
    assert office.raise_overdue(at.case, to="head of office", now=NOW) == ()
    at.take(office.raise_overdue(at.case, to="head of office", now=late))
    assert at.case.owner == "head of office"
    assert office.raise_overdue(at.case, to="head of office", now=late) == ()


def test_a_history_begins_with_the_opening() -> None:
    assert fold(CASE_ID, []) is None
    with pytest.raises(ValueError, match="does not begin"):
        fold(CASE_ID, [Filled({})])


def test_every_kind_of_happening_has_a_name_of_its_own() -> None:
    kinds = get_args(Happening)
    assert len({kind.__name__ for kind in kinds}) == len(kinds)
    assert all(fields(kind) is not None for kind in kinds)


def test_an_entry_is_late_next_or_early() -> None:
    assert [turn_of(seq, last=2) for seq in (2, 3, 5)] == [Turn.LATE, Turn.NEXT, Turn.EARLY]


class Morning(RuleBasedStateMachine):
    """Two devices with views of their own, the office, the register and the clock act on one case in any order."""

    @initialize(service=st.sampled_from(SERVICES))
    def open(self, service: str) -> None:
        self.at = Desk(service)
        self.views = [len(self.at.history)] * 2
        self.said: dict[str, list[FieldValue]] = {}
        self.conflicts: list[tuple[str, FieldValue]] = []
        self.refused: list[tuple[str, FieldValue]] = []
        self.now = NOW

    @rule(device=st.integers(0, 1))
    def look(self, device: int) -> None:
        self.views[device] = len(self.at.history)

    @rule(device=st.integers(0, 1), data=st.data())
    def fill(self, device: int, data: st.DataObject) -> None:
        names = [
            "contact.phone",
            "contact.email",
            *(f"facts.{code}" for code in sorted(fact.code for fact in self.at.edition.facts)),
        ]
        sent = data.draw(st.dictionaries(st.sampled_from(names), VALUES, min_size=1, max_size=3))
        author = DEVICES[device]
        history = zip(self.at.history, self.at.by, strict=True)
        base = seen(history, base_version=self.views[device], device_id=author)
        lay = dict(self.at.case.form)
        merged = merge(base, lay, sent)
        refusal = self.at.take(desk.fill(self.at.case, self.at.edition, merged.fields), by=author)
        now_there = self.at.case.form
        for name, value in sent.items():
            clash = next((one for one in merged.clashes if one.name == name), None)
            if clash:
                assert clash.theirs == value
                assert now_there.get(name) == lay.get(name)
                self.conflicts.append((name, value))
            elif refusal and name in merged.fields:
                assert now_there.get(name) == lay.get(name)
                self.refused.append((name, value))
            elif value == base.get(name) and type(value) is type(base.get(name)):
                assert now_there.get(name) == lay.get(name)  # its author changed nothing
            else:
                assert now_there.get(name) == value
        for name in lay.keys() - sent.keys():
            assert now_there[name] == lay[name]

    @rule(level=st.sampled_from(Identification))
    def identify(self, level: Identification) -> None:
        self.at.take(desk.identify(self.at.case, self.at.edition, level))

    @rule(data=st.data(), handling=st.sampled_from(Handling))
    def paper(self, data: st.DataObject, handling: Handling) -> None:
        codes = [paper.code for paper in self.at.edition.papers] or ["none"]
        self.at.take(
            desk.see_paper(self.at.case, self.at.edition, PaperSeen(data.draw(st.sampled_from(codes)), handling))
        )

    @rule(payment=st.sampled_from(Payment), right=st.booleans())
    def pay(self, payment: Payment, right: bool) -> None:
        bill = bill_of(self.at.case, self.at.edition)
        owed = 0 if isinstance(bill, Refusal) or payment is Payment.WAIVED else bill.total_cents
        cents = owed if right else owed + 1
        refusal = self.at.take(desk.pay(self.at.case, self.at.edition, Paid(cents, payment, "BE-2026-0000001-1")))
        assert right or refusal

    @rule()
    def receipt(self) -> None:
        self.at.take(desk.give_receipt(self.at.case, ReceiptGiven(DocumentId(uuid7()), "UK-2026-0000001-1")))

    @rule(verdict=st.sampled_from(Verdict), right=st.booleans())
    def hear(self, verdict: Verdict, right: bool) -> None:
        asked = self.at.case.request_id
        happened = office.hear_register(
            self.at.case, asked if right and asked else RequestId(uuid7()), verdict, now=NOW
        )
        assert bool(happened) == bool(right and asked)
        self.at.take(happened)

    @rule(reason=st.sampled_from(["", " ", "office knows more"]))
    def hand_over(self, reason: str) -> None:
        self.at.take(office.hand_over(self.at.case, to="office", reason=reason, deadline=self.now + timedelta(days=3)))

    @rule()
    def withdraw(self) -> None:
        self.at.take(office.withdraw(self.at.case))

    @rule()
    def close(self) -> None:
        self.at.take(office.close(self.at.case))

    @rule(reason=st.sampled_from(["", "the register was wrong"]))
    def reopen(self, reason: str) -> None:
        self.at.take(office.reopen(self.at.case, by="office", reason=reason, now=self.now))

    @rule(days=st.integers(0, 20))
    def clock(self, days: int) -> None:
        self.now += timedelta(days=days)
        self.at.take(office.raise_overdue(self.at.case, to="head of office", now=self.now))

    @invariant()
    def the_state_is_legal(self) -> None:
        if not hasattr(self, "at"):
            return
        case = self.at.case
        assert case == fold(CASE_ID, self.at.history)
        assert case.version == len(self.at.history)
        assert case.ended == (case.state in AT_AN_END)
        assert bool(case.deadline) != case.ended
        assert bool(case.reason) != case.ended
        assert case.owner
        assert bool(case.request_id) == (case.state is CaseState.PROVISIONAL)
        assert case.paid_cents >= 0
        if case.state is CaseState.FINAL:
            assert case.confirmed or not self.at.edition.calls
        if case.state in (CaseState.COMPENSATED, CaseState.WITHDRAWN):
            assert case.paid_cents == 0
            assert case.receipt is None


TestMorning = Morning.TestCase
TestMorning.settings = settings(max_examples=EXAMPLES, stateful_step_count=20, deadline=None)

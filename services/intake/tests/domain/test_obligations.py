"""Due dates of a case: deadlines that were missed, obligations that are set, reminded of, fulfilled and missed."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from case_under_test import NOW, RESIDENCE, CaseUnderTest
from hypothesis import given
from hypothesis import strategies as st
from intake.domain.case import back_office_actions, crew_actions
from intake.domain.case.case_events import (
    CaseHistoryEvent,
    DeadlinesJudged,
    FieldValue,
    ObligationMissed,
    ObligationReminded,
    ObligationsSet,
)
from intake.domain.case.explanations import explanation_of
from intake.domain.case.fold import rebuild
from intake.domain.case.obligations import fulfil_obligation, pass_due_dates
from intake.domain.case.process import NewEvents
from intake.domain.case.state import Case, CaseState, DueDateState
from intake.domain.refusals import NO_OBLIGATION, OBLIGATIONS_OPEN
from pydantic import JsonValue
from wanderamt.contracts import DueDateKind, RegisterOutcome
from wanderamt.kernel.refusal import Refusal

DAY = timedelta(days=1)
PUPPY: dict[str, FieldValue] = {
    "facts.dog_name": "Bello",
    "facts.chip": "040098100123456",
    "facts.breed": "Labrador",
    "facts.dog_born_on": "2026-02-01",
    "facts.twelve_weeks_on": "2026-04-29",
    "facts.taken_over": False,
    "facts.pet_database_shown": False,
    "facts.large_dog": True,
}
OBLIGATIONS = ["levy", "pet_database", "size_proof", "everyday_test"]


def registered_dog(**facts: FieldValue) -> CaseUnderTest:
    subject = CaseUnderTest("dog_registration")
    subject.finish_at_stand(PUPPY | {f"facts.{code}": value for code, value in facts.items()})
    subject.answer("residence", RegisterOutcome.CONFIRMED, details=RESIDENCE)
    subject.answer("dog", RegisterOutcome.CONFIRMED, details={"number": "4711"})
    assert subject.case.state is CaseState.FINAL
    return subject


def codes(subject: CaseUnderTest, state: DueDateState, kind: DueDateKind = DueDateKind.OBLIGATION) -> list[str]:
    return [due.code for due in subject.case.due_dates if due.state is state and due.kind is kind]


def pass_time(subject: CaseUnderTest, now: datetime) -> Sequence[CaseHistoryEvent]:
    events = pass_due_dates(subject.case, owner="office", now=now)
    subject.append(events)
    return events


def fulfil(subject: CaseUnderTest, code: str, at: datetime = NOW) -> Refusal | None:
    return subject.take(fulfil_obligation(subject.case, code, met_at=at))


def test_a_finished_case_has_all_obligations_whose_condition_holds() -> None:
    subject = registered_dog()
    assert codes(subject, DueDateState.OPEN) == OBLIGATIONS
    [levy, *_, test] = subject.case.unmet_obligations
    assert levy.due_at == datetime(2026, 5, 18, 21, 59, tzinfo=UTC)  # the end of the day in Vienna
    assert levy.remind_at == levy.due_at - 7 * DAY
    assert test.due_at.date() == date(2027, 8, 1)
    assert len([event for event in subject.history if isinstance(event, ObligationsSet)]) == 1


def test_an_obligation_whose_condition_does_not_hold_is_none() -> None:
    subject = registered_dog(pet_database_shown=True, large_dog=False)
    assert codes(subject, DueDateState.OPEN) == ["levy", "size_proof"]


def test_what_was_due_before_the_case_was_finished_is_no_obligation() -> None:
    subject = registered_dog(dog_born_on="2019-03-01")
    assert codes(subject, DueDateState.OPEN) == ["levy", "pet_database"]


def test_an_application_in_time_keeps_its_deadline() -> None:
    subject = registered_dog()
    assert codes(subject, DueDateState.MET, DueDateKind.DEADLINE) == ["within_five_workdays"]


def test_a_late_application_is_accepted_and_its_missed_deadline_is_noted() -> None:
    subject = registered_dog(twelve_weeks_on="2026-04-01")
    assert codes(subject, DueDateState.MISSED, DueDateKind.DEADLINE) == ["within_five_workdays"]
    [missed] = [due for due in subject.case.due_dates if due.kind is DueDateKind.DEADLINE]
    assert missed.due_at == datetime(2026, 4, 8, 21, 59, tzinfo=UTC)  # Easter is not counted
    assert missed.missed_at == NOW


def test_a_corrected_fact_judges_its_deadline_again_and_an_unrelated_one_notes_nothing() -> None:
    subject = CaseUnderTest("dog_registration")
    assert subject.fill({"facts.twelve_weeks_on": "2026-04-01"}) is None
    assert subject.fill({"facts.dog_name": "Bello"}) is None
    assert subject.fill({"facts.twelve_weeks_on": "2026-04-29"}) is None
    judged = [event for event in subject.history if isinstance(event, DeadlinesJudged)]
    assert [event.deadlines[0].missed for event in judged] == [True, False]
    assert codes(subject, DueDateState.MET, DueDateKind.DEADLINE) == ["within_five_workdays"]


def test_a_service_without_due_dates_has_none() -> None:
    subject = CaseUnderTest("registration_confirmation")
    assert subject.case.due_dates == ()
    assert not [event for event in subject.history if isinstance(event, DeadlinesJudged | ObligationsSet)]


def test_a_reminder_comes_once_and_not_after_its_obligation_is_fulfilled() -> None:
    subject = registered_dog()
    levy = subject.case.unmet_obligations[0]
    assert levy.remind_at
    assert pass_time(subject, levy.remind_at - timedelta(seconds=1)) == ()
    assert pass_time(subject, levy.remind_at) == (ObligationReminded("levy", levy.remind_at),)
    assert pass_time(subject, levy.remind_at + DAY) == ()
    assert fulfil(subject, "pet_database") is None
    assert pass_time(subject, datetime(2026, 7, 4, 12, 0, tzinfo=UTC))[0] == ObligationMissed(
        "levy", datetime(2026, 7, 4, 12, 0, tzinfo=UTC), "office", datetime(2026, 7, 18, 12, 0, tzinfo=UTC)
    )
    assert codes(subject, DueDateState.MET) == ["pet_database"]


def test_a_missed_obligation_gives_a_final_case_an_owner_until_it_is_fulfilled() -> None:
    subject = registered_dog()
    due = subject.case.unmet_obligations[0].due_at
    pass_time(subject, due)
    case = subject.case
    assert (case.state, case.owner, case.reason) == (CaseState.FINAL, "office", "missed obligation levy")
    assert case.deadline == due + timedelta(days=14)
    assert not isinstance(
        back_office_actions.hand_over(case, to="a@linz", reason="knows it", deadline=due + DAY), Refusal
    )
    assert fulfil(subject, "levy", due + DAY) is None
    assert (subject.case.deadline, subject.case.reason) == (None, "")
    levy = next(due for due in subject.case.due_dates if due.code == "levy")
    assert (levy.missed_at, levy.met_at, levy.state) == (due, due + DAY, DueDateState.MET)


def test_what_the_office_never_settles_is_handed_up_once_a_month() -> None:
    subject = registered_dog()
    pass_time(subject, subject.case.unmet_obligations[0].due_at)
    deadline = subject.case.deadline
    assert deadline
    subject.append(back_office_actions.escalate_overdue(subject.case, to="head", now=deadline))
    assert (subject.case.owner, subject.case.deadline) == ("head", deadline + timedelta(days=30))


def test_only_obligations_of_the_case_are_fulfilled_each_once() -> None:
    subject = registered_dog()
    assert fulfil(subject, "within_five_workdays") is NO_OBLIGATION
    assert fulfil(subject, "something_else") is NO_OBLIGATION
    assert fulfil(subject, "levy") is None
    version = subject.case.version
    assert fulfil(subject, "levy") is None
    assert subject.case.version == version


def test_a_case_with_an_open_obligation_cannot_be_closed() -> None:
    subject = registered_dog()
    assert back_office_actions.close(subject.case) is OBLIGATIONS_OPEN
    for code in OBLIGATIONS:
        assert fulfil(subject, code) is None
    assert subject.take(back_office_actions.close(subject.case)) is None


def test_a_reopened_case_keeps_what_is_fulfilled_and_sets_the_others_again() -> None:
    subject = registered_dog()
    assert fulfil(subject, "levy") is None
    reopened = back_office_actions.reopen(subject.case, by="a@linz", reason="wrong breed", now=NOW)

    def correct(case: Case) -> NewEvents | Refusal:
        return crew_actions.fill(case, subject.edition, {"facts.breed": "Pudel"})

    assert subject.take(back_office_actions.reopen_and_act(subject.case, reopened, correct)) is None
    assert codes(subject, DueDateState.OPEN) == []
    assert fulfil(subject, "size_proof") is NO_OBLIGATION
    subject.answer("dog", RegisterOutcome.CONFIRMED)  # it is withdrawn
    subject.answer("dog", RegisterOutcome.CONFIRMED, details={"number": "4712"})
    assert (codes(subject, DueDateState.OPEN), codes(subject, DueDateState.MET)) == (OBLIGATIONS[1:], ["levy"])


@given(
    moments=st.lists(st.integers(0, 600), max_size=12),
    fulfilled=st.dictionaries(st.sampled_from(OBLIGATIONS), st.integers(0, 11)),
)
def test_each_obligation_ends_once_whenever_somebody_looks(moments: list[int], fulfilled: dict[str, int]) -> None:
    """`moments`: days after the case was finished at which the periodic task runs."""
    subject = registered_dog()
    for run, day in enumerate(sorted(moments)):
        pass_time(subject, NOW + day * DAY)
        for code, at_run in fulfilled.items():
            if at_run == run:
                assert fulfil(subject, code, NOW + day * DAY) is None
    for kind in (ObligationReminded, ObligationMissed):
        noted = [event.code for event in subject.history if isinstance(event, kind)]
        assert len(noted) == len(set(noted))
    for due in subject.case.unmet_obligations:
        assert (due.state is DueDateState.MISSED) == (bool(moments) and due.due_at <= NOW + max(moments) * DAY)
    needs_owner = any(due.state is DueDateState.MISSED for due in subject.case.unmet_obligations)
    assert (subject.case.deadline is not None) == needs_owner
    assert rebuild(subject.case.id, subject.history) == subject.case


def test_the_history_gives_the_same_case_however_it_is_divided() -> None:
    subject = registered_dog(twelve_weeks_on="2026-04-01")
    pass_time(subject, NOW + 400 * DAY)
    assert fulfil(subject, "levy") is None
    assert rebuild(subject.case.id, subject.history) == subject.case


@pytest.mark.parametrize(("days_to_election", "admitted"), [(5, True), (1, False)])
def test_a_deadline_whose_date_a_register_knows_refuses_with_its_sentence(
    days_to_election: int, admitted: bool
) -> None:
    subject = CaseUnderTest("voting_card")
    subject.finish_at_stand({"facts.channel": "spoken", "facts.sent_elsewhere": False})
    election_day = (NOW + days_to_election * DAY).date().isoformat()
    details: dict[str, JsonValue] = {"election": "NRW", "election_day": election_day, "card_requested": False}
    times: dict[str, JsonValue] = {"spoken_until": f"{election_day}T12:00", "written_until": f"{election_day}T12:00"}
    subject.answer("voter", RegisterOutcome.CONFIRMED, details=details | times)
    if admitted:
        assert subject.waiting() == ["card"]
        return
    assert (subject.case.state, subject.case.because) == (CaseState.NEEDS_VISIT, "deadline:spoken")
    sentence = explanation_of(subject.edition, subject.case.because)
    assert sentence
    assert "12" in sentence.in_language("de")

"""Decisions about cases, without any server."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from intake.domain.case import Case, CaseState, Opening, hear_register, open_case
from intake.domain.entry import read_value
from intake.domain.refusals import CASE_EXISTS
from intake.offers.shelf import open_book
from uuid_utils.compat import uuid7
from wanderamt.contracts import CaseFinished, CaseNeedsVisit, CaseOpened, RegisterAnswered, RegisterRequested, Verdict
from wanderamt.kernel.decision import Decision
from wanderamt.kernel.ids import DeviceId, RequestId
from wanderamt.kernel.sealed import Sealed

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
BOOK = open_book()


@pytest.fixture
def opening() -> Opening:
    body = {
        "service": "registration_confirmation",
        "applicant": {"given_name": "A", "family_name": "B", "birth_date": "1990-01-01"},
    }
    entry = read_value(
        {
            "entry_id": str(uuid7()),
            "case_id": str(uuid7()),
            "device_seq": 1,
            "case_seq": 1,
            "stand_id": str(uuid7()),
            "type": "case.open",
            "captured_at": NOW.isoformat(),
            "body": body,
        }
    )
    sealed = Sealed(subject=uuid7(), nonce="", text="")
    return Opening(entry, DeviceId(uuid7()), "clerk", sealed, None, RequestId(uuid7()))  # type: ignore[arg-type]


def opened(opening: Opening) -> Case:
    decision = open_case(None, opening, BOOK, now=NOW)
    assert isinstance(decision, Decision)
    assert [type(event) for event in decision.events] == [CaseOpened, RegisterRequested]
    return decision.state


def answer(case: Case, verdict: Verdict, *, request_id: UUID | None = None) -> RegisterAnswered:
    asked = request_id or case.request_id
    assert asked
    return RegisterAnswered(request_id=asked, case_id=case.id, register_name="residents", verdict=verdict, as_of=NOW)


def test_a_case_that_needs_a_register_is_provisional_with_owner_deadline_and_reason(opening: Opening) -> None:
    case = opened(opening)
    assert case.state is CaseState.PROVISIONAL
    assert case.owner == "clerk"
    assert case.deadline
    assert case.deadline > NOW
    assert case.reason


def test_a_confirmed_case_is_promoted_and_its_version_rises_by_one(opening: Opening) -> None:
    case = opened(opening)
    decision = hear_register(case, answer(case, Verdict.CONFIRMED), now=NOW)
    assert decision
    assert decision.state.state is CaseState.FINAL
    assert decision.state.version == case.version + 1
    assert [type(event) for event in decision.events] == [CaseFinished]


@pytest.mark.parametrize("verdict", [Verdict.NOT_FOUND, Verdict.REFUSED, Verdict.UNAVAILABLE])
def test_a_case_the_register_does_not_confirm_needs_a_visit(opening: Opening, verdict: Verdict) -> None:
    case = opened(opening)
    decision = hear_register(case, answer(case, verdict), now=NOW)
    assert decision
    assert decision.state.state is CaseState.NEEDS_VISIT
    assert isinstance(decision.events[0], CaseNeedsVisit)


def test_an_answer_to_another_question_or_a_second_one_changes_nothing(opening: Opening) -> None:
    case = opened(opening)
    assert hear_register(case, answer(case, Verdict.CONFIRMED, request_id=uuid7()), now=NOW) is None
    final = hear_register(case, answer(case, Verdict.CONFIRMED), now=NOW)
    assert final
    assert hear_register(final.state, answer(case, Verdict.NOT_FOUND), now=NOW) is None


def test_a_case_cannot_be_opened_twice(opening: Opening) -> None:
    assert open_case(opened(opening), opening, BOOK, now=NOW) is CASE_EXISTS

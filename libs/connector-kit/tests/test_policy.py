"""What follows from an outcome: a possibly executed order is repeated only if that is harmless."""

import pytest
from connector_kit.call_outcome import (
    NO_CODE,
    Ambiguous,
    AuthFailed,
    CallOutcome,
    NotExecuted,
    NotFound,
    PossiblyExecuted,
    Rejected,
    TemporarilyUnavailable,
    Throttled,
    UnreadableResponse,
    to_code,
)
from connector_kit.manifest.operation import Idempotency, Operation, OperationKind
from connector_kit.resilience.policy import (
    RETRY_SCHEDULE_S,
    CallKind,
    FinalOutcome,
    OperatorNeeded,
    decide_after,
    next_call,
    retry_delay_s,
)
from hypothesis import given
from hypothesis import strategies as st
from wanderamt.kernel.decision import Attempt, OutcomeUnknown, RetryLater

FIRST, AGAIN = Attempt(1, previous_outcome_unknown=False), Attempt(2, previous_outcome_unknown=True)


def order(idempotency: Idempotency) -> Operation:
    return Operation(
        kind=OperationKind.COMMAND,
        idempotency=idempotency,
        question="Order",
        timeout_s=10,
        deadline_s=3600,
        purposes=("parking",),
    )


@pytest.mark.parametrize(
    ("idempotency", "step"),
    [
        (Idempotency.NATURAL, CallKind.EXECUTE),
        (Idempotency.BY_KEY, CallKind.EXECUTE),
        (Idempotency.BY_LOOKUP, CallKind.STATUS_CHECK),
        (Idempotency.NONE, OperatorNeeded("interrupted")),
    ],
)
def test_after_a_crash_the_idempotency_decides(idempotency: Idempotency, step: CallKind | OperatorNeeded) -> None:
    assert next_call(order(idempotency), FIRST) is CallKind.EXECUTE
    assert next_call(order(idempotency), AGAIN) == step


@pytest.mark.parametrize("outcome", [PossiblyExecuted("timeout"), UnreadableResponse("html")])
def test_possible_execution_is_repeated_checked_or_needs_an_operator(outcome: CallOutcome) -> None:
    assert isinstance(decide_after(order(Idempotency.BY_KEY), outcome, FIRST), RetryLater)
    assert isinstance(decide_after(order(Idempotency.BY_LOOKUP), outcome, FIRST), OutcomeUnknown)
    assert decide_after(order(Idempotency.NONE), outcome, FIRST) == OperatorNeeded(outcome.code)  # type: ignore[union-attr]


@pytest.mark.parametrize("outcome", [NotFound(), Rejected("f430"), Ambiguous(5)])
def test_an_answer_is_final(outcome: CallOutcome) -> None:
    assert decide_after(order(Idempotency.NONE), outcome, FIRST) == FinalOutcome(outcome)  # type: ignore[arg-type]


@pytest.mark.parametrize("outcome", [TemporarilyUnavailable("f501"), Throttled(), AuthFailed("f490")])
def test_certain_non_execution_is_retried_for_any_idempotency(outcome: CallOutcome) -> None:
    for idempotency in Idempotency:
        assert isinstance(decide_after(order(idempotency), outcome, FIRST), RetryLater)


@pytest.mark.parametrize(
    "outcome", [TemporarilyUnavailable("http_503"), Throttled(), AuthFailed("f490"), PossiblyExecuted("no_answer")]
)
def test_a_failed_status_check_leaves_the_outcome_unknown(outcome: CallOutcome) -> None:
    step = decide_after(order(Idempotency.BY_LOOKUP), outcome, AGAIN, kind=CallKind.STATUS_CHECK)
    assert isinstance(step, OutcomeUnknown)
    assert decide_after(order(Idempotency.BY_LOOKUP), NotExecuted(), AGAIN, kind=CallKind.STATUS_CHECK) == RetryLater(
        0.0, "not_done"
    )


def test_the_register_s_retry_time_is_used() -> None:
    assert decide_after(order(Idempotency.NONE), Throttled(7), FIRST) == RetryLater(7, "throttled")
    assert decide_after(order(Idempotency.NONE), TemporarilyUnavailable("f501", 0), FIRST) == RetryLater(0, "f501")


def test_retry_delays_grow_and_never_end() -> None:
    assert [retry_delay_s(Attempt(n, previous_outcome_unknown=False)) for n in (1, 2, 5, 100)] == [
        30,
        120,
        3600,
        RETRY_SCHEDULE_S[-1],
    ]


@given(st.text())
def test_a_code_is_a_word_and_never_a_sentence(text: str) -> None:
    code = to_code(text)
    assert 0 < len(code) <= 40
    assert code.isascii()
    assert not any(char.isspace() for char in code)


def test_codes_come_from_the_register() -> None:
    assert to_code("soap:Server.F501") == "server.f501"
    assert to_code("No person called Zoë Hadžić, born 1990-04-01") == NO_CODE
    assert to_code(None) == NO_CODE

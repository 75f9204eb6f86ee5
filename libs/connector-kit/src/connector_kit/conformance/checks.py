"""The 22 checks, by number. Where a check of calls does not fit a register that exchanges files, a file check
replaces it."""

from collections.abc import Callable
from dataclasses import dataclass

from connector_kit.conformance import answer_checks, file_checks, privacy_checks, simulated_checks, static_checks
from connector_kit.conformance.subject import BridgeUnderTest, NotApplicableError

RunCheck = Callable[[BridgeUnderTest], None]


@dataclass(frozen=True)
class ConformanceCheck:
    """`run` raises CheckFailedError or NotApplicableError."""

    number: int
    title: str
    run: RunCheck


def _calls_or_files(calls: RunCheck, files: RunCheck) -> RunCheck:
    def check(subject: BridgeUnderTest) -> None:
        (files if subject.folder.uses_files else calls)(subject)

    return check


def _file_sessions_have_timeouts(subject: BridgeUnderTest) -> None:
    raise NotApplicableError("the kit ends each file session after the longest timeout of the manifest")


FILES_SURVIVE_CRASH = file_checks.crash_loses_and_duplicates_no_row
FILES_SURVIVE_OUTAGE = file_checks.outage_costs_no_try

CHECKS = (
    ConformanceCheck(1, "contract of the last release is unbroken", static_checks.contract_is_unbroken),
    ConformanceCheck(2, "no secret and no personal data in logs and codes", privacy_checks.logs_hold_no_personal_data),
    ConformanceCheck(3, "every scenario gives its outcome", static_checks.scenarios_match),
    ConformanceCheck(4, "any answer ends in an outcome", static_checks.classify_is_total),
    ConformanceCheck(
        5,
        "a duplicate event has one effect",
        _calls_or_files(simulated_checks.duplicate_has_one_effect, FILES_SURVIVE_CRASH),
    ),
    ConformanceCheck(
        6,
        "a crash at any stage loses and duplicates nothing",
        _calls_or_files(simulated_checks.crash_loses_and_duplicates_nothing, FILES_SURVIVE_CRASH),
    ),
    ConformanceCheck(
        7,
        "execution without an answer is looked up or needs an operator",
        _calls_or_files(simulated_checks.timeout_after_execution_is_not_repeated, FILES_SURVIVE_CRASH),
    ),
    ConformanceCheck(
        8,
        "rate limit and concurrency limit hold",
        _calls_or_files(simulated_checks.limits_hold_at_the_register, FILES_SURVIVE_OUTAGE),
    ),
    ConformanceCheck(9, "other registers are not slowed down", privacy_checks.other_registers_are_not_slowed),
    ConformanceCheck(
        10,
        "circuit breaker opens and sends one probe",
        _calls_or_files(simulated_checks.breaker_sends_one_probe, FILES_SURVIVE_OUTAGE),
    ),
    ConformanceCheck(
        11, "a pause costs no try", _calls_or_files(simulated_checks.pause_costs_no_try, FILES_SURVIVE_OUTAGE)
    ),
    ConformanceCheck(
        12, "a failing key blocks only itself, and keeps its order", simulated_checks.failing_key_blocks_only_itself
    ),
    ConformanceCheck(
        13,
        "unreadable questions are rejected and never sent",
        _calls_or_files(simulated_checks.unreadable_questions_are_rejected, file_checks.unreadable_order_is_rejected),
    ),
    ConformanceCheck(
        14,
        "the deadline ends a request, once",
        _calls_or_files(simulated_checks.deadline_ends_a_request_once, file_checks.deadline_ends_a_row_once),
    ),
    ConformanceCheck(15, "a cached answer carries its time", static_checks.cached_answers_are_stable),
    ConformanceCheck(
        16, "files incomplete, duplicated, missing, resumed", file_checks.incomplete_duplicate_missing_and_resumed
    ),
    ConformanceCheck(17, "wrong charsets and XML attacks are rejected", static_checks.attacks_are_rejected),
    ConformanceCheck(
        18, "SIGTERM drains in time", _calls_or_files(simulated_checks.sigterm_drains, FILES_SURVIVE_CRASH)
    ),
    ConformanceCheck(19, "calls are traced and measured", privacy_checks.calls_are_traced_and_measured),
    ConformanceCheck(
        20,
        "every call has a timeout",
        _calls_or_files(simulated_checks.every_call_has_a_timeout, _file_sessions_have_timeouts),
    ),
    ConformanceCheck(21, "an answer with nothing in it is no success", answer_checks.empty_answers_are_no_success),
    ConformanceCheck(22, "two hits are never the first", answer_checks.two_hits_are_never_the_first),
)

"""The twenty checks, by number. What says nothing about a register of files has a brother that does."""

from collections.abc import Callable
from dataclasses import dataclass

from connector_kit.conformance import driven, of_files, pure, told
from connector_kit.conformance.candidate import Candidate, DoesNotApply

Run = Callable[[Candidate], None]


@dataclass(frozen=True)
class Check:
    """`run` raises CheckFailed, or DoesNotApply."""

    number: int
    title: str
    run: Run


def _either(calls: Run, files: Run) -> Run:
    def check(candidate: Candidate) -> None:
        (files if candidate.folder.batch else calls)(candidate)

    return check


def _sessions_end(candidate: Candidate) -> None:
    raise DoesNotApply("the kit ends each session of files by the longest timeout of the manifest")


FILES_SURVIVE_A_KILL = of_files.a_kill_loses_and_doubles_no_row
FILES_SURVIVE_AN_OUTAGE = of_files.a_down_register_costs_nothing

CHECKS = (
    Check(1, "manifest keeps what the last release promised", pure.manifest_keeps_its_promise),
    Check(2, "no secret and nothing personal in logs and codes", told.nothing_personal_is_told),
    Check(3, "every scenario ends in its verdict", pure.scenarios_end_in_their_verdict),
    Check(4, "whatever comes back ends in a verdict", pure.classify_is_total),
    Check(5, "an event twice has one effect", _either(driven.a_duplicate_has_one_effect, FILES_SURVIVE_A_KILL)),
    Check(
        6,
        "a kill at any point loses and doubles nothing",
        _either(driven.a_kill_loses_and_doubles_nothing, FILES_SURVIVE_A_KILL),
    ),
    Check(
        7,
        "done without an answer is looked up or parked",
        _either(driven.a_timeout_after_the_deed_is_no_second_deed, FILES_SURVIVE_A_KILL),
    ),
    Check(
        8,
        "pace and width hold as the register counts",
        _either(driven.pace_and_width_hold_at_the_register, FILES_SURVIVE_AN_OUTAGE),
    ),
    Check(9, "a neighbour keeps its pace", told.neighbours_keep_their_pace),
    Check(
        10,
        "the breaker opens and sends one probe",
        _either(driven.the_breaker_opens_and_sends_one_probe, FILES_SURVIVE_AN_OUTAGE),
    ),
    Check(11, "a pause costs no try", _either(driven.a_pause_costs_no_try, FILES_SURVIVE_AN_OUTAGE)),
    Check(12, "a failing key waits alone, in order", driven.a_failing_key_waits_alone),
    Check(
        13,
        "poison ends in one group and reaches nobody",
        _either(driven.poison_ends_in_one_group, of_files.a_row_of_no_order_is_refused),
    ),
    Check(
        14,
        "the deadline ends it, once",
        _either(driven.the_deadline_ends_it_once, of_files.the_deadline_ends_a_row_once),
    ),
    Check(15, "a kept answer says of which moment it is", pure.answers_are_of_their_moment),
    Check(16, "files half, double, missing, resumed", of_files.half_double_missing_and_resumed),
    Check(17, "wrong charsets and XML bombs stay outside", pure.attacks_end_unread),
    Check(18, "SIGTERM drains within its budget", _either(driven.sigterm_drains, FILES_SURVIVE_A_KILL)),
    Check(19, "calls are traced and measured", told.calls_are_traced_and_measured),
    Check(20, "every call has its timeout", _either(driven.every_call_has_its_timeout, _sessions_end)),
)

"""Compares a case with the rows of the registers, its history and its papers; each difference is a complaint.

Invariants: it reads evidence only; a complaint names its kind, and the report adds the seed and the history.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from intake.domain.case.case_events import (
    CallBlocked,
    CallSkipped,
    CallsOutdated,
    CallUndone,
    CaseHistoryEvent,
    Compensated,
    RegisterAsked,
    RegisterConfirmed,
    SentToVisit,
)
from intake.domain.case.state import TO_TAKE_BACK, CallStatus, Case, CaseState
from wanderamt.kernel.ids import RequestId

from wanderamt_faults.case_rows import COMMANDS, RegisterEntry, expected_rows, printed_facts
from wanderamt_faults.case_scripts import PARKING, CaseScript


class ComplaintKind(StrEnum):
    DOUBLED = "doubled"  # a register holds something twice
    HALF_DONE = "half done"  # a register and the case differ, and nobody has to look after it
    WRONG_PAPER = "wrong paper"  # a valid paper says other than the register, or there is none
    SENT_TWICE = "sent twice"  # a command was sent again, although it may have had its effect


@dataclass(frozen=True, slots=True)
class Complaint:
    kind: ComplaintKind
    what: str


@dataclass(frozen=True)
class CaseEvidence:
    """`rows`: that its orders wrote. `papers`: the texts of its valid documents. `open_requests`: those of all cases that
    the bridge has not answered yet."""

    script: CaseScript
    case: Case
    history: Sequence[CaseHistoryEvent]
    rows: Sequence[RegisterEntry]
    papers: Sequence[str]
    open_requests: Collection[RequestId] = ()


def audit_case(evidence: CaseEvidence) -> list[Complaint]:
    complaints = [*_of_rows(evidence), *_of_papers(evidence)]
    case = evidence.case
    if not case.ended and not (case.owner and case.deadline):
        complaints.append(Complaint(ComplaintKind.HALF_DONE, f"{case.state} without owner or deadline"))
    if sent_twice(evidence.history):
        complaints.append(Complaint(ComplaintKind.SENT_TWICE, "a command was sent again without an undo in between"))
    return complaints


def is_pending(case: Case) -> bool:
    """Whether its command is being undone, and somebody looks after that."""
    state = case.calls.get(COMMANDS[case.service])
    return state is not None and state.status in TO_TAKE_BACK


def sent_twice(history: Iterable[CaseHistoryEvent]) -> bool:
    """Whether a command was sent while an earlier one of its call was on its way or done."""
    open_commands: set[str] = set()
    undone: set[str] = set()
    for event in history:
        match event:
            case RegisterAsked(command=True, undo=False, call=call):
                if call in open_commands:
                    return True
                open_commands.add(call)
            case RegisterAsked(undo=True, call=call):
                undone.add(call)
            case CallUndone(call) | CallSkipped(call):
                open_commands.discard(call)
                undone.discard(call)
            case CallBlocked(call=call):
                if call not in undone:  # it was never sent
                    open_commands.discard(call)
            case SentToVisit(call=call) | Compensated(call=call):
                open_commands.discard(call)
            case RegisterConfirmed() | CallsOutdated():
                pass
    return False


def _of_rows(evidence: CaseEvidence) -> Iterable[Complaint]:
    case = evidence.case
    live = [row for row in evidence.rows if not row.undone]
    state = case.calls.get(COMMANDS[case.service])
    done = state is not None and state.status is CallStatus.DONE
    failed = case.void or (case.state is CaseState.NEEDS_VISIT and case.denied is not None)
    if case.state is CaseState.FINAL and not done:
        yield Complaint(ComplaintKind.HALF_DONE, "final, but its command is not done")
    if done and failed:
        yield Complaint(ComplaintKind.HALF_DONE, f"{case.state}, but its command was not undone")
    if state is not None and state.status in TO_TAKE_BACK | {CallStatus.ASKED}:
        if not (case.owner and case.deadline):
            yield Complaint(ComplaintKind.HALF_DONE, f"its command is {state.status}, without owner or deadline")
        if state.status is not CallStatus.UNDO_BLOCKED and state.request_id not in evidence.open_requests:
            yield Complaint(ComplaintKind.HALF_DONE, f"its command is {state.status}, and nobody works on that")
        return
    expected = Counter(expected_rows(case)) if done else Counter()
    actual = Counter(live)
    if len(live) > sum(expected.values()) and expected:
        yield Complaint(ComplaintKind.DOUBLED, f"{len(live)} rows instead of {sum(expected.values())}")
    elif actual != expected:
        yield Complaint(ComplaintKind.HALF_DONE, f"rows are {[*actual]}, the case says {[*expected]}")
    own = done and case.service == PARKING and case.form.get("facts.vehicle") == "own"
    if own and {row.holds[2] for row in live} - evidence.script.own_plates:
        yield Complaint(ComplaintKind.HALF_DONE, "a permit for a vehicle of somebody else")


def _of_papers(evidence: CaseEvidence) -> Iterable[Complaint]:
    case = evidence.case
    if case.state is not CaseState.FINAL:
        if evidence.papers:
            yield Complaint(ComplaintKind.WRONG_PAPER, f"{case.state} with {len(evidence.papers)} valid papers")
        return
    if len(evidence.papers) != 1:
        yield Complaint(ComplaintKind.WRONG_PAPER, f"final with {len(evidence.papers)} valid papers")
    for paper in evidence.papers:
        text = _squeezed(paper)
        missing = [fact for fact in printed_facts(case) if _squeezed(fact) not in text]
        if missing:
            yield Complaint(ComplaintKind.WRONG_PAPER, f"the paper does not say {missing}")
        printed = {name for name in ("Berta", "Carl", "Dora") if name in paper}
        if printed - {row.holds[0] for row in evidence.rows if not row.undone}:
            yield Complaint(ComplaintKind.WRONG_PAPER, "the paper names people whom the register does not")


def _squeezed(text: str) -> str:
    """Without blanks and hyphens, where lines may break."""
    return "".join(char for char in text if char.isalnum())

"""Deliberate breakages of the process of a case, which a register run must report.

A service is started with the name of one in the environment; see crash_points.
"""

import os
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final
from uuid import uuid4  # noqa: TID251 -- a mutant that breaks what the real id guarantees

from connector_kit.adapter import CallContext
from intake.domain.case import process
from intake.domain.case.case_events import Finished, RegisterAsked
from intake.domain.case.process import Answer, NewEvents
from intake.domain.case.state import WAITING, Case, CaseState
from intake.domain.catalogue.service_definition import Edition
from intake.handlers import cases
from registry_bridge.jobs import calls
from wanderamt.kernel.ids import RequestId

VARIABLE: Final = "WANDERAMT_CASE_MUTANT"


def forget_undo_on_withdrawal() -> None:
    undoes = process._undoes

    def mutant(case: Case) -> bool:
        return case.state is not CaseState.WITHDRAWN and undoes(case)

    _replace(process, "_undoes", mutant)


def send_command_again_under_a_new_key() -> None:
    """After an unknown outcome the register cannot recognise the order."""

    def mutant(request_id: Any, officer: str, purpose: str) -> CallContext:
        return CallContext(uuid4(), officer, purpose)

    _replace(calls, "CallContext", mutant)


def accept_answers_to_outdated_questions() -> None:
    asked: dict[RequestId, str] = {}
    ask = process._ask

    def remember(*args: Any, **kwargs: Any) -> Any:
        for event in ask(*args, **kwargs):
            asked[event.request_id] = event.call
            yield event

    def call_of(self: Case, request_id: RequestId) -> str | None:
        call = asked.get(request_id)
        state = self.calls.get(call or "")
        return call if state and state.status in WAITING else None

    _replace(process, "_ask", remember)
    Case.call_of = call_of  # type: ignore[method-assign]


def ignore_late_answers() -> None:
    """Of a command that was on its way when its case ended."""

    def mutant(case: Case, edition: Edition, answer: Answer, **kwargs: Any) -> NewEvents:
        return () if case.ended else process.record_answer(case, edition, answer, **kwargs)

    _replace(cases, "record_answer", mutant)


def finish_before_the_command_is_done() -> None:
    """And print the paper."""
    advance = process.advance

    def mutant(case: Case, edition: Edition, **kwargs: Any) -> NewEvents:
        following = advance(case, edition, **kwargs)
        commands = [event for event in following if isinstance(event, RegisterAsked) and event.command]
        return (*following, Finished()) if commands and not commands[0].undo else following

    _replace(process, "advance", mutant)


def _replace(module: ModuleType, name: str, mutant: Callable[..., Any]) -> None:
    """Raises KeyError when the module does not use such a function any more: the mutant would break nothing."""
    _ = vars(module)[name]
    vars(module)[name] = mutant


MUTANTS: Final[Mapping[str, tuple[str, Callable[[], None]]]] = {  # each with the service that it breaks
    "undo forgotten": ("intake", forget_undo_on_withdrawal),
    "new key": ("registry-bridge", send_command_again_under_a_new_key),
    "outdated answer": ("intake", accept_answers_to_outdated_questions),
    "late answer ignored": ("intake", ignore_late_answers),
    "paper too early": ("intake", finish_before_the_command_is_done),
}


def apply_mutant() -> None:
    """The one that the environment names, if any."""
    if name := os.environ.get(VARIABLE):
        _, breakage = MUTANTS[name]
        breakage()

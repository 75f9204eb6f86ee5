"""Recorded messages of a register with the outcome that each must give: scenarios/*.json, read by `verify` and
`simulate`."""

import base64
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from connector_kit.adapter import HttpReply
from connector_kit.call_outcome import (
    Ambiguous,
    AuthFailed,
    CallOutcome,
    NotExecuted,
    NotFound,
    PossiblyExecuted,
    Rejected,
    Succeeded,
    TemporarilyUnavailable,
    Throttled,
    UnreadableResponse,
)

OutcomeName = Literal[
    "succeeded",
    "not_found",
    "rejected",
    "ambiguous",
    "not_executed",
    "temporarily_unavailable",
    "throttled",
    "auth_failed",
    "possibly_executed",
    "unreadable_response",
]


class InvalidScenarioError(Exception):
    """The message names the file and what is wrong with it."""


class RecordedReply(BaseModel):
    """A reply as received. `body_base64` is for bodies that are not UTF-8."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: int = Field(200, ge=100, le=599)
    headers: dict[str, str] = {}
    body: str | None = None
    body_base64: str | None = None

    def to_http_reply(self) -> HttpReply:
        body = base64.b64decode(self.body_base64) if self.body_base64 else (self.body or "").encode()
        return HttpReply(self.status, {name.lower(): value for name, value in self.headers.items()}, body)


class ExpectedOutcome(BaseModel):
    """`result`: of `succeeded`, as JSON; `code`: of outcomes that have one. Absent fields are not compared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: OutcomeName
    code: str | None = None
    result: dict[str, Any] | None = None
    after_s: float | None = None


class Scenario(BaseModel):
    """`name`: the file's name. `line`: for a register that exchanges files, instead of a reply.

    `vary`: fields whose value must differ between questions, such as {"plate": "L {n:03}AB"}.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    operation: str
    question: dict[str, Any]
    vary: dict[str, str] = {}
    call_kind: Literal["execute", "status_check"] = "execute"
    reply: RecordedReply | None = None
    line: str | None = None
    expect: ExpectedOutcome

    def question_json(self, number: int) -> bytes:
        """The question as JSON, a different one for each number."""
        varied = {name: text.format(n=number) for name, text in self.vary.items()}
        return json.dumps({**self.question, **varied}).encode()

    @model_validator(mode="after")
    def _has_reply_or_line(self) -> "Scenario":
        if (self.reply is None) == (self.line is None):
            raise ValueError("give a reply, or a line if the register exchanges files")
        return self


def read_scenarios(folder: Path) -> tuple[Scenario, ...]:
    """Sorted by name. Raises InvalidScenarioError."""
    scenarios = []
    for file in sorted(folder.glob("*.json")):
        try:
            scenarios.append(Scenario.model_validate({"name": file.stem, **json.loads(file.read_text("utf-8"))}))
        except (ValueError, ValidationError) as error:
            raise InvalidScenarioError(f"{file.name}: {error}") from error
    return tuple(scenarios)


def outcome_name(outcome: CallOutcome) -> OutcomeName:
    return OUTCOME_NAMES[type(outcome)]


def differences(expected: ExpectedOutcome, outcome: CallOutcome) -> list[str]:
    """Sentences; none if the outcome is the expected one."""
    if outcome_name(outcome) != expected.outcome:
        return [f"the outcome is {outcome_name(outcome)} ({getattr(outcome, 'code', '')}), expected {expected.outcome}"]
    sentences = []
    for field in ("code", "after_s"):
        wanted, actual = getattr(expected, field), getattr(outcome, field, None)
        if wanted is not None and wanted != actual:
            sentences.append(f"{field} is {actual}, expected {wanted}")
    if expected.result is not None and isinstance(outcome, Succeeded):
        actual = outcome.result.model_dump(mode="json")
        if actual != expected.result:
            sentences.append(f"the result is {actual}, expected {expected.result}")
    return sentences


OUTCOME_NAMES: dict[type[Any], OutcomeName] = {
    Succeeded: "succeeded",
    NotFound: "not_found",
    Rejected: "rejected",
    Ambiguous: "ambiguous",
    NotExecuted: "not_executed",
    TemporarilyUnavailable: "temporarily_unavailable",
    Throttled: "throttled",
    AuthFailed: "auth_failed",
    PossiblyExecuted: "possibly_executed",
    UnreadableResponse: "unreadable_response",
}

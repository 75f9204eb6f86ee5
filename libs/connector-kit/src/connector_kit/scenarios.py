"""Recorded messages of a register with the verdict each must end in: scenarios/*.json, read by `verify` and `sim`."""

import base64
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from connector_kit.adapter import HttpReply
from connector_kit.verdict import (
    Ambiguous,
    AuthFailed,
    Done,
    Malformed,
    NotDone,
    NotFound,
    Rejected,
    RetryLater,
    Throttled,
    Unknown,
    Verdict,
)

VerdictName = Literal[
    "done",
    "not_found",
    "rejected",
    "ambiguous",
    "not_done",
    "retry_later",
    "throttled",
    "auth_failed",
    "unknown",
    "malformed",
]


class BadScenario(Exception):
    """Says which file and what is wrong with it."""


class Reply(BaseModel):
    """As it came from the wire. `body_base64` where it is no UTF-8."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: int = Field(200, ge=100, le=599)
    headers: dict[str, str] = {}
    body: str | None = None
    body_base64: str | None = None

    def native(self) -> HttpReply:
        body = base64.b64decode(self.body_base64) if self.body_base64 else (self.body or "").encode()
        return HttpReply(self.status, {name.lower(): value for name, value in self.headers.items()}, body)


class Expected(BaseModel):
    """`result`: of done, as JSON; `code`: of those that have one. What is left out is not compared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    verdict: VerdictName
    code: str | None = None
    result: dict[str, Any] | None = None
    after_s: float | None = None


class Scenario(BaseModel):
    """`name`: of its file. `line`: for a register of files, instead of a reply.

    `vary`: fields whose value must differ from question to question, such as {"plate": "L {n:03}AB"}.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    operation: str
    question: dict[str, Any]
    vary: dict[str, str] = {}
    beat: Literal["call", "probe"] = "call"
    reply: Reply | None = None
    line: str | None = None
    expect: Expected

    def asked(self, number: int) -> bytes:
        """The question as JSON, another one for each number."""
        varied = {name: text.format(n=number) for name, text in self.vary.items()}
        return json.dumps({**self.question, **varied}).encode()

    @model_validator(mode="after")
    def _one(self) -> "Scenario":
        if (self.reply is None) == (self.line is None):
            raise ValueError("give a reply, or a line for a register of files")
        return self


def read_scenarios(folder: Path) -> tuple[Scenario, ...]:
    """By name. Raises BadScenario."""
    found = []
    for file in sorted(folder.glob("*.json")):
        try:
            found.append(Scenario.model_validate({"name": file.stem, **json.loads(file.read_text("utf-8"))}))
        except (ValueError, ValidationError) as error:
            raise BadScenario(f"{file.name}: {error}") from error
    return tuple(found)


def name_of(verdict: Verdict) -> VerdictName:
    return NAMES[type(verdict)]


def differences(expected: Expected, verdict: Verdict) -> list[str]:
    """Sentences; none when the verdict is the expected one."""
    if name_of(verdict) != expected.verdict:
        return [f"the verdict is {name_of(verdict)} ({getattr(verdict, 'code', '')}), expected {expected.verdict}"]
    found = []
    for field in ("code", "after_s"):
        wanted, seen = getattr(expected, field), getattr(verdict, field, None)
        if wanted is not None and wanted != seen:
            found.append(f"{field} is {seen}, expected {wanted}")
    if expected.result is not None and isinstance(verdict, Done):
        seen = verdict.result.model_dump(mode="json")
        if seen != expected.result:
            found.append(f"the result is {seen}, expected {expected.result}")
    return found


NAMES: dict[type[Any], VerdictName] = {
    Done: "done",
    NotFound: "not_found",
    Rejected: "rejected",
    Ambiguous: "ambiguous",
    NotDone: "not_done",
    RetryLater: "retry_later",
    Throttled: "throttled",
    AuthFailed: "auth_failed",
    Unknown: "unknown",
    Malformed: "malformed",
}

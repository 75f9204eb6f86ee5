"""Calls a register once and stores its answer as a scenario, redacted.

Invariants: of the answer's texts and numbers only those remain that the caller names, or that decide the outcome and
are a bare code; the redacted answer gives the same outcome as the real one, or nothing is stored.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from pydantic import SecretStr, ValidationError

from connector_kit.adapter import CallContext, HttpReply
from connector_kit.call_outcome import CallOutcome
from connector_kit.folder import BridgeFolder, RegisterConnection
from connector_kit.scenarios import outcome_name
from connector_kit.transports.http import HttpFailure

NUMBER = re.compile(r"-?\d[\d.]*")
CODE = re.compile(r"^[A-Z0-9_:.-]{1,24}$")
WORDS = re.compile(
    r'(?<=>)[^<>]*[^<>\s][^<>]*(?=<)|(?<=")(?:[^"\\]|\\.)+(?="\s*[,}\]])|(?<=[:\[,\s])-?\d[\d.]*(?=\s*[,}\]])'
)


class RecordingError(Exception):
    """Why nothing was recorded, and what to do."""


async def record_scenario(
    folder: BridgeFolder,
    operation: str,
    question: str,
    *,
    url: str,
    name: str,
    secrets: Mapping[str, SecretStr],
    keep: Sequence[str],
) -> tuple[str, dict[str, Any]]:
    """The outcome's name and the scenario. Raises RecordingError."""
    rules = folder.manifest.operations.get(operation)
    if folder.uses_files or not rules:
        raise RecordingError(f"{folder.manifest.id} has no operation {operation} that we can call")
    bridge = folder.bridge(
        RegisterConnection(url, {**dict.fromkeys(folder.manifest.secrets, SecretStr("")), **secrets})
    )
    try:
        question_model = folder.models[rules.question].model_validate_json(question)
    except ValidationError as error:
        await bridge.transport.close()
        raise RecordingError(
            f"the question is not a valid {rules.question}: {error.error_count()} fields are wrong"
        ) from error
    context = CallContext(uuid5(NAMESPACE_OID, name), "recorder", rules.purposes[0])
    reply = await bridge.transport.send(
        bridge.adapter.encode(operation, question_model, context), timeout_s=rules.timeout_s
    )
    await bridge.transport.close()
    if isinstance(reply, HttpFailure):
        raise RecordingError(f"no answer from the register ({reply}): check the address and the credentials")
    outcome = bridge.adapter.classify(operation, reply)
    body = redact(folder, operation, reply, outcome, keep)
    scenario = {
        "operation": operation,
        "question": json.loads(question),
        "reply": {"status": reply.status, "headers": _headers(reply), "body": body},
        "expect": {"outcome": outcome_name(outcome)},
    }
    return outcome_name(outcome), scenario


def redact(folder: BridgeFolder, operation: str, reply: HttpReply, outcome: CallOutcome, keep: Sequence[str]) -> str:
    """The body with every value redacted except those in `keep` and bare codes that decide the outcome."""
    adapter, text = folder.adapter(), reply.body.decode("utf-8", "replace")

    def gives_same_outcome(candidate: str) -> bool:
        candidate_outcome = adapter.classify(operation, HttpReply(reply.status, reply.headers, candidate.encode()))
        return type(candidate_outcome) is type(outcome)

    at = 0
    while match := WORDS.search(text, at):
        word = match.group()
        if word in keep:
            at = match.end()
            continue
        for replacement in _replacements(word):
            changed = text[: match.start()] + replacement + text[match.end() :]
            if gives_same_outcome(changed):
                text, at = changed, match.start() + len(replacement)
                break
        else:
            if not CODE.match(word.strip()):
                raise RecordingError(
                    "a text of the answer decides the outcome and is not a bare code: name it with --keep"
                )
            at = match.end()
    return text


def _replacements(word: str) -> Iterator[str]:
    """Replacements, the least informative first: a number stays a number, a date stays a date."""
    for replacement in (
        "0" if NUMBER.fullmatch(word) else re.sub(r"\w", lambda char: "0" if char.group().isdigit() else "x", word),
        re.sub(r"\d{4}-\d\d-\d\d", "2000-01-01", word),
    ):
        if replacement != word:
            yield replacement


def _headers(reply: HttpReply) -> dict[str, str]:
    return {name: value for name, value in reply.headers.items() if name in {"content-type", "retry-after"}}

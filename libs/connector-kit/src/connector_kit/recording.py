"""Asks a register once and keeps its answer as a scenario, blotted.

Kept true: of the answer's texts and numbers only those stay that are named, or that the verdict needs and that are a
bare code; the blotted answer ends in the same verdict as the real one, or nothing is kept.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from pydantic import SecretStr, ValidationError

from connector_kit.adapter import HttpReply, Stamp
from connector_kit.folder import BridgeFolder, Connection
from connector_kit.scenarios import name_of
from connector_kit.transport import Trouble
from connector_kit.verdict import Verdict

NUMBER = re.compile(r"-?\d[\d.]*")
CODE = re.compile(r"^[A-Z0-9_:.-]{1,24}$")
WORDS = re.compile(
    r'(?<=>)[^<>]*[^<>\s][^<>]*(?=<)|(?<=")(?:[^"\\]|\\.)+(?="\s*[,}\]])|(?<=[:\[,\s])-?\d[\d.]*(?=\s*[,}\]])'
)


class NotRecorded(Exception):
    """Why not, and what to do."""


async def record_one(
    folder: BridgeFolder,
    operation: str,
    question: str,
    *,
    url: str,
    name: str,
    secrets: Mapping[str, SecretStr],
    keep: Sequence[str],
) -> tuple[str, dict[str, Any]]:
    """The verdict's name and the scenario. Raises NotRecorded."""
    rules = folder.manifest.operations.get(operation)
    if folder.batch or not rules:
        raise NotRecorded(f"{folder.manifest.id} has no operation {operation} that can be called")
    bridge = folder.bridge(Connection(url, {**dict.fromkeys(folder.manifest.secrets, SecretStr("")), **secrets}))
    try:
        asked = folder.models[rules.question].model_validate_json(question)
    except ValidationError as error:
        await bridge.wire.close()
        raise NotRecorded(f"the question is no {rules.question}: {error.error_count()} fields are wrong") from error
    stamp = Stamp(uuid5(NAMESPACE_OID, name), "recorder", rules.purposes[0])
    reply = await bridge.wire.send(bridge.adapter.encode(operation, asked, stamp), timeout_s=rules.timeout_s)
    await bridge.wire.close()
    if isinstance(reply, Trouble):
        raise NotRecorded(f"the register gave no answer ({reply}): is the address right, does it let you in?")
    verdict = bridge.adapter.classify(operation, reply)
    body = blotted(folder, operation, reply, verdict, keep)
    scenario = {
        "operation": operation,
        "question": json.loads(question),
        "reply": {"status": reply.status, "headers": _headers(reply), "body": body},
        "expect": {"verdict": name_of(verdict)},
    }
    return name_of(verdict), scenario


def blotted(folder: BridgeFolder, operation: str, reply: HttpReply, verdict: Verdict, keep: Sequence[str]) -> str:
    """The body with every value blotted that can be; a bare code that the verdict needs stays."""
    adapter, text = folder.adapter(), reply.body.decode("utf-8", "replace")

    def same(candidate: str) -> bool:
        told = adapter.classify(operation, HttpReply(reply.status, reply.headers, candidate.encode()))
        return type(told) is type(verdict)

    at = 0
    while found := WORDS.search(text, at):
        word = found.group()
        if word in keep:
            at = found.end()
            continue
        for blot in _blots(word):
            changed = text[: found.start()] + blot + text[found.end() :]
            if same(changed):
                text, at = changed, found.start() + len(blot)
                break
        else:
            if not CODE.match(word.strip()):
                raise NotRecorded("a text of the answer decides the verdict and is no bare code: name it with --keep")
            at = found.end()
    return text


def _blots(word: str) -> Iterator[str]:
    """What may stand there instead, the least telling first: a number stays one, and so does a date."""
    for blot in (
        "0" if NUMBER.fullmatch(word) else re.sub(r"\w", lambda sign: "0" if sign.group().isdigit() else "x", word),
        re.sub(r"\d{4}-\d\d-\d\d", "2000-01-01", word),
    ):
        if blot != word:
            yield blot


def _headers(reply: HttpReply) -> dict[str, str]:
    return {name: value for name, value in reply.headers.items() if name in {"content-type", "retry-after"}}

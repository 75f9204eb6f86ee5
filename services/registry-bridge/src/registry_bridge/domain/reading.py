"""Who was given what of a register, in whose name and why: written down with each answer to a lookup."""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from connector_kit.manifest import Kind, Manifest
from wanderamt.contracts import Verdict
from wanderamt.kernel.ids import CaseId, RequestId


class Source(StrEnum):
    REGISTER = "register"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Reading:
    """`delivered`: ids of the records that were shown, by the name of their field; nothing else of the answer."""

    officer: str
    purpose: str
    case_id: CaseId
    request_id: RequestId | None
    register: str
    operation: str
    verdict: Verdict
    delivered: dict[str, str]
    source: Source
    as_of: datetime


def delivered(manifest: Manifest, operation: str, details: bytes | None) -> dict[str, str]:
    """Of an answer as JSON."""
    names = manifest.operations[operation].delivers
    answer = json.loads(details) if details and names else {}
    return {name: str(answer[name]) for name in names if answer.get(name) is not None}


def is_read(manifest: Manifest | None, operation: str) -> bool:
    rules = manifest.operations.get(operation) if manifest else None
    return bool(rules and rules.kind is Kind.LOOKUP)
